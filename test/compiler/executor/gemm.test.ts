import { describe, expect, it } from 'vitest';
import { gemmText, runGemm } from './s4-gemm.ts';

/** Two CTAs an axis, a ragged last token tile, more k-tiles than stages. */
const SHAPE = { channels: 256, tokens: 200, k: 320 };
const TEXT = gemmText();

function mutate(pattern: RegExp, replacement: string | ((...match: string[]) => string)): string {
  const changed = TEXT.replace(pattern, replacement as string);
  expect(changed).not.toBe(TEXT);
  return changed;
}

describe('the s4 GEMM that nvcc compiled', () => {
  it('is right and without fault, whatever the order of warps and CTAs', () => {
    for (const seed of [1, 2, 3]) {
      const { report, wrong, unset } = runGemm(TEXT, SHAPE, { seed });
      expect({ wrong, unset, violations: report.violations }).toEqual({ wrong: 0, unset: 0, violations: [] });
      expect(report.macs).toBe(4 * 128 * 128 * SHAPE.k);
      expect(report.mmaInstructions).toBe(4 * 8 * 16 * (SHAPE.k / 64));
    }
  });
  it('works for no k-tile, one, and fewer than stages', () => {
    for (const k of [0, 64, 128, 192, 256]) {
      const { report, wrong, unset } = runGemm(TEXT, { channels: 128, tokens: 37, k });
      expect({ k, wrong, unset, violations: report.violations }).toEqual({
        k,
        wrong: 0,
        unset: 0,
        violations: [],
      });
    }
  });
  it('has no bank conflict', () => {
    const { report } = runGemm(TEXT, SHAPE);
    for (const at of report.instructions) expect(at.wavefronts, at.spelling).toBe(at.idealWavefronts);
  });
  it('maps every instruction to its line of the .cu, through inlined calls', () => {
    const { report } = runGemm(TEXT, { ...SHAPE, k: 64 });
    const mma = report.instructions.find(({ spelling }) => spelling.startsWith('mma'));
    expect(mma?.source.map(({ file }) => file)).toEqual(
      mma?.source.map(() => 'test/fixtures/cuda/gemm_s4_128.cu'),
    );
    expect(mma?.source).toHaveLength(2);
  });
});

describe('mutants of it are killed, by the check that is meant to', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['missing wait', mutate(/cp\.async\.wait_group \d+;/g, ''), 'in-flight-copy'],
    ['wait too shallow', mutate(/cp\.async\.wait_group 1;/g, 'cp.async.wait_group 2;'), 'in-flight-copy'],
    ['missing barrier', mutate(/bar\.sync\s+0;/g, ''), 'race'],
    [
      'read past the weights',
      mutate(/add\.s64 (\s*%rd\d+, %rd\d+), 512;/, 'add.s64 $1, 1073741824;'),
      'out-of-bounds',
    ],
  ];
  for (const [name, text, kind] of cases) {
    it(name, () => {
      const { report } = runGemm(text, SHAPE);
      expect(report.violations.map((violation) => violation.kind)).toContain(kind);
    });
  }
  it('a missing barrier whose numbers may be right is a race all the same', () => {
    // One barrier a k-tile guards the ring: without it the numbers come out right on many schedules.
    const { report } = runGemm(mutate(/bar\.sync\s+0;/g, 'bar.warp.sync -1;'), SHAPE);
    expect(report.violations.some(({ kind }) => kind === 'race')).toBe(true);
  });
  it('a missing wait shows in the numbers too, with all checks off: the destination is poisoned', () => {
    const { report, wrong } = runGemm(mutate(/cp\.async\.wait_group \d+;/g, ''), SHAPE, { checks: false });
    expect(report.violations).toEqual([]);
    expect(wrong).toBeGreaterThan(0);
  });
  it('swapped B registers give wrong numbers and no fault', () => {
    const swapped = mutate(/(\{%r\d+,%r\d+,%r\d+,%r\d+\}, )\{(%r\d+),(%r\d+)\}, /g, '$1{$3,$2}, ');
    const { report, wrong } = runGemm(swapped, SHAPE);
    expect(report.violations).toEqual([]);
    expect(wrong).toBeGreaterThan(0);
  });
  it('a token guard off by one stores out of bounds', () => {
    const { report } = runGemm(mutate(/setp\.ge\.s32 (\s*%p\d+, %r\d+, %r\d+);/g, 'setp.gt.s32 $1;'), {
      channels: 128,
      tokens: 37,
      k: 64,
    });
    expect(report.violations.map(({ kind }) => kind)).toContain('out-of-bounds');
  });
});
