// Each kernel bug that people write is planted in the emitted text, and must be caught by the check meant for it.
import { beforeAll, describe, expect, it } from 'vitest';
import { tokensToVerify } from '../../compiler/verify/tokens-to-verify.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import {
  compileTexts,
  familyOf,
  linearSpec,
  quantizeSpec,
  renderSpec,
  verifyPtx,
} from '../support/kernel-workbench.ts';

const tiled = linearSpec(
  // 8 base steps and 2 of outliers: the last step lies in stage 0 of 3, where the output tile comes to lie.
  { n: 200, k: 980, outliers: 40, epilogue: [{ op: 'residual' }] },
  { kind: 'tiled', tileN: 64, tileM: 32, tileKBytes: 64, warpsN: 2, warpsM: 2, stages: 3, ctasPerSm: 1 },
);
const splitK = linearSpec(
  { n: 200, k: 1100, outliers: 40 },
  { kind: 'split-k', tileN: 64, tileM: 16, warps: 4, slices: 3, ctasPerSm: 1 },
);
const quantize = quantizeSpec({ k: 1100, outliers: 40 }, 64);
const quantizeAll = quantizeSpec({ k: 1100, outliers: 0 }, 64);
const quantizeInPlace = quantizeSpec({ k: 1100, outliers: 40, columns: 'in-place' }, 64);

interface SeededBug {
  readonly name: string;
  readonly spec: KernelSpec<'cuda'>;
  readonly from: string;
  readonly to: string;
  /** What the report must say: a kind of violation, or wrong values. */
  readonly caught: string | RegExp;
}

const values = /values wrong/;

const bugs: readonly SeededBug[] = [
  {
    name: 'missing wait',
    spec: tiled,
    from: 'wait_for_copies<kStages - 2>();',
    to: '',
    caught: 'in-flight-copy',
  },
  {
    name: 'wait for one group too few',
    spec: tiled,
    from: 'wait_for_copies<kStages - 2>();',
    to: 'wait_for_copies<kStages - 1>();',
    caught: 'in-flight-copy',
  },
  {
    name: 'missing barrier before the stage is read',
    spec: tiled,
    from: "__syncthreads();  // all threads' copies of `step` have landed; all warps are done with step - 1\n",
    to: '',
    caught: 'race',
  },
  {
    name: 'missing barrier after the stage is read: refilled while others still read',
    spec: tiled,
    from: "__syncthreads();  // all threads' copies of `step` have landed; all warps are done with step - 1\n    load_step(step + kStages - 1);",
    to: 'load_step(step + kStages - 1);\n    __syncthreads();',
    caught: 'race',
  },
  {
    name: 'ring-buffer overwrite: one step too far ahead',
    spec: tiled,
    from: 'load_step(step + kStages - 1);',
    to: 'load_step(step + kStages);',
    caught: /in-flight-copy|race/,
  },
  {
    name: 'off-by-one bound on tokens',
    spec: tiled,
    from: 'm < M && byte < segments',
    to: 'm <= M && byte < segments',
    caught: 'out-of-bounds',
  },
  {
    name: 'off-by-one bound on channels of y',
    spec: tiled,
    from: 'm < M && channel < kN);',
    to: 'm < M && channel <= kN);',
    caught: /out-of-bounds|race|values wrong|written/,
  },
  {
    name: 'swapped MMA operands',
    spec: tiled,
    from: 's4.s4.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}',
    to: 's4.s4.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%9,%8}',
    caught: values,
  },
  {
    name: 'wrong scale row',
    spec: tiled,
    from: '* 8 + 2 * quad + j % 2];',
    to: '* 8 + 2 * quad + 1 - j % 2];',
    caught: values,
  },
  {
    name: 'missing zero-point term',
    spec: tiled,
    from: 'fmaf(offset, column.y, column.z)',
    to: 'column.z',
    caught: values,
  },
  {
    name: 'dropped outlier tail',
    spec: tiled,
    from: 'kOutlierSegments = (kOutliers + 16 - 1) / 16;',
    to: 'kOutlierSegments = kOutliers / 16;',
    caught: /tensor-core instructions executed/,
  },
  {
    name: 'output tile over operands still being read',
    spec: tiled,
    from: '__syncthreads();  // no copy is in flight and every warp has read its operands: the tile may lie over them\n',
    to: '',
    caught: 'race',
  },
  {
    name: 'missing fence in split-K',
    spec: splitK,
    from: '__threadfence();  // fence.sc, cumulative over the barrier: the sums are visible before the arrival counts\n',
    to: '',
    caught: 'race',
  },
  {
    name: 'missing acquire in split-K',
    spec: splitK,
    from: '__threadfence();  // the sums of the CTAs that arrived before are visible from here on\n',
    to: '',
    caught: 'race',
  },
  {
    name: 'arrival counted before the whole CTA has written its sums',
    spec: splitK,
    from: "__syncthreads();  // the CTA's sums are written, and is_last may be\n",
    to: '',
    caught: 'race',
  },
  {
    name: 'workspace not left zero',
    spec: splitK,
    from: 'atomicExch(sums + word, 0)',
    to: '__ldcg(sums + word)',
    caught: /workspace byte .* was not left zero/,
  },
  {
    name: 'counter not left zero',
    spec: splitK,
    from: 'if (thread == 0) atomicExch(counter, 0);',
    to: '',
    caught: /workspace byte .* was not left zero/,
  },
  {
    name: 'padding of the staged row not written',
    spec: quantizeAll,
    from: 'if (thread < kStaged - kVectors * kVector) staged[kVectors * kVector + thread] = 0;',
    to: '',
    caught: 'uninitialised-shared',
  },
  {
    name: 'padding of the staged row taken into the range',
    spec: quantizeAll,
    from: 'if (kTail != 0 && octet == kBaseOctets - 1) repeat_first(octets[i]);',
    to: '',
    caught: values,
  },
  {
    name: 'padding codes not cleared',
    spec: quantize,
    from: 'if (kTail != 0 && octet == kBaseOctets - 1) packed = keep_tail(packed);',
    to: '',
    caught: values,
  },
  {
    name: 'codes of a level and a half',
    spec: quantize,
    from: 'kRounder = 0x1.8p23f',
    to: 'kRounder = 0x1.8p22f',
    caught: values,
  },
  {
    name: 'column marks read before they are complete',
    spec: quantize,
    from: '__syncthreads();  // marks are complete, and nobody reads the row as it was\n',
    to: '',
    caught: 'race',
  },
  {
    name: 'base columns read before they have closed ranks',
    spec: quantize,
    from: '__syncthreads();  // base columns have closed ranks\n',
    to: '',
    caught: 'race',
  },
  {
    name: 'barrier that half of the threads skip',
    spec: quantize,
    from: '__syncthreads();  // the row is staged, no column marked yet\n',
    to: 'if (threadIdx.x < 48) __syncthreads();\n',
    caught: /divergent-barrier|deadlock/,
  },
  {
    name: 'last outlier column lost',
    spec: quantize,
    from: '|| f < kOutliers) {',
    to: '|| f < kOutliers - 1) {',
    caught: values,
  },
  {
    name: 'outliers left in the row that is quantised',
    spec: quantizeInPlace,
    from: 'staged[column] = harmless;',
    to: 'if (f < 0) staged[column] = harmless;',
    caught: values,
  },
];

