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
  | 'split-k-workspace';

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

/** How to launch a kernel for M tokens (M = 0: do not launch). */
export interface LaunchContract {
  readonly grid: readonly [Formula, Formula, Formula];
  readonly block: readonly [number, number, number];
  readonly dynamicSharedBytes: number;
}

/** The state a workspace must be in before the first call and is left in by every call. */
export interface WorkspaceProtocol {
  readonly argument: string;
  readonly before: 'zeroed';
  readonly after: 'zeroed';
  readonly sharing: string;
}

export interface CallContract {
  readonly arguments: readonly KernelArgument[];
  readonly launch: LaunchContract;
  readonly workspace?: WorkspaceProtocol;
}
