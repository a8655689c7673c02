/**
 * A CTA computes `tileN` output channels x `tileM` tokens with warpsN x warpsM warps. A K step is `tileKBytes`
 * bytes of every token row and as many of every channel: 128 codes of 4 bit, 64 of 8 bit or 32 FP16 outlier
 * columns for 64 bytes; `stages` such steps are in flight or in use.
 */
export interface TiledSchedule {
  readonly kind: 'tiled';
  readonly tileN: number;
  readonly tileM: number;
  readonly tileKBytes: 32 | 64 | 128;
  readonly warpsN: number;
  readonly warpsM: number;
  readonly stages: number;
  /** CTAs meant to be resident on an SM at once: registers are limited accordingly. */
  readonly ctasPerSm: number;
}

/**
 * K is cut into `slices` base slices plus one for the outlier columns; a CTA computes tileN channels x tileM tokens
 * of one slice, its `warps` warps each 16 channels at a time; the last CTA of a tile to arrive writes y.
 */
export interface SplitKSchedule {
  readonly kind: 'split-k';
  readonly tileN: number;
  readonly tileM: 8 | 16;
  readonly warps: number;
  readonly slices: number;
  /** CTAs meant to be resident on an SM at once: registers are limited accordingly. */
  readonly ctasPerSm: number;
}

export type LinearSchedule = TiledSchedule | SplitKSchedule;

/** One CTA of `threads` threads (a power of two of warps) quantises one row, held in registers and shared memory. */
export interface QuantizeSchedule {
  readonly kind: 'row';
  readonly threads: number;
  /** CTAs meant to be resident on an SM at once: registers are limited accordingly. */
  readonly ctasPerSm: number;
}

/**
 * A thread computes 4 output channels x `tokensPerThread` tokens in registers, a workgroup channelThreads x tokenThreads
 * times as much; every thread walks the whole of K.
 */
export interface RegisterTileSchedule {
  readonly kind: 'register-tile';
  readonly channelThreads: number;
  readonly tokenThreads: number;
  readonly tokensPerThread: number;
  readonly dot: IntegerDot;
  readonly halves: HalfAccess;
}

/**
 * How WGSL reads pairs of 16-bit floats: as words whose bits it takes apart, or as vectors of f16, for which the device must
 * have shader-f16. Arithmetic is in f32, and what is written is rounded by integers and stored as words, either way.
 */
export type HalfAccess = 'words' | 'vectors';

/** How WGSL multiplies codes: four at a time by dot4I8Packed, a language feature, or unpacked into vectors of i32. */
export type IntegerDot = 'packed' | 'scalar';

/**
 * A thread computes 4 output channels x `tokens` tokens; the lanes of a subgroup, at least `lanes` of them, each load the
 * rows of tokens / lanes tokens and broadcast them. Codes are multiplied by dot4I8Packed, or in exact f32 for adapters
 * whose float multiply-add is their best.
 */
export interface BroadcastTileSchedule {
  readonly kind: 'broadcast-tile';
  readonly threads: number;
  readonly tokens: number;
  readonly lanes: 4 | 8 | 16;
  readonly dot: 'packed' | 'floats';
  readonly halves: HalfAccess;
}

/**
 * `lanes` threads share K: each computes its part of 4 output channels x `tokens` tokens, and they add up in workgroup
 * memory. For few tokens, which alone would leave a GPU idle.
 */
export interface LaneSplitSchedule {
  readonly kind: 'lane-split';
  readonly lanes: number;
  readonly channelThreads: number;
  readonly tokens: number;
  readonly dot: IntegerDot;
  readonly halves: HalfAccess;
}

/**
 * K is cut into `slices`: in a first dispatch a thread computes its slice's share of 4 output channels x `tokens` tokens and
 * leaves it in a workspace, in a second one a thread adds up a token's shares and finishes. For few tokens and channels.
 */
export interface SliceSplitSchedule {
  readonly kind: 'slice-split';
  readonly slices: number;
  readonly channelThreads: number;
  readonly tokens: number;
  readonly dot: IntegerDot;
  readonly halves: HalfAccess;
}

export type WgslLinearSchedule =
  | RegisterTileSchedule
  | BroadcastTileSchedule
  | LaneSplitSchedule
  | SliceSplitSchedule;

/** A workgroup of `threads` threads quantises one row, reading it once for each of its phases. */
export interface WorkgroupRowSchedule {
  readonly kind: 'workgroup-row';
  readonly threads: number;
  /** How the threads' sums and ranges come together: in workgroup memory, or within subgroups, of whatever size, first. */
  readonly reduce: 'workgroup' | 'subgroup';
}

export type Schedule = LinearSchedule | QuantizeSchedule | WgslLinearSchedule | WorkgroupRowSchedule;
