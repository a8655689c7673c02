// Where M * N and M * K pass 2^31 elements and 2^32 bytes, offsets must be 64-bit: the last tiles are run.
import { beforeAll, describe, expect, it } from 'vitest';
import type { KernelSpec } from '../../ir/kernel-spec.ts';
import {
  compileTexts,
  familyOf,
  linearSpec,
  quantizeSpec,
  renderSpec,
  verifyPtx,
} from '../support/kernel-workbench.ts';

const manyTokens = 200_003;

const specs: readonly KernelSpec<'cuda'>[] = [
  linearSpec(
    { n: 22_016, k: 200, outliers: 16, epilogue: [{ op: 'residual' }] },
    { kind: 'tiled', tileN: 64, tileM: 32, tileKBytes: 64, warpsN: 2, warpsM: 2, stages: 3, ctasPerSm: 1 },
  ),
  linearSpec(
    { n: 64, k: 24_000, outliers: 0 },
    { kind: 'split-k', tileN: 64, tileM: 16, warps: 4, slices: 2, ctasPerSm: 1 },
  ),
  quantizeSpec({ k: 24_000, outliers: 100 }, 1024),
];

describe(`${manyTokens} tokens`, () => {
  const idOf = (spec: KernelSpec<'cuda'>): string => familyOf(spec).kernelId(spec);
  let ptxOf: ReadonlyMap<string, string>;

  beforeAll(async () => {
    ptxOf = await compileTexts(new Map(specs.map((spec) => [idOf(spec), renderSpec(spec)])));
  });

  it.each(specs.map((spec) => [idOf(spec), spec] as const))('%s', (id, spec) => {
    const result = verifyPtx(spec, ptxOf.get(id) ?? '', [manyTokens], { tiles: 2 });
    expect(result.faults).toEqual([]);
  });

  it('is caught when an offset is cut to 32 bits', async () => {
    const spec = specs[0]!;
    const narrow = renderSpec(spec).replace('(int64_t{m} * kN + channel) * 2', '(m * kN + channel) * 2');
    expect(narrow).not.toBe(renderSpec(spec));
    const id = idOf(spec);
    const texts = await compileTexts(new Map([['narrow', narrow.replaceAll(id, 'narrow')]]));
    const ptx = (texts.get('narrow') ?? '').replaceAll('narrow', id);
    const result = verifyPtx(spec, ptx, [manyTokens], { tiles: 2 });
    expect(result.faults.join('\n')).toMatch(/values wrong|out-of-bounds/);
  });
});
