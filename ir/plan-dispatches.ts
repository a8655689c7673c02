import type { BufferArgument, DispatchContract, WgslContract } from './call-contract.ts';
import { evaluate } from './formula.ts';

/** A dispatch of a WGSL kernel in numbers. */
export interface PlannedDispatch {
  readonly entryPoint: string;
  readonly workgroups: readonly [number, number, number];
  readonly uniforms: readonly { readonly binding: number; readonly value: number }[];
  readonly buffers: readonly BoundRange[];
}

/** Bytes of an argument that a dispatch binds. */
export interface BoundRange {
  readonly binding: number;
  readonly argument: string;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The dispatches for M tokens, in order: all of a launch, then all of the next, each for `tokensAtOnce` of them. None where
 * that is 0: no schedule that is legal comes to it.
 */
export function planDispatches(contract: WgslContract, m: number): readonly PlannedDispatch[] {
  const { arguments: all, dispatches, tokensAtOnce } = contract;
  const named = new Map(all.flatMap((each) => (each.kind === 'buffer' ? [[each.name, each] as const] : [])));
  const planned: PlannedDispatch[] = [];
  for (let first = 0; tokensAtOnce > 0 && first < m; first += tokensAtOnce) {
    const tokens = Math.min(tokensAtOnce, m - first);
    planned.push(...dispatches.map((dispatch) => planDispatch(dispatch, named, first, tokens)));
  }
  return planned;
}

function planDispatch(
  { entryPoint, grid: [x, y, z], uniforms, buffers }: DispatchContract,
  named: ReadonlyMap<string, BufferArgument>,
  first: number,
  tokens: number,
): PlannedDispatch {
  return {
    entryPoint,
    workgroups: [evaluate(x, tokens), evaluate(y, tokens), evaluate(z, tokens)],
    uniforms: uniforms.map(({ binding, value }) => ({ binding, value: evaluate(value, tokens) })),
    buffers: buffers.flatMap(({ binding, argument, range }) => {
      const buffer = named.get(argument);
      if (buffer === undefined) return [];
      const rows = { offset: first * tokenStride(buffer), bytes: evaluate(buffer.bytes, tokens) };
      return [{ binding, argument, ...(range ?? rows) }];
    }),
  };
}

/** Bytes from one token's row of an argument to the next; 0 where it has no rows of tokens. */
export function tokenStride({ shape, rowStrideBytes = 0 }: BufferArgument): number {
  const [outermost] = shape;
  return outermost !== undefined && 'M' in outermost ? rowStrideBytes : 0;
}
