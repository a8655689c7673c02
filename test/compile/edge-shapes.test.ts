// Shapes at which index arithmetic breaks: every tail, no outliers, only outliers, odd N and K, single rows.
import { beforeAll, describe, expect, it } from 'vitest';
import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { LinearSchedule } from '../../ir/schedule.ts';
import {
  compileTexts,
  familyOf,
  linearSpec,
  quantizeSpec,
  renderSpec,
  verifyPtx,
} from '../support/kernel-workbench.ts';

const tile = (
  tileN: 32 | 64 | 128,
  tileM: 16 | 32 | 64,
  tileKBytes: 32 | 64 | 128,
  stages: number,
): LinearSchedule => ({
  ...{
    kind: 'tiled',
    tileN,
    tileM,
    tileKBytes,
    warpsN: 2,
    warpsM: tileM === 16 ? 1 : 2,
    stages,
    ctasPerSm: 1,
  },
});
const split = (tileN: number, tileM: 8 | 16, warps: number, slices: number): LinearSchedule => ({
  ...{ kind: 'split-k', tileN, tileM, warps, slices, ctasPerSm: 1 },
});
const residual = [{ op: 'residual' }] as const;
const eight = { weightBits: 8, activationBits: 8 } as const;

const linears: readonly KernelSpec<'cuda'>[] = [
  linearSpec({ n: 192, k: 576, outliers: 8 }, tile(64, 32, 64, 3)),
  linearSpec({ n: 192, k: 576, outliers: 8 }, split(64, 8, 4, 4)),
  linearSpec({ n: 1, k: 1, outliers: 0 }, tile(32, 16, 32, 2)),
  linearSpec({ n: 1, k: 1, outliers: 1 }, tile(32, 16, 64, 2)),
  linearSpec({ n: 33, k: 65, outliers: 17, epilogue: residual }, tile(32, 32, 128, 4)),
  linearSpec({ n: 33, k: 65, outliers: 17, epilogue: residual }, split(32, 16, 2, 1)),
  linearSpec({ n: 30, k: 700, outliers: 0, epilogue: residual }, tile(32, 64, 32, 6)),
  linearSpec({ n: 100, k: 256, outliers: 256 }, tile(64, 32, 64, 3)),
  linearSpec({ n: 100, k: 256, outliers: 256, epilogue: residual }, split(64, 8, 2, 1)),
  linearSpec({ n: 130, k: 2000, outliers: 100, dtype: 'bf16', epilogue: residual }, tile(128, 64, 64, 3)),
  linearSpec({ n: 130, k: 2000, outliers: 100, dtype: 'bf16', epilogue: residual }, split(64, 16, 4, 5)),
  linearSpec({ n: 72, k: 500, outliers: 20, columns: 'in-place' }, tile(32, 32, 64, 4)),
  linearSpec({ n: 72, k: 500, outliers: 20, columns: 'in-place' }, split(32, 8, 2, 3)),
  linearSpec({ n: 136, k: 999, outliers: 48, ...eight, epilogue: residual }, tile(64, 64, 128, 3)),
  linearSpec({ n: 136, k: 999, outliers: 48, ...eight }, split(128, 8, 8, 7)),
  linearSpec({ n: 64, k: 300, outliers: 0, ...eight, dtype: 'bf16' }, split(32, 16, 1, 2)),
  linearSpec({ target: 'sm90', n: 33, k: 65, outliers: 17, epilogue: residual }, tile(32, 32, 128, 4)),
  linearSpec({ target: 'sm90', n: 130, k: 2000, outliers: 100, dtype: 'bf16' }, split(64, 16, 4, 5)),
];

const quantizes: readonly KernelSpec<'cuda'>[] = [
  quantizeSpec({ k: 1, outliers: 0 }, 32),
  quantizeSpec({ k: 1, outliers: 1 }, 32),
  quantizeSpec({ k: 577, outliers: 8, prologue: { op: 'rms-norm', eps: 1e-6 } }, 64),
  quantizeSpec({ k: 576, outliers: 8, bits: 8, prologue: { op: 'silu-mul' } }, 128),
  quantizeSpec({ k: 2052, outliers: 513, dtype: 'bf16', prologue: { op: 'silu-mul' } }, 256),
  quantizeSpec({ k: 334, outliers: 33, columns: 'in-place', prologue: { op: 'rms-norm', eps: 1e-5 } }, 64),
  quantizeSpec({ k: 577, outliers: 33, bits: 8, dtype: 'bf16', columns: 'in-place' }, 64),
  quantizeSpec({ k: 1031, outliers: 100, bits: 8, prologue: { op: 'silu-mul' } }, 128),
  quantizeSpec({ k: 64, outliers: 64, columns: 'in-place' }, 32),
  quantizeSpec({ k: 128, outliers: 128 }, 32),
  quantizeSpec({ k: 1000, outliers: 0, bits: 8, dtype: 'bf16' }, 128),
];

/** Around token groups of 8, tiles of 16 to 64, and one past several tiles. */
const tokens = [1, 2, 7, 8, 9, 16, 17, 31, 65];

describe('edge shapes', () => {
  const specs = [...linears, ...quantizes];
  const idOf = (spec: KernelSpec<'cuda'>): string => familyOf(spec).kernelId(spec);
  let ptxOf: ReadonlyMap<string, string>;

  beforeAll(async () => {
    ptxOf = await compileTexts(new Map(specs.map((spec) => [idOf(spec), renderSpec(spec)])));
  });

  it.each(specs.map((spec) => [idOf(spec), spec] as const))('%s', (id, spec) => {
    const result = verifyPtx(spec, ptxOf.get(id) ?? '', tokens);
    expect(result.faults).toEqual([]);
    expect(result.cases.length).toBe(2 * tokens.length);
    // Ragged edges leave lanes idle, for which the ideal is not defined by bytes alone.
    if (spec.family === 'linear' && spec.problem.n % spec.schedule.tileN === 0) {
      const conflicts = result.accesses.filter(
        ({ wavefronts, idealWavefronts }) => wavefronts > idealWavefronts,
      );
      expect(conflicts).toEqual([]);
    }
  });
});
