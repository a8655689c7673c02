import { expect, test } from 'vitest';
import { scaleOf } from '../../../compiler/quantise/channel-scale.ts';
import { clipKernelBytes, type SumClipErrors } from '../../../compiler/quantise/clip-kernel.ts';
import { quantiseWeights } from '../../../compiler/reference/quantise-weights.ts';
import { randomBell, randomUnit, streamKey } from '../../../compiler/reference/random.ts';
import { wasm } from '../../../compiler/support/wasm/web-assembly.ts';

/** Row `r`: of any length, odd ones too; on a coarse grid, where errors are equal, or not; tiny, huge; heavy tails. */
function exampleRow(r: number): Float32Array {
  const key = streamKey(5, r);
  const grid = [8, 64, 2 ** 40][r % 3]!;
  const size = [1, 2 ** -60, 2 ** 100, 2 ** -140][r % 4]!;
  const power = (r % 5) + 1;
  return Float32Array.from(
    { length: 1 + ((r * 37) % 300) },
    (_, i) => (Math.round(randomBell(key, i) ** power * grid) / grid) * size,
  );
}

test.each([4, 8] as const)('at %d bits, the scale that the reference finds', (bits) => {
  const clipped = Array.from({ length: 100 }, (_, r) => {
    const row = exampleRow(r);
    const expected = quantiseWeights(row, bits, { clip: true }).scale;
    expect(scaleOf(row, bits, true)).toBe(expected);
    const full = quantiseWeights(row, bits).scale;
    expect(scaleOf(row, bits, false)).toBe(full);
    return expected < full;
  });
  expect(clipped.filter(Boolean).length).toBeGreaterThan(bits === 4 ? 30 : 10);
  expect(scaleOf(new Float32Array(5), bits, true)).toBe(2 ** -64);
  expect(scaleOf(new Float32Array(0), bits, true)).toBe(2 ** -64);
});

test('its power is good to 2^-45 in either lane, of whatever size; and 0 of 0', () => {
  const memory = new wasm.Memory({ initial: 1 });
  const instance = new wasm.Instance(new wasm.Module(clipKernelBytes()), { host: { memory } });
  const view = new Float64Array(memory.buffer);
  // A scale so large that every code is 0.
  view.set([2 ** 600, 2 ** 600, -8, -8, 7, 7]);
  const key = streamKey(6);
  let worst = 0;
  for (let i = 0; i < 20_000; i++) {
    const error = 2 ** (300 * randomUnit(key, i) - 170);
    view.set(i % 2 === 0 ? [error, 0] : [0, -error], 8);
    (instance.exports['sum'] as SumClipErrors)(64, 1, 0, 48);
    expect(view[7 - (i % 2)]).toBe(0);
    worst = Math.max(worst, Math.abs(view[6 + (i % 2)]! / error ** 2.4 - 1));
  }
  expect(worst).toBeLessThan(2 ** -45);
  expect(worst).toBeGreaterThan(0);
});
