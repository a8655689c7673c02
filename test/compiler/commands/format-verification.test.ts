import { describe, expect, it } from 'vitest';
import { formatVerification } from '../../../compiler/commands/format-verification.ts';
import type { CaseResult, KernelVerification } from '../../../compiler/verify/verification.ts';

const entry: CaseResult = {
  tokens: 17,
  dataset: 'real',
  ctas: 2,
  macs: 1e9,
  elements: 64,
  failures: 0,
  worst: 0.5,
  worstAt: 'y[m=3, n=9]: 1 for 2',
  notes: [],
  violations: [],
  executeMs: 1000,
  oracleMs: 500,
};

function verified(
  id: string,
  cases: readonly CaseResult[],
  faults: readonly string[] = [],
): KernelVerification {
  const macs = cases.length * 1e9;
  return {
    id,
    passed: faults.length === 0,
    faults,
    cases,
    accesses: [],
    mma: { executed: 0, expected: 0 },
    macs,
    leastWavefronts: 0,
  };
}

const report = { chains: [], notRun: [], seconds: 1.5, where: 'executed somewhere', full: false };

describe('formatVerification', () => {
  it('says which value of which launch of which kernel is worst of all', () => {
    const kernels = [
      verified('mild', [entry]),
      verified('wild', [entry, { ...entry, tokens: 33, worst: 0.9, worstAt: 'y[m=0, n=1]: 4 for 5' }]),
    ];
    const text = formatVerification({ model: 'm', target: { id: 'sm80' } }, { ...report, kernels });
    expect(text).toContain('worst of all: wild, M = 33, real: y[m=0, n=1]: 4 for 5\n');
    expect(text).toContain('m on sm80: 2 of 2 kernels passed in 1.5 s');
    expect(text).toContain('3.00 G MACs executed in 3.0 s, oracle 1.5 s');
  });

  it('lists the faults of what failed, and how many more there are', () => {
    const faults = Array.from({ length: 8 }, (_, index) => `fault ${index}`);
    const kernels = [verified('fine', [entry]), verified('bad', [entry], faults)];
    const text = formatVerification({ model: 'm', target: { id: 'sm80' } }, { ...report, kernels });
    expect(text).toContain('1 of 2 kernels passed');
    expect(text).toContain('\nbad\n  fault 0\n');
    expect(text).toContain('  fault 5\n  … and 2 more\n');
    expect(text).not.toContain('fault 6');
  });

  it('has columns and notes of what was counted and of chains only where there are such', () => {
    const counts = { wavefronts: 6, idealWavefronts: 3, sectors: 8, idealSectors: 4 };
    const access = { ...counts, where: 'x', count: 1 } as unknown as KernelVerification['accesses'][number];
    const counted = { ...verified('counted', [entry]), accesses: [access], leastWavefronts: 2 };
    const chain = { ...{ site: 'o', linear: 'l', tokens: 5, elements: 9, worst: 0.1 }, milliseconds: 2 };
    const chains = [{ ...chain, passed: true, faults: [] }] as unknown as typeof report.chains;
    const manifest = { model: 'm', target: { id: 'sm80' } };
    const bare = formatVerification(manifest, { ...report, kernels: [verified('shader', [entry])] });
    expect(bare).toMatch(/^kernel +result +M +CTAs +MACs +values +worst +s\n.*0\.50 +1\.5\n/);
    expect(bare).not.toMatch(/chains|sectors|shared| - /);
    expect(bare).toContain('(docs/numerics.md)\n');
    const whole = formatVerification(manifest, { ...report, kernels: [counted], chains });
    expect(whole).toMatch(/worst +shared +of least +sectors +s\n.*0\.50 +2\.00x +3\.00x +2\.00x +1\.5\n/);
    expect(whole).toMatch(/scheme's own error\nplus that bound\nshared: wavefronts/);
  });

  it('counts what was not run as neither passed nor failed, and says why by reason', () => {
    const kernels = [verified('fine', [entry])];
    const reason = 'the adapter lacks the feature shader-f16';
    const notRun = ['half', 'other'].map((id) => ({ id, variants: ['f16'], reason }));
    const text = formatVerification({ model: 'm', target: { id: 'webgpu' } }, { ...report, kernels, notRun });
    expect(text).toContain('m on webgpu: 1 of 3 kernels ran here; 1 of 1 of these passed in 1.5 s');
    expect(text).toContain(`\nnot run: ${reason}\n  half (f16)\n  other (f16)\n`);
  });
});
