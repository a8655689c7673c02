import type { Dtype } from './dtype.ts';
import type { Formula } from './formula.ts';

/** How the elements of an argument lie in memory; each name is defined in docs/layouts.md. */
export type LayoutName =
  | 'row-major'
  | 'codes-rows'
  | 'row-meta'
  | 'weight-blocks-16x64-s4'
  | 'weight-blocks-16x32-s8'
  | 'outlier-blocks-16x16'
  | 'column-meta'
  | 'sorted-indices'
  | 'split-k-workspace'
  | 'slice-shares';

/** One pointer argument of a kernel, in signature order. Sizes and strides are in bytes. */
export interface BufferArgument {
  readonly kind: 'buffer';
  readonly name: string;
  readonly dtype: Dtype;
  readonly layout: LayoutName;
  readonly access: 'read' | 'write' | 'read-write';
  /** Logical shape, outermost first; each extent may depend on M. */
  readonly shape: readonly Formula[];
  /** Bytes from one row (or block) to the next where the layout has rows. */
  readonly rowStrideBytes?: number;
  readonly bytes: Formula;
  readonly alignment: number;
  /** One sentence: what the elements mean. */
  readonly meaning: string;
}

/** The token count M, a 32-bit signed integer. */
export interface TokenCountArgument {
  readonly kind: 'token-count';
  readonly name: string;
}

export type KernelArgument = BufferArgument | TokenCountArgument;

/** How to launch a CUDA kernel for M tokens (M = 0: do not launch). */
export interface LaunchContract {
  readonly grid: readonly [Formula, Formula, Formula];
  readonly block: readonly [number, number, number];
  readonly dynamicSharedBytes: number;
}

/**
 * One dispatch of a WGSL kernel: its entry point, and what group 0 binds. A launch is all dispatches of its kernel, one
 * after the other, each of which sees what those before it wrote.
 */
export interface DispatchContract {
  readonly entryPoint: string;
  /** Workgroups, and the invocations of each. */
  readonly grid: readonly [Formula, Formula, Formula];
  readonly block: readonly [number, number, number];
  readonly uniforms: readonly UniformBinding[];
  readonly buffers: readonly StorageBinding[];
}

/** A u32 of a dispatch in a uniform buffer. */
export interface UniformBinding {
  readonly binding: number;
  readonly name: string;
  readonly value: Formula;
}

export interface StorageBinding {
  readonly binding: number;
  readonly argument: string;
  /** The bytes of it that are bound, where the dispatch takes a part of a packed argument. */
  readonly range?: { readonly offset: number; readonly bytes: number };
}

/** The state a workspace must be in before the first call and is left in by every call; `any`: scratch. */
export interface WorkspaceProtocol {
  readonly argument: string;
  readonly before: 'zeroed' | 'any';
  readonly after: 'zeroed' | 'any';
  readonly sharing: string;
}

export interface CudaContract {
  /** In signature order. */
  readonly arguments: readonly KernelArgument[];
  readonly launch: LaunchContract;
  readonly workspace?: WorkspaceProtocol;
}

export interface WgslContract {
  /** Buffers, then the token count. */
  readonly arguments: readonly KernelArgument[];
  readonly dispatches: readonly DispatchContract[];
  /**
   * Most tokens of a launch, so that no binding and no grid is larger than WebGPU's limits. More tokens are launches of
   * so many each, the last of the rest: of every argument that has rows of tokens, a launch binds its own rows.
   */
  readonly tokensAtOnce: number;
  readonly workspace?: WorkspaceProtocol;
}

interface Contracts {
  readonly cuda: CudaContract;
  readonly wgsl: WgslContract;
}

/** How kernels of a language are called. */
export type ContractOf<D extends keyof Contracts> = Contracts[D];
export type CallContract = ContractOf<keyof Contracts>;
