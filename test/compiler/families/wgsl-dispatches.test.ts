// What a launch binds, at the sizes of real models: within WebGPU's limits, and all of every argument once.
import { describe, expect, test } from 'vitest';
import { wgslFamilies } from '../../../compiler/families/index.ts';
import type { WgslContract } from '../../../ir/call-contract.ts';
import { evaluate } from '../../../ir/formula.ts';
import { type BoundRange, planDispatches } from '../../../ir/plan-dispatches.ts';
import type { LinearProblem, QuantizeProblem } from '../../../ir/problem.ts';
import type { WgslLinearSchedule } from '../../../ir/schedule.ts';
import { webgpu } from '../../../targets/webgpu.ts';

const { linear, quantize } = wgslFamilies;
const { bindingBytes, workgroupsPerDimension } = webgpu.limits;

const gateUp: LinearProblem = {
  ...{ family: 'linear', target: 'webgpu', n: 57_344, k: 8192, outliers: 256, dtype: 'f16' },
  ...{ columns: 'compact', weightBits: 4, activationBits: 4, epilogue: [] },
};
const down: LinearProblem = {
  ...{ ...gateUp, n: 8192, k: 28_672, outliers: 896, weightBits: 8, activationBits: 8 },
  epilogue: [{ op: 'residual' }],
};
const gated: QuantizeProblem = {
  ...{ family: 'quantize', target: 'webgpu', k: 28_672, outliers: 896, bits: 8, dtype: 'f16' },
  ...{ columns: 'compact', prologue: { op: 'silu-mul' } },
};
const registers: WgslLinearSchedule = {
  ...{ kind: 'register-tile', channelThreads: 4, tokenThreads: 8, tokensPerThread: 8 },
  ...{ dot: 'packed', halves: 'words' },
};
const narrow: WgslLinearSchedule = {
  ...{ kind: 'lane-split', lanes: 8, channelThreads: 4, tokens: 1 },
  ...{ dot: 'packed', halves: 'words' },
};

const linearOf = (problem: LinearProblem, schedule: WgslLinearSchedule) =>
  linear.contract({ family: 'linear', problem, schedule });
const contracts: readonly (readonly [string, WgslContract, dispatches: number])[] = [
  ['gate_up of 70B', linearOf(gateUp, registers), 4],
  ['down of 70B', linearOf(down, narrow), 2],
  ['a vocabulary', linearOf({ ...gateUp, n: 128_256, k: 2048 }, narrow), 4],
  ['a million narrow channels', linearOf({ ...gateUp, n: 2 ** 20, k: 64, outliers: 0 }, narrow), 64],
  [
    'gated rows',
    quantize.contract({
      family: 'quantize',
      problem: gated,
      schedule: { kind: 'workgroup-row', threads: 64, reduce: 'workgroup' },
    }),
    2,
  ],
];

describe.each(contracts)('%s', (_, contract, expected) => {
  test(`takes ${expected} dispatches for 2048 tokens`, () => {
    expect(planDispatches(contract, 2048)).toHaveLength(expected);
  });

  test.each([1, 127, 1152, 2048, 5000, 70_000])('binds what it may and all there is for %d tokens', (m) => {
    const planned = planDispatches(contract, m);
    const bound = new Map<string, BoundRange[]>();
    for (const { workgroups, buffers } of planned) {
      for (const side of workgroups) expect(side).toBeLessThanOrEqual(workgroupsPerDimension);
      for (const range of buffers) {
        expect(range.bytes, range.argument).toBeLessThanOrEqual(bindingBytes);
        expect(range.offset % 256, range.argument).toBe(0);
        bound.set(range.argument, [...(bound.get(range.argument) ?? []), range]);
      }
    }
    for (const argument of contract.arguments) {
      if (argument.kind !== 'buffer') continue;
      const ranges = [...(bound.get(argument.name) ?? [])].sort((a, b) => a.offset - b.offset);
      let end = 0;
      for (const { offset, bytes } of ranges) {
        // The next one begins where those before it end, or is one of them again.
        expect(offset === end || offset + bytes <= end, `${argument.name} at ${offset}`).toBe(true);
        end = Math.max(end, offset + bytes);
      }
      expect(end, argument.name).toBe(evaluate(argument.bytes, m));
    }
  });
});

test('compares both sides of every seam, and what else was asked for', () => {
  const spec = { family: 'linear', problem: gateUp, schedule: registers } as const;
  const tiles = linear.sampleCtas(spec, 2048, 3, 1).map(([n, t]) => `${n} ${t}`);
  // 16 channels x 64 tokens: the second shard begins with block 1792, the second launch with token 1152.
  expect(tiles).toEqual(['0 0', '3583 31', '1791 0', '1792 0', '3583 17', '3583 18']);
});
