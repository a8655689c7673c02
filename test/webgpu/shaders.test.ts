// Emitted WGSL, checked by Dawn and executed on the adapter at hand (in CI SwiftShader): every tail, both widths, both
// 16-bit types, all prologues and epilogues; and faults planted by hand, each of which must show.
import { describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import type { SliceSplitSchedule } from '../../ir/schedule.ts';
import {
  checkText,
  linearShader,
  needsOf,
  quantizeShader,
  renderShader,
  runShader,
  scheduledLinear,
  type WgslSpec,
  withSubgroups,
  withVectors,
} from './shader-workbench.ts';

const found = await findDawn(process.env);
// A machine that tests changes must have Dawn and an adapter: there, their absence fails.
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

const eight = { weightBits: 8, activationBits: 8 } as const;
const residual = [{ op: 'residual' }] as const;

const linears: readonly WgslSpec[] = [
  linearShader({ n: 192, k: 576, outliers: 8 }, [16, 4, 4]),
  linearShader({ n: 2, k: 1, outliers: 0 }, [8, 4, 1]),
  linearShader({ n: 34, k: 65, outliers: 17, epilogue: residual }, [4, 8, 2]),
  linearShader({ n: 30, k: 700, outliers: 0, epilogue: residual }, [8, 8, 8]),
  linearShader({ n: 100, k: 256, outliers: 256 }, [32, 1, 1]),
  linearShader({ n: 130, k: 2000, outliers: 100, dtype: 'bf16', epilogue: residual }, [16, 2, 4]),
  linearShader({ n: 72, k: 500, outliers: 20, columns: 'in-place' }, [8, 8, 1]),
  linearShader({ n: 136, k: 999, outliers: 48, ...eight, epilogue: residual }, [16, 4, 2]),
  linearShader({ n: 64, k: 300, outliers: 0, ...eight, dtype: 'bf16' }, [64, 4, 1]),
];

const broadcast = {
  kind: 'broadcast-tile',
  threads: 32,
  tokens: 8,
  lanes: 4,
  dot: 'floats',
  halves: 'words',
} as const;

const packedBroadcast = { ...broadcast, dot: 'packed' } as const;

const split = {
  kind: 'lane-split',
  lanes: 8,
  channelThreads: 8,
  tokens: 1,
  dot: 'packed',
  halves: 'words',
} as const;

const splitLinears: readonly WgslSpec[] = [
  scheduledLinear({ n: 192, k: 576, outliers: 8 }, split),
  scheduledLinear({ n: 2, k: 1, outliers: 0 }, { ...split, lanes: 64, channelThreads: 4 }),
  scheduledLinear({ n: 34, k: 65, outliers: 17, epilogue: residual }, { ...split, tokens: 4 }),
  scheduledLinear({ n: 100, k: 256, outliers: 256 }, { ...split, lanes: 32, tokens: 2 }),
  scheduledLinear({ n: 136, k: 999, outliers: 48, ...eight, epilogue: residual }, { ...split, tokens: 8 }),
  scheduledLinear({ n: 64, k: 300, outliers: 0, ...eight, dtype: 'bf16' }, { ...split, lanes: 16 }),
];

/** Without dot4I8Packed, for WGSL that has it not. */
const scalarLinears: readonly WgslSpec[] = [
  ...linears.slice(0, 5).map(scalar),
  ...linears.slice(-2).map(scalar),
  ...splitLinears.slice(-2).map(scalar),
];

function scalar(spec: WgslSpec): WgslSpec {
  return spec.family === 'linear' && spec.schedule.kind !== 'broadcast-tile'
    ? { ...spec, schedule: { ...spec.schedule, dot: 'scalar' } }
    : spec;
}

const slices: SliceSplitSchedule = {
  ...{ kind: 'slice-split', slices: 4, channelThreads: 32, tokens: 2 },
  ...{ dot: 'packed', halves: 'words' },
};

const sliceLinears: readonly WgslSpec[] = [
  scheduledLinear({ n: 192, k: 576, outliers: 8 }, slices),
  scheduledLinear({ n: 2, k: 128, outliers: 0 }, { ...slices, slices: 2, tokens: 1 }),
  scheduledLinear({ n: 34, k: 465, outliers: 17, epilogue: residual }, { ...slices, tokens: 4 }),
  scheduledLinear({ n: 100, k: 256, outliers: 256 }, { ...slices, slices: 16 }),
  scheduledLinear(
    { n: 136, k: 999, outliers: 48, ...eight, epilogue: residual },
    { ...slices, slices: 8, tokens: 8 },
  ),
  scheduledLinear({ n: 64, k: 300, outliers: 0, ...eight, dtype: 'bf16' }, { ...slices, channelThreads: 64 }),
];

/** Kernels that need subgroups: on an adapter without them only Dawn sees these. */
const subgroupLinears: readonly WgslSpec[] = [
  scheduledLinear({ n: 192, k: 576, outliers: 8 }, broadcast),
  scheduledLinear({ n: 2, k: 1, outliers: 0 }, { ...broadcast, tokens: 4 }),
  scheduledLinear({ n: 34, k: 65, outliers: 17, epilogue: residual }, { ...broadcast, tokens: 16 }),
  scheduledLinear({ n: 100, k: 256, outliers: 256 }, { ...broadcast, threads: 64 }),
  scheduledLinear({ n: 130, k: 2000, outliers: 100, dtype: 'bf16', columns: 'in-place' }, broadcast),
  scheduledLinear({ n: 136, k: 2999, outliers: 48, ...eight, epilogue: residual }, broadcast),
  scheduledLinear({ n: 64, k: 1030, outliers: 0, ...eight, dtype: 'bf16' }, { ...broadcast, tokens: 16 }),
  scheduledLinear({ n: 192, k: 576, outliers: 8 }, { ...packedBroadcast, tokens: 16 }),
  scheduledLinear({ n: 34, k: 65, outliers: 17, epilogue: residual }, packedBroadcast),
  scheduledLinear({ n: 100, k: 256, outliers: 256 }, { ...packedBroadcast, threads: 64 }),
  scheduledLinear({ n: 136, k: 2999, outliers: 48, ...eight, epilogue: residual }, packedBroadcast),
];

const quantizes: readonly WgslSpec[] = [
  quantizeShader({ k: 2, outliers: 0 }, 32),
  quantizeShader({ k: 2, outliers: 2 }, 32),
  quantizeShader({ k: 578, outliers: 8, prologue: { op: 'rms-norm', eps: 1e-6 } }, 64),
  quantizeShader({ k: 576, outliers: 8, bits: 8, prologue: { op: 'silu-mul' } }, 128),
  quantizeShader({ k: 2052, outliers: 513, dtype: 'bf16', prologue: { op: 'silu-mul' } }, 256),
  quantizeShader({ k: 334, outliers: 33, columns: 'in-place', prologue: { op: 'rms-norm', eps: 1e-5 } }, 64),
  quantizeShader({ k: 128, outliers: 128 }, 32),
  quantizeShader({ k: 1000, outliers: 0, bits: 8, dtype: 'bf16' }, 128),
];

const subgroupQuantizes = quantizes.map(withSubgroups);

/** 16-bit floats as vectors of f16, in every linear. On an adapter without them only Dawn sees these. */
const vectorKernels: readonly WgslSpec[] = [
  ...[...linears, ...splitLinears, ...sliceLinears, ...subgroupLinears].filter(
    ({ problem }) => problem.dtype === 'f16',
  ),
].map(withVectors);

needsDawn('shaders of awkward shapes', () => {
  test.for(
    [
      ...linears,
      ...splitLinears,
      ...sliceLinears,
      ...scalarLinears,
      ...[...sliceLinears.slice(2, 3), ...sliceLinears.slice(-1)].map(scalar),
      ...subgroupLinears,
      ...quantizes,
      ...subgroupQuantizes,
      ...vectorKernels,
    ].map((spec) => [JSON.stringify([spec.problem, spec.schedule]), spec] as const),
  )('%s', async ([_, spec], { skip }) => {
    const text = renderShader(spec);
    expect(await checkText(text, needsOf(spec).features)).toEqual([]);
    const ran = await runShader(spec, text, [1, 7, 33]);
    if ('lacks' in ran) return skip(ran.lacks);
    const { faults, cases } = ran;
    expect(faults).toEqual([]);
    expect(cases.every(({ elements }) => elements > 0)).toBe(true);
    for (const { worst } of cases) expect(worst).toBeLessThanOrEqual(1);
  });
});

const linear = linearShader({ n: 138, k: 700, outliers: 20, epilogue: residual }, [16, 4, 2]);
const quantize = quantizeShader({ k: 578, outliers: 9, prologue: { op: 'rms-norm', eps: 1e-5 } }, 64);
const plain = quantizeShader({ k: 578, outliers: 9 }, 64);

const pairs = scheduledLinear({ n: 138, k: 700, outliers: 20, epilogue: residual }, broadcast);
const floats = scheduledLinear({ n: 138, k: 2700, outliers: 20, ...eight }, broadcast);

const words = scheduledLinear({ n: 138, k: 700, outliers: 20, epilogue: residual }, packedBroadcast);
const bytes = scheduledLinear({ n: 138, k: 700, outliers: 20, ...eight }, packedBroadcast);
const nibbles = scalar(linear);
const unpacked = scalar(linearShader({ n: 138, k: 700, outliers: 20, ...eight }, [16, 4, 2]));

const lanes = scheduledLinear({ n: 138, k: 700, outliers: 20, epilogue: residual }, { ...split, tokens: 2 });

const sliced = scheduledLinear({ n: 138, k: 700, outliers: 40, epilogue: residual }, slices);

/** Each a slip of the pen: what stands in the text, and what somebody wrote in its place. */
const slips: readonly (readonly [string, WgslSpec, string, string])[] = [
  ['the wrong half', linear, 'const kHalf = 8.0;', 'const kHalf = 7.0;'],
  ['a segment left out', linear, 'segment < kBaseSegments;', 'segment < kBaseSegments - 1u;'],
  ['a dropped outlier tail', linear, 'segment < kOutlierSegments;', 'segment < kOutlierSegments - 1u;'],
  ['the other sign of the zero point', linear, '(row_meta0.y + kHalf', '(row_meta0.y - kHalf'],
  [
    'the scale of the next channel',
    linear,
    'let meta1 = column_meta[n + 8u];',
    'let meta1 = column_meta[n + 9u];',
  ],
  ['operands swapped', linear, 'dot_pair(v, low1.x, high1.x)', 'dot_pair(v, high1.x, low1.x)'],
  ['a bound off by one', linear, 'if (n + 8u < kN)', 'if (n + 10u < kN)'],
  ['the last token not stored', linear, 'if (first + 1u < M)', 'if (first + 2u < M)'],
  ['unsigned nibbles', linear, '(words << vec4<u32>(4u))', '(words >> vec4<u32>(4u))'],
  ['another lane', pairs, 'subgroupBroadcast(codes1[2], 2u)', 'subgroupBroadcast(codes1[2], 3u)'],
  ['a nibble of the next channel', pairs, '(y << vec2<u32>(8u))', '(y << vec2<u32>(4u))'],
  ['sums that start too low', pairs, '900u * 4096u + 2048u', '900u * 4096u'],
  ['a bias that is off by one', pairs, '- 32776.0', '- 32775.0'],
  ['outliers of another token', pairs, 'subgroupBroadcast(values1, 1u)', 'subgroupBroadcast(values0, 1u)'],
  [
    'the nibbles of another lane',
    words,
    'subgroupBroadcast(codes0[1], 2u)',
    'subgroupBroadcast(codes0[1], 1u)',
  ],
  ['even nibbles where they stand', words, '(word << 4u)', '(word)'],
  ['a product not scaled back', words, '>> vec4<u32>(8u)', '>> vec4<u32>(7u)'],
  [
    'channels swapped',
    bytes,
    'dot4I8Packed(w.y, word), dot4I8Packed(w.z',
    'dot4I8Packed(w.z, word), dot4I8Packed(w.y',
  ],
  ['a nibble shifted short', nibbles, '12u, 8u, 4u, 0u', '12u, 8u, 4u, 1u'],
  ['half a word', nibbles, 'dot(a.low, b.low) + dot(a.high, b.high)', 'dot(a.low, b.low)'],
  ['bytes of the wrong half', unpacked, 'dot(w[0], a) + dot(w[2], b)', 'dot(w[0], a) + dot(w[2], a)'],
  [
    'a pair the other way round',
    withVectors(linear),
    'return vec2<f32>(pair);',
    'return vec2<f32>(pair.yx);',
  ],
  ['the pair of another channel', withVectors(lanes), 'unpack_pair(w[1])', 'unpack_pair(w[3])'],
  ['an odd column that is even', plain, 'select(pair.x, pair.y, column', 'select(pair.x, pair.x, column'],
  [
    'halves stored the other way round',
    withVectors(words),
    'y[at] = pack_pair(value.xz',
    'y[at] = pack_pair(value.zx',
  ],
  [
    'the place of another subgroup',
    withSubgroups(plain),
    'scratch[least] = value;',
    'scratch[thread / 2u] = value;',
  ],
  [
    'a subgroup left out',
    withSubgroups(plain),
    'var left = atomicLoad(&places[word]);',
    'var left = atomicLoad(&places[word]) & 1u;',
  ],
  ['a range without the subgroup', withSubgroups(plain), 'subgroupMax(range.y)', 'range.y'],
  ['a sum without the subgroup', withSubgroups(quantize), 'subgroupAdd(sum)', 'sum'],
  ['a sum of the first subgroup', withSubgroups(quantize), 'whole += scratch[', 'whole = scratch['],
  ['a lane left out', lanes, 'var half = kLanes / 2u', 'var half = kLanes / 4u'],
  [
    'a step taken twice',
    lanes,
    'step < 4u * kBaseSegments; step += kLanes',
    'step < 4u * kBaseSegments; step += kLanes / 2u',
  ],
  ['another token', lanes, 'Share(sums1, share1)', 'Share(sums0, share1)'],
  ['no outliers', lanes, ' + whole0.outliers + bias', ' + bias'],
  [
    'a slice taken twice',
    sliced,
    'for (var segment = slice * kBase',
    'for (var segment = (slice - 1u) * kBase',
  ],
  [
    'a slice cut short',
    sliced,
    '(slice + 1u) * kBaseSegments / kSlices',
    '(slice + 1u) * kBaseSegments / kSlices - 1u',
  ],
  ['a slice not added', sliced, 'var slice = 0u; slice < kSlices', 'var slice = 1u; slice < kSlices'],
  ['shares of one another', sliced, '(slice * M + row)', '(slice * M)'],
  ['outliers of one slice', sliced, 'outliers += bitcast', 'outliers = bitcast'],
  ['outlier columns left out', sliced, 'let last = 4u * (', 'let last = 3u * ('],
  ['every other fold', floats, 'start += kStepsPerFold', 'start += 2u * kStepsPerFold'],
  ['a byte unsigned', floats, 'bitcast<vec4<i32>>(vec4<u32>(word)', 'bitcast<vec4<u32>>(vec4<u32>(word)'],
  ['levels that are one too few', quantize, 'const kLevels = 15.0;', 'const kLevels = 14.0;'],
  ['a code rounded down', quantize, 'round((value - zero) * inverse)', 'floor((value - zero) * inverse)'],
  ['an outlier in the range', quantize, 'if ((outliers & 1u) == 0u) {', 'if (true) {'],
  ['no epsilon', quantize, ' + kEpsilon)', ' + 1.0)'],
  ['a NaN let through', plain, 'if (is_not_finite(word))', 'if (false)'],
  ['a NaN in an odd column let through', plain, 'if (is_not_finite(word >> 16u))', 'if (false)'],
];

needsDawn('a slip of the pen shows', () => {
  test.for(slips)('%s', async ([_, spec, right, wrong], { skip }) => {
    const text = renderShader(spec);
    expect(text).toContain(right);
    const altered = text.replace(right, wrong);
    const ran = await runShader(spec, altered, [7, 8, 33]);
    if ('lacks' in ran) return skip(ran.lacks);
    const { passed, faults } = ran;
    expect([passed, faults.length > 0]).toEqual([false, true]);
  });

  test('and Dawn tells of a type and of a limit', async () => {
    const text = renderShader(linear);
    expect(await checkText(text.replace('const kHalf = 8.0;', 'const kHalf = 8u;'))).not.toEqual([]);
    const threads = text.replace('const kChannelThreads = 16u;', 'const kChannelThreads = 128u;');
    expect((await checkText(threads)).join()).toMatch(/workgroup/i);
  });
});
