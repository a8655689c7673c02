import type { BufferArgument, StorageBinding, UniformBinding } from '../../ir/call-contract.ts';
import { evaluate, tokens } from '../../ir/formula.ts';
import { tokenStride } from '../../ir/plan-dispatches.ts';
import type { WgslTarget } from '../../targets/target.ts';

/** What a storage binding's offset is a multiple of: WebGPU's default minStorageBufferOffsetAlignment. */
const offsetAlignment = 256;
/** A multiple of the tokens of every tile: so tiles lie alike in every launch. */
const wholeTiles = 128;

/** M, at binding 0 of every dispatch. */
export const tokenUniform: UniformBinding = { binding: 0, name: 'M', value: tokens };

/** Buffers as bindings of group 0, in their places among all of the kernel's: the first has 1. */
export function bindBuffers(
  all: readonly BufferArgument[],
  names: readonly string[] = all.map(({ name }) => name),
  ranges: Readonly<Record<string, StorageBinding['range']>> = {},
): readonly StorageBinding[] {
  return all.flatMap(({ name }, index) => {
    const range = ranges[name];
    const binding: StorageBinding = { binding: index + 1, argument: name };
    return names.includes(name) ? [range === undefined ? binding : { ...binding, range }] : [];
  });
}

/**
 * Most tokens of a launch: no binding is too large, rows start where a binding may, and there are no more than
 * `mostByGrid`. 0 where not even the fewest tokens that can be bound apart fit.
 */
export function tokensAtOnce(
  buffers: readonly BufferArgument[],
  { bindingBytes }: WgslTarget['limits'],
  mostByGrid = Number.POSITIVE_INFINITY,
): number {
  const growing = buffers.filter(({ bytes }) => evaluate(bytes, 2) > evaluate(bytes, 1));
  const most = Math.min(
    mostByGrid,
    ...growing.map(({ bytes }) => Math.floor(bindingBytes / evaluate(bytes, 1))),
  );
  const strides = growing.map(tokenStride).filter((stride) => stride > 0);
  const unit = Math.max(1, ...strides.map(tokensToAligned));
  const whole = most >= wholeTiles ? Math.max(unit, wholeTiles) : unit;
  return Math.floor(most / whole) * whole;
}

/** Rows of a stride after which an offset is aligned again. */
function tokensToAligned(stride: number): number {
  let rows = 1;
  while ((rows * stride) % offsetAlignment !== 0) rows *= 2;
  return rows;
}
