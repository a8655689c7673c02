import { smallestScale } from '../reference/quantise-row.ts';
import { channelScale, clipSearch } from '../reference/quantise-weights.ts';
import { assert } from '../support/assert.ts';
import { type WasmMemory, wasm } from '../support/wasm/web-assembly.ts';
import { clipKernelBytes, type SumClipErrors } from './clip-kernel.ts';

/** The memory begins with s and the limits of codes, twice each, then the two sums; values follow. */
const [givenAt, sumsAt, valuesAt] = [0, 6, 8] as const;
/** Pairs between two looks at whether the candidate can still be the best. */
const pairsAtOnce = 128;

/** s_w of a channel's base columns. */
export function scaleOf(weights: Float32Array, bits: 4 | 8, clip: boolean): number {
  return clip ? searchScale(weights, bits) : channelScale(weights, bits);
}

let engine: { readonly memory: WasmMemory; readonly sum: SumClipErrors } | undefined;

/**
 * The scale that quantiseWeights finds with `clip`, six times as fast: powers are computed two at a time, to 2^-45 where its own are
 * good to a few 2^-53. Both are far within the 2^-36 that its margin is made for (docs/numerics.md, 5).
 */
function searchScale(weights: Float32Array, bits: 4 | 8): number {
  const full = channelScale(weights, bits);
  engine ??= startEngine();
  const { memory, sum } = engine;
  const pairs = Math.ceil(weights.length / 2);
  const missing = 8 * (valuesAt + 2 * pairs) - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
  const view = new Float64Array(memory.buffer);
  view.set(weights, valuesAt);
  // Of an odd number, the last has a zero beside it, whose code is 0 and error nothing.
  view[valuesAt + weights.length] = 0;
  const half = 2 ** (bits - 1);
  view.set([0, 0, -half, -half, half - 1, half - 1], givenAt);
  const share = 1 - 2 ** clipSearch.marginPower;
  let best = full;
  let enough = Number.POSITIVE_INFINITY;
  for (let i = 0; i < clipSearch.candidates; i++) {
    const scale = Math.max(Math.fround(full * (1 - i / clipSearch.grid)), smallestScale);
    view.fill(scale, givenAt, givenAt + 2);
    let error = 0;
    for (let pair = 0; pair < pairs && error < enough; pair += pairsAtOnce) {
      sum(8 * (valuesAt + 2 * pair), Math.min(pairsAtOnce, pairs - pair), 8 * givenAt, 8 * sumsAt);
      error += (view[sumsAt] ?? 0) + (view[sumsAt + 1] ?? 0);
    }
    if (error < enough) {
      enough = error * share;
      best = scale;
    }
  }
  return best;
}

function startEngine() {
  const memory = new wasm.Memory({ initial: 1 });
  const instance = new wasm.Instance(new wasm.Module(clipKernelBytes()), { host: { memory } });
  const sum = instance.exports['sum'];
  assert(typeof sum === 'function', 'the clip kernel exports sum');
  return { memory, sum: sum as SumClipErrors };
}
