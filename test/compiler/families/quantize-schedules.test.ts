import { describe, expect, test } from 'vitest';
import { cudaFamilies as families } from '../../../compiler/families/index.ts';
import type { QuantizeProblem } from '../../../ir/problem.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { quantizeSpec } from '../../support/kernel-workbench.ts';

const { quantize } = families;
const none = { op: 'none' } as const;
const rmsNorm = { op: 'rms-norm', eps: 1e-5 } as const;
const siluMul = { op: 'silu-mul' } as const;

function legal(problem: QuantizeProblem): number {
  const schedules = [...quantize.enumerate(problem, sm80)];
  return schedules.filter((schedule) => quantize.reject(problem, schedule, sm80) === undefined).length;
}

describe('a row that is supported has a schedule, a longer one has none', () => {
  test.each([
    [none, 74_120],
    [rmsNorm, 55_296],
    [siluMul, 47_104],
  ])('%o: up to %i columns', (prologue, longest) => {
    const { problem } = quantizeSpec({ k: longest, outliers: 64, prologue }, 1024);
    expect(quantize.supports(problem, sm80)).toEqual({ supported: true });
    expect(legal(problem)).toBeGreaterThan(0);
    const longer = { ...problem, k: longest + 8 };
    expect(quantize.supports(longer, sm80)).toMatchObject({
      supported: false,
      nearest: `K up to ${longest}, a multiple of 8`,
    });
    expect(legal(longer)).toBe(0);
  });

  test('odd lengths are loaded value by value and end earlier', () => {
    const { problem } = quantizeSpec({ k: 49_151, outliers: 64, prologue: none }, 1024);
    expect(quantize.supports(problem, sm80)).toEqual({ supported: true });
    expect(legal(problem)).toBeGreaterThan(0);
    expect(quantize.supports({ ...problem, k: 49_153 }, sm80)).toMatchObject({ supported: false });
  });
});

test('no legal schedule leaves a thread fewer registers than it needs, or an SM fewer CTAs than it asks for', () => {
  for (const prologue of [none, rmsNorm, siluMul]) {
    const { problem } = quantizeSpec({ k: 4096, outliers: 256, prologue }, 128);
    for (const schedule of quantize.enumerate(problem, sm80)) {
      if (quantize.reject(problem, schedule, sm80) !== undefined) continue;
      const { registers, registerCap, threads, sharedBytes } = quantize.resources(problem, schedule, sm80);
      expect(registers).toBeLessThanOrEqual(registerCap);
      expect(schedule.ctasPerSm * threads * registerCap).toBeLessThanOrEqual(sm80.limits.registersPerSm);
      expect(schedule.ctasPerSm * sharedBytes).toBeLessThanOrEqual(sm80.limits.sharedBytesPerSm);
    }
  }
});