const originals: readonly KernelSpec<'cuda'>[] = [
  ...[tiled, splitK, quantize],
  ...[quantizeAll, quantizeInPlace],
];
const tokens = [33];

describe('seeded kernel bugs', () => {
  let ptxOf: ReadonlyMap<string, string>;
  const keyOf = (index: number): string => `seeded_${index}`;

  beforeAll(async () => {
    const texts = new Map<string, string>();
    for (const spec of originals) texts.set(familyOf(spec).kernelId(spec), renderSpec(spec));
    for (const [index, bug] of bugs.entries()) {
      const text = renderSpec(bug.spec);
      expect(text.split(bug.from).length, `${bug.name}: the text to change stands once`).toBe(2);
      const id = familyOf(bug.spec).kernelId(bug.spec);
      texts.set(keyOf(index), text.replace(bug.from, () => bug.to).replaceAll(id, keyOf(index)));
    }
    ptxOf = await compileTexts(texts);
  });

  it.each(originals.map((spec) => [familyOf(spec).kernelId(spec), spec] as const))(
    '%s as it is passes',
    (id, spec) => {
      const result = verifyPtx(spec, ptxOf.get(id) ?? '', tokens);
      expect(result.faults).toEqual([]);
      expect(result.passed).toBe(true);
    },
  );

  it.each(bugs.map((bug, index) => [bug.name, bug, index] as const))('%s', (_, bug, index) => {
    const id = familyOf(bug.spec).kernelId(bug.spec);
    const ptx = (ptxOf.get(keyOf(index)) ?? '').replaceAll(keyOf(index), id);
    const result = verifyPtx(bug.spec, ptx, tokens);
    expect(result.passed).toBe(false);
    const caught = typeof bug.caught === 'string' ? new RegExp(`^${bug.caught} at PTX line`) : bug.caught;
    expect(
      result.faults.some((fault) => caught.test(fault)),
      result.faults.slice(0, 5).join('\n'),
    ).toBe(true);
  });
});

/** Slips that only rows of some patterns show: those that `quikc verify` takes by default have to hold them all. */
const rare: readonly (readonly [string, KernelSpec<'cuda'>, string, string])[] = [
  [
    'an infinite value taken for finite',
    quantizeSpec({ k: 576, outliers: 8 }, 64),
    'finite = range <',
    'finite = range == range; // range <',
  ],
  [
    'twice the epsilon',
    quantizeSpec({ k: 576, outliers: 8, prologue: { op: 'rms-norm', eps: 1e-5 } }, 64),
    '+ kEpsilon',
    '+ 2.0f * kEpsilon',
  ],
];

describe('slips that show in rare rows', () => {
  it.each(rare)('%s', async (_, spec, from, to) => {
    const text = renderSpec(spec);
    expect(text.split(from)).toHaveLength(2);
    const id = familyOf(spec).kernelId(spec as SpecOf<FamilyName, 'cuda'>);
    const ptx = await compileTexts(new Map([[id, text.replace(from, () => to)]]));
    const launches = tokensToVerify(1, undefined);
    const passed = launches.map(
      ({ tokens: count, tiles = 0 }) => verifyPtx(spec, ptx.get(id) ?? '', [count], { tiles }).passed,
    );
    expect(passed).toContain(false);
  });
});
