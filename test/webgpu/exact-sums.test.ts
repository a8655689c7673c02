// int32 accumulators bit for bit, in every kind of linear: codes are such that sums are whole numbers of at most 2048, and all
// scales are 1, so that y in 16 bit is the accumulator itself.
import { describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { paddedBase, paddedChannels } from '../../compiler/reference/layouts.ts';
import { narrowFloat } from '../../compiler/reference/narrow-float.ts';
import { packBlocks, packCodes } from '../../compiler/reference/pack-codes.ts';
import { randomUnit, streamKey } from '../../compiler/reference/random.ts';
import type { SpecOf } from '../../ir/kernel-spec.ts';
import { baseColumns, type LinearProblem } from '../../ir/problem.ts';
import type { WgslLinearSchedule } from '../../ir/schedule.ts';
import { runBuffers } from './run-buffers.ts';
import { renderShader, scheduledLinear } from './shader-workbench.ts';

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

const tokens = 33;
const words = { halves: 'words' } as const;
const register = { kind: 'register-tile', channelThreads: 16, tokenThreads: 4, tokensPerThread: 2 } as const;
const lanes = { kind: 'lane-split', lanes: 8, channelThreads: 8, tokens: 2 } as const;
const slices = { kind: 'slice-split', slices: 4, channelThreads: 32, tokens: 2 } as const;
const broadcast = { kind: 'broadcast-tile', threads: 32, tokens: 8, lanes: 4 } as const;
const schedules: readonly WgslLinearSchedule[] = [
  ...([register, lanes, slices] as const).flatMap((kind) =>
    (['packed', 'scalar'] as const).map((dot) => ({ ...kind, ...words, dot })),
  ),
  ...(['packed', 'floats'] as const).map((dot) => ({ ...broadcast, ...words, dot })),
];

/** Codes of any size; those of one side are mostly zero, and for 8 bit small where the other side's are not. */
function makeCodes({ weightBits }: LinearProblem, rows: number, columns: number, side: 0 | 1): Int8Array[] {
  const half = 2 ** (weightBits - 1);
  const kept = side === 0 ? 1 : weightBits === 4 ? 0.5 : 0.02;
  return Array.from({ length: rows }, (_, row) => {
    const key = streamKey(7, side, row);
    return Int8Array.from({ length: columns }, (_, column) => {
      const small = weightBits === 8 && column % 2 === side;
      const value = randomUnit(key, 2 * column);
      if (randomUnit(key, 2 * column + 1) >= kept) return 0;
      return small ? Math.floor(value * 5) - 2 : Math.floor(value * 2 * half) - half;
    });
  });
}

function makeData(problem: LinearProblem) {
  const { n, weightBits: bits } = problem;
  const base = baseColumns(problem);
  const weights = makeCodes(problem, n, base, 0);
  const codes = makeCodes(problem, tokens, base, 1);
  const padded = paddedBase(base, bits);
  const zero = new Int8Array(base);
  const rows = Array.from({ length: paddedChannels(n) }, (_, row) => weights[row] ?? zero);
  const columnMeta = Float32Array.from({ length: 4 * n }, (_, at) => (at % 4 === 0 ? 1 : 0));
  const rowMeta = Float32Array.from({ length: 2 * tokens }, (_, at) =>
    at % 2 === 0 ? 1 : -(2 ** (bits - 1)),
  );
  const sums = codes.flatMap((row) =>
    weights.map((channel) => row.reduce((sum, code, column) => sum + code * (channel[column] ?? 0), 0)),
  );
  return {
    sums,
    inputs: {
      weights: packBlocks(
        rows.map((row) => packCodes(row, padded, bits)),
        padded,
        bits,
      ),
      codes: Buffer.concat(codes.map((row) => packCodes(row, padded, bits))),
      column_meta: columnMeta,
      row_meta: rowMeta,
    },
  };
}

/** How many sums y does not have; y is of f16. */
async function countWrong(spec: SpecOf<'linear', 'wgsl'>, text: string) {
  const { sums, inputs } = makeData(spec.problem);
  const largest = Math.max(...sums.map(Math.abs));
  expect([largest > 900, largest <= 2048, Math.min(...sums) < -500]).toEqual([true, true, true]);
  const ran = await runBuffers(spec, text, tokens, inputs);
  if ('lacks' in ran) return ran;
  const { encode } = narrowFloat('f16');
  const y = new Uint16Array(ran.get('y')!.buffer);
  return { compared: y.length, wrong: sums.filter((sum, at) => y[at] !== encode(sum)).length };
}

const kinds = ([4, 8] as const).flatMap((bits) =>
  schedules.map((schedule) => {
    const shape = { n: 138, k: 700, outliers: 20, weightBits: bits, activationBits: bits };
    return [`w${bits}a${bits}`, schedule.kind, schedule.dot, scheduledLinear(shape, schedule)] as const;
  }),
);

needsDawn('y is the sum of code products, exactly', () => {
  test.for(kinds)('%s %s %s', async ([_bits, _kind, _dot, given], { skip }) => {
    const spec = given as SpecOf<'linear', 'wgsl'>;
    const counted = await countWrong(spec, renderShader(spec));
    if ('lacks' in counted) return skip(counted.lacks);
    expect(counted).toEqual({ compared: tokens * spec.problem.n, wrong: 0 });
  });

  test('and a unit more in one place shows', async () => {
    const spec = scheduledLinear({ n: 138, k: 700, outliers: 20 }, schedules[0]!) as SpecOf<'linear', 'wgsl'>;
    const text = renderShader(spec);
    const right = 'vec4<f32>(sums >> vec4<u32>(8u))';
    expect(text).toContain(right);
    const counted = await countWrong(spec, text.replace(right, `${right} + vec4<f32>(0.0, 0.0, 1.0, 0.0)`));
    expect(counted).toMatchObject({ wrong: expect.any(Number) });
    expect('wrong' in counted && counted.wrong).toBeGreaterThan(0);
  });
});
