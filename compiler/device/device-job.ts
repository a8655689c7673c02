/** One argument of a launch: a buffer by its index in the job, or a scalar. */
export type DeviceArgument =
  | { readonly buffer: number }
  | { readonly type: 'i32' | 'u32' | 'f32'; readonly value: number }
  | { readonly type: 'i64' | 'u64'; readonly value: bigint };

export interface DeviceBuffer {
  readonly bytes: number;
  /** Initial content: exactly `bytes` bytes, or one byte value for all of them. */
  readonly content: Uint8Array | number;
  /** Whether the reply brings its content after the first run. */
  readonly download: boolean;
}

export interface DeviceLaunch {
  /** Index into the job's modules. */
  readonly module: number;
  readonly symbol: string;
  readonly grid: readonly [number, number, number];
  readonly block: readonly [number, number, number];
  readonly dynamicSharedBytes: number;
  readonly arguments: readonly DeviceArgument[];
}

/** A piece of work for a GPU: all launches in order are one run. No launch at all asks what the GPU is. */
export interface DeviceJob {
  /** PTX as text, which the driver compiles for its GPU, or a cubin. */
  readonly modules: readonly (string | Uint8Array)[];
  readonly buffers: readonly DeviceBuffer[];
  readonly launches: readonly DeviceLaunch[];
  readonly timing?: {
    readonly warmup: number;
    readonly repeat: number;
    /** Bytes overwritten before each timed run, more than the L2 cache holds, so that inputs are cold. */
    readonly flushBytes: number;
  };
  /** Which GPU; default 0. */
  readonly device?: number;
}
