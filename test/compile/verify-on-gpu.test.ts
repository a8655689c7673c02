// What `quikc verify --device` makes of a GPU's answers; the GPU is the executor here.
import { beforeAll, describe, expect, it } from 'vitest';
import { deviceFault } from '../../compiler/device/device-fault.ts';
import { fail, succeed } from '../../compiler/support/result.ts';
import { verifyChainOnGpu, verifyKernelOnGpu } from '../../compiler/verify/verify-on-gpu.ts';
import { runJobOnExecutor } from '../conformance/executor-laboratory.ts';
import { compileTexts, familyOf, linearSpec, quantizeSpec, renderSpec } from '../support/kernel-workbench.ts';

const quantize = quantizeSpec({ k: 576, outliers: 8 }, 64);
const linear = linearSpec(
  { epilogue: [{ op: 'residual' }] },
  { kind: 'split-k', tileN: 32, tileM: 8, warps: 2, slices: 3, ctasPerSm: 1 },
);
const run = async (job: Parameters<typeof runJobOnExecutor>[0]) => succeed(runJobOnExecutor(job));
const contractOf = (spec: typeof quantize | typeof linear) => familyOf(spec).contract(spec);
const idOf = (spec: typeof quantize | typeof linear) => familyOf(spec).kernelId(spec);
const launches = [{ tokens: 1 }, { tokens: 7, tiles: 3 }];

describe('verify on a GPU', () => {
  let ptxOf: ReadonlyMap<string, string>;
  const part = <S extends typeof quantize | typeof linear>(spec: S) => ({
    ...{ id: idOf(spec), spec, contract: contractOf(spec), ptx: ptxOf.get(idOf(spec)) ?? '' },
  });

  beforeAll(async () => {
    ptxOf = await compileTexts(new Map([quantize, linear].map((spec) => [idOf(spec), renderSpec(spec)])));
  });

  it.each([quantize, linear])('passes what is right: $family', async (spec) => {
    const result = await verifyKernelOnGpu({ ...part(spec), launches, seed: 1 }, run);
    expect(result.faults).toEqual([]);
    expect(result.passed).toBe(true);
    expect(result.cases.every(({ elements }) => elements > 0)).toBe(true);
    expect([...new Set(result.cases.map(({ tokens }) => tokens))]).toEqual([1, 7]);
  });

  it.each([
    ['a minimum for a maximum', quantize, /\bmax\.f32\b/, 'min.f32'],
    ['a lost addend', linear, /fma\.rn\.f32(\s+%f\d+, %f\d+, %f\d+), %f\d+;/, 'mul.f32$1;'],
  ] as const)('finds %s', async (_fault, spec, pattern, replacement) => {
    const job = part(spec);
    const ptx = job.ptx.replace(pattern, replacement);
    expect(ptx).not.toBe(job.ptx);
    const result = await verifyKernelOnGpu({ ...job, ptx, launches, seed: 1 }, run);
    expect(result.passed).toBe(false);
    expect(result.faults.join()).toMatch(/\d of \d+ values wrong \(M = [17], /);
  });

  it('says why a GPU refused a kernel', async () => {
    const refuse = async () => fail(deviceFault.kernelFailed('run', 'an illegal address'));
    const result = await verifyKernelOnGpu({ ...part(linear), launches, seed: 1 }, refuse);
    expect(result.passed).toBe(false);
    expect(result.faults[0]).toContain('an illegal address (M = 1, integer)');
  });

  it('runs a quantize and its linear on the same memory', async () => {
    const job = { site: 'o_proj', quantize: part(quantize), linear: part(linear), tokens: 5, seed: 1 };
    const result = await verifyChainOnGpu(job, run);
    expect(result.faults).toEqual([]);
    expect(result.elements).toBeGreaterThan(0);
    expect(result.worst).toBeGreaterThan(0);
  });
});
