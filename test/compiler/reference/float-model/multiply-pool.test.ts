import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeMatrix } from '../../../../compiler/reference/float-model/matrix.ts';
import {
  type MultiplyPool,
  openMultiplyPool,
} from '../../../../compiler/reference/float-model/multiply-pool.ts';
import { multiplyWeights } from '../../../../compiler/reference/float-model/multiply-weights.ts';
import { random32, streamKey } from '../../../../compiler/reference/random.ts';
import { bundleWorker } from '../../../support/bundle-worker.ts';

let worker: Awaited<ReturnType<typeof bundleWorker>>;
let pool: MultiplyPool;

beforeAll(async () => {
  worker = await bundleWorker('compiler/reference/float-model/multiply-worker.ts');
  pool = await openMultiplyPool(worker.url, 3);
});
afterAll(async () => {
  await pool?.close();
  worker?.remove();
});

const noise = (length: number, stream: number) => {
  const key = streamKey(11, stream);
  return Float32Array.from({ length }, (_, index) => random32(key, index) / 2 ** 31 - 1);
};

// The last has fewer channels than threads take, and the first too little work to be shared at all.
test.each([
  [3, 5, 7],
  [5, 1021, 512],
  [64, 514, 128],
  [1, 3000, 1000],
  [1500, 2, 1000],
])('%d rows by %d channels over %d: every bit as one thread has it', (m, n, k) => {
  const x = makeMatrix(m, k);
  x.data.set(noise(m * k, 1));
  const [weights, bias] = [noise(n * k, 2), noise(n, 3)];
  const expected = makeMatrix(m, n + 3);
  expected.data.fill(9);
  multiplyWeights(x, weights, bias, expected, 2);
  const buffer = new Float32Array(new SharedArrayBuffer(weights.byteLength));
  buffer.set(weights);
  for (const given of [weights, buffer]) {
    const got = makeMatrix(m, n + 3);
    got.data.fill(9);
    pool.multiply(x, given, bias, got, 2);
    expect(Buffer.compare(Buffer.from(got.data.buffer), Buffer.from(expected.data.buffer))).toBe(0);
  }
});

test('a hundred products in a row', () => {
  const x = makeMatrix(16, 256);
  x.data.set(noise(16 * 256, 1));
  const weights = noise(520 * 256, 2);
  const expected = makeMatrix(16, 520);
  multiplyWeights(x, weights, undefined, expected, 0);
  for (let round = 0; round < 100; round++) {
    const out = makeMatrix(16, 520);
    pool.multiply(x, weights, undefined, out, 0);
    expect(Buffer.compare(Buffer.from(out.data.buffer), Buffer.from(expected.data.buffer))).toBe(0);
  }
});
