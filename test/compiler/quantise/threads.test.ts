import { afterAll, beforeAll, expect, test } from 'vitest';
import { addGram } from '../../../compiler/linear-algebra/add-gram.ts';
import { type OpenThreads, openThreads } from '../../../compiler/linear-algebra/open-threads.ts';
import { sharedFloats64 } from '../../../compiler/linear-algebra/threads.ts';
import { gptq } from '../../../compiler/quantise/gptq.ts';
import { performQuantise, type QuantiseJob } from '../../../compiler/quantise/perform-quantise.ts';
import { quadraticLoss } from '../../../compiler/quantise/quadratic-loss.ts';
import { roundToNearest } from '../../../compiler/quantise/round-to-nearest.ts';
import { makeMatrix } from '../../../compiler/reference/float-model/matrix.ts';
import { multiplyOn } from '../../../compiler/reference/float-model/multiply-pool.ts';
import { multiplyWeights } from '../../../compiler/reference/float-model/multiply-weights.ts';
import { bundleWorker } from '../../support/bundle-worker.ts';
import { exampleInputs, exampleLinear, threads as one, unwrap } from './example-linear.ts';

let worker: Awaited<ReturnType<typeof bundleWorker>>;
let three: OpenThreads<QuantiseJob>;

beforeAll(async () => {
  worker = await bundleWorker('compiler/quantise/quantise-worker.ts');
  three = await openThreads(worker.url, 3, performQuantise);
});
afterAll(async () => {
  await three?.close();
  worker?.remove();
});

// Wide enough for products to be shared among threads: tiles of 300 columns, and three block columns of the factor.
test('Gram, codes and losses are the same to the bit on one thread and on three', () => {
  const [n, k] = [101, 300];
  const linear = exampleLinear(n, k, 9, { bits: 8 });
  const x = exampleInputs(k, 400);
  const results = [one, three].map((threads) => {
    const gram = sharedFloats64(k * k);
    addGram(threads, x, k, gram);
    const corrected = unwrap(gptq(threads, linear, gram, { order: { kind: 'act-order' } })).linear;
    const pruned = unwrap(gptq(threads, linear, gram, { sparsity: '2:4' })).linear;
    // Weights that are not shared are copied.
    const own = { ...linear, weights: Float32Array.from(linear.weights) };
    const nearest = unwrap(roundToNearest(threads, own));
    const loss = quadraticLoss(threads, linear.weights, pruned, Float64Array.from(gram));
    return { gram: Float64Array.from(gram), corrected, pruned, nearest, loss };
  });
  expect(Object.keys(results[0]!.corrected)).toEqual(Object.keys(results[1]!.corrected));
  expect(results[1]).toEqual(results[0]);
});

test('a float model multiplies on the same threads', () => {
  const [rows, k, n] = [40, 300, 301];
  const x = { rows, columns: k, data: exampleInputs(k, rows) };
  const { weights } = exampleLinear(n, k, 0);
  const results = [multiplyWeights, multiplyOn(three)].map((multiply) => {
    const out = makeMatrix(rows, n + 1);
    multiply(x, weights, undefined, out, 1);
    return out.data;
  });
  expect(results[1]).toEqual(results[0]);
});

test('what is not shared is refused, for a worker would write to a copy', () => {
  expect(() => addGram(three, new Float64Array(6), 3, sharedFloats64(9))).toThrow('shared memory');
  expect(() => addGram(three, sharedFloats64(6), 3, new Float64Array(9))).toThrow('shared memory');
});

test('a task that fails in a worker is a failure of the caller, who does not wait for it for ever', async () => {
  const sleepy = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  const two = await openThreads<unknown>(worker.url, 2, sleepy);
  try {
    expect(() => two.run({ kind: 'gptq-rows', rows: 'none' }, 20)).toThrow(
      /every thread does its tasks: .*undefined/,
    );
    // The next job is another one.
    expect(() =>
      two.run({ kind: 'round-rows', linear: { n: 0, k: 0, outlierColumns: [], dtype: 'f16' }, rows: 1 }, 2),
    ).not.toThrow();
  } finally {
    await two.close();
  }
});
