// Part of a package that quikc wrote; the same in each. Types that do not depend on the model.

export type BundleErrorCode =
  /** The device is lost, or was destroyed. */
  | 'device-lost'
  /** A buffer could not be had. */
  | 'out-of-memory'
  /** The device lacks a feature or limit. */
  | 'unsupported'
  /** A shader does not compile: the message has the kernel's id and what the browser said. */
  | 'kernel'
  /** A buffer is missing, unknown, too small, or bound where it must not be. */
  | 'buffer'
  /** No count of tokens, or one that is not served. */
  | 'tokens'
  /** Packed weights are truncated, of another layer or of another model. */
  | 'weights'
  /** A token's row had a NaN or an infinity. */
  | 'non-finite'
  /** No such site, layer or variant; no `gpu` where it is needed; weights that are no file, bytes or address. */
  | 'usage';

/**
 * What the functions of this package throw, or reject with, of devices, weights and names. An upload that is aborted rejects
 * with its signal's reason; what a type of this package forbids may be a TypeError.
 */
export declare class BundleError extends Error {
  readonly code: BundleErrorCode;
  private constructor();
}

// ---- WebGPU, as far as types need it: any declaration of it fits (@webgpu/types, Deno's, a browser's). ----

export interface BufferLike {
  readonly size: number;
  destroy(): void;
}

export interface DeviceLike {
  createBuffer(descriptor: { size: number; usage: number }): BufferLike;
  readonly lost: Promise<unknown>;
}

export interface AdapterLike {
  readonly features: { has(name: never): boolean };
  readonly limits: object;
}

/** What tells WGSL's language features: navigator.gpu, and where there is none what the adapter was asked of. */
export interface LanguageLike {
  readonly wgslLanguageFeatures: { has(name: string): boolean };
}

/** What gives adapters, which give devices: navigator.gpu. */
export interface GpuLike<D extends DeviceLike> extends LanguageLike {
  requestAdapter(): Promise<(AdapterLike & { requestDevice(): Promise<D> }) | null>;
}

/** The device of navigator.gpu, where the types of WebGPU are known. */
export type AmbientDevice = typeof globalThis extends {
  navigator: { gpu: { requestAdapter(...options: never): Promise<infer A> } };
}
  ? NonNullable<A> extends { requestDevice(...options: never): Promise<infer D extends DeviceLike> }
    ? D
    : DeviceLike
  : DeviceLike;

export interface PassLike {
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
}

export interface EncoderLike {
  beginComputePass(): PassLike;
}

/** The buffers that a device makes: GPUBuffer. */
export type BufferOf<D extends DeviceLike> = ReturnType<D['createBuffer']>;

declare const holds: unique symbol;

/**
 * A buffer with its role and contents, e.g. `y: f16[M][4096]`, as a type. One that this package made goes only where the same
 * is asked for; where another role is meant, as where y goes on as the next x, say so: `linears.o_proj.y as GPUBuffer`. A
 * buffer of your own goes anywhere: of it only size, usage and overlap are checked, when it is bound.
 */
export type Tensor<B, Contents extends string> = B & { readonly [holds]?: Contents };

/** For each argument its buffer, or a part of one: `offset` a multiple of 256, `size` at least the argument's bytes. */
export type Bindings<Buffers> = {
  readonly [K in keyof Buffers]:
    | Buffers[K]
    | { readonly buffer: Buffers[K]; readonly offset?: number; readonly size?: number };
};

/** Bytes of each buffer. */
export type Sizes<Buffers> = { readonly [K in keyof Buffers]: number };

// ---- Sites ----

export interface Launch<Buffers> {
  /**
   * Records a kernel for M tokens, in as many dispatches as it takes: into a compute pass, or into a pass of its own in a
   * command encoder. Submits nothing. M = 0 records nothing.
   */
  encode(
    target: EncoderLike | PassLike,
    request: { readonly M: number; readonly buffers: Bindings<Buffers> },
  ): void;
}

/** Argument names that hold a layer's packed weights. */
type Packed = 'weights' | 'column_meta' | 'outlier_weights';

export interface Request<Quantize, Linears> {
  readonly M: number;
  readonly buffers: Bindings<Quantize>;
  readonly linears: { readonly [L in keyof Linears]: Bindings<Omit<Linears[L], keyof Quantize>> };
}

/** A quantize and the linears that share what it writes. */
export interface Site<Quantize, Linears> {
  readonly quantize: Launch<Quantize>;
  readonly linears: { readonly [L in keyof Linears]: Launch<Linears[L]> };
  /** Records the quantize and then all linears, for M tokens. What they share is given once, in `buffers`. */
  encode(target: EncoderLike | PassLike, request: Request<Quantize, Linears>): void;
  /** The same in a command encoder of its own, submitted at once. */
  run(request: Request<Quantize, Linears>): void;
  /**
   * New buffers for up to M tokens, usable as source and target of copies: all but packed weights, which uploadWeights
   * makes. `gamma` and `outlier_columns` are a layer's own, the rest may be shared by layers that run one after another.
   */
  createBuffers(M: number): Promise<{
    readonly buffers: Quantize;
    readonly linears: { readonly [L in keyof Linears]: Omit<Linears[L], keyof Quantize | Packed> };
  }>;
}

export interface Pipelines<D, Sites> {
  readonly device: D;
  readonly sites: Sites;
  /** `promise`, or a rejection (code device-lost) once the device is lost: so that nothing waits for ever. */
  orLost<T>(promise: Promise<T>): Promise<T>;
  /**
   * Rejects (code non-finite) if a quantize that was submitted since this was last asked had a row with a NaN or an infinity:
   * WGSL does not say what comes of it. Does nothing where createPipelines was told not to check.
   */
  assertFinite(): Promise<void>;
  /** The first `bytes` of a buffer, or all, once what was submitted before is done, and finite. Submits copies of its own. */
  read(buffer: BufferLike, bytes?: number): Promise<ArrayBuffer>;
  /** The same of a buffer in the model's 16-bit format (x, y, residual, gamma), as numbers: the first `count`, or all. */
  readFloats(buffer: BufferLike, count?: number): Promise<Float32Array>;
}

/** Bytes of each buffer of a site. */
export type SiteSizes<S> =
  S extends Site<infer Quantize, infer Linears>
    ? {
        readonly buffers: Sizes<Quantize>;
        readonly linears: { readonly [L in keyof Linears]: Sizes<Linears[L]> };
      }
    : never;

/** What createPipelines and open may be told: names of sites and of a variant, and of whom to ask. */
export interface PipelineOptions<SiteName, VariantName, Gpu = LanguageLike> {
  /** Whose kernels to compile; those of all unless given. */
  readonly sites?: readonly SiteName[];
  /** The best that the device was made for, or that the adapter can run, unless given. */
  readonly variant?: VariantName;
  /** navigator.gpu unless given: where there is none, what the adapter was asked of. */
  readonly gpu?: Gpu;
  /** `false` leaves out the look at what each quantize was given: see Pipelines.assertFinite. */
  readonly checkFinite?: boolean;
}

// ---- Weights ----

/** Bytes in memory, a file, or what has a size and can be streamed. */
export type ByteSource =
  | ArrayBuffer
  | ArrayBufferView
  | { readonly size: number; stream(): ReadableStream<Uint8Array> };

export interface UploadOptions {
  /** Called after each piece: bytes of the layer that are on their way, of how many. */
  readonly onProgress?: (progress: {
    readonly layer: string;
    readonly argument: string;
    readonly loaded: number;
    readonly total: number;
  }) => void;
  readonly signal?: AbortSignal;
}
