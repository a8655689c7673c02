// K of models that people run, with few channels: sums, loops and offsets over whole rows, in every kind of kernel.
import { describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import type { LinearProblem } from '../../ir/problem.ts';
import {
  linearShader,
  quantizeShader,
  renderShader,
  runShader,
  scheduledLinear,
  type WgslSpec,
} from './shader-workbench.ts';

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

const words = { dot: 'packed', halves: 'words' } as const;
const eight = { weightBits: 8, activationBits: 8 } as const;
/** LLaMA-2-7B's o_proj and down_proj, QUIK-4B and QUIK-8B, cut along N. */
const four: Partial<LinearProblem> = { n: 34, k: 4096, outliers: 256, epilogue: [{ op: 'residual' }] };
const long: Partial<LinearProblem> = { n: 34, k: 11_008, outliers: 896, ...eight };
const lanes = { kind: 'lane-split', lanes: 32, channelThreads: 8, tokens: 2, ...words } as const;
const slices = { kind: 'slice-split', slices: 8, channelThreads: 32, tokens: 2, ...words } as const;
const broadcast = { kind: 'broadcast-tile', threads: 32, tokens: 8, lanes: 4, halves: 'words' } as const;

const specs: readonly (readonly [string, WgslSpec])[] = [
  ...([four, long] as const).flatMap((problem) => [
    [`a register tile, K = ${problem.k}`, linearShader(problem, [8, 8, 2])] as const,
    [`a lane split, K = ${problem.k}`, scheduledLinear(problem, lanes)] as const,
    [`a slice split, K = ${problem.k}`, scheduledLinear(problem, slices)] as const,
    [
      `a broadcast tile, K = ${problem.k}`,
      scheduledLinear(problem, { ...broadcast, dot: 'packed' }),
    ] as const,
    [
      `a broadcast tile of floats, K = ${problem.k}`,
      scheduledLinear(problem, { ...broadcast, dot: 'floats' }),
    ] as const,
  ]),
  [
    'a quantize, K = 4096',
    quantizeShader({ k: 4096, outliers: 256, prologue: { op: 'rms-norm', eps: 1e-5 } }, 256),
  ],
  [
    'a quantize, K = 11008',
    quantizeShader({ k: 11_008, outliers: 896, bits: 8, prologue: { op: 'silu-mul' } }, 256),
  ],
];

needsDawn('at production K', () => {
  test.for(specs)('%s agrees with the oracle', async ([_, spec], { skip }) => {
    const ran = await runShader(spec, renderShader(spec), [1, 17]);
    if ('lacks' in ran) return skip(ran.lacks);
    expect(ran.faults).toEqual([]);
    expect(ran.cases.every(({ elements }) => elements > 0)).toBe(true);
  });

  test('and the last segment of a long row counts', async () => {
    const spec = linearShader(long, [8, 8, 2]);
    const text = renderShader(spec);
    const right = 'segment < kBaseSegments;';
    expect(text).toContain(right);
    expect(await runShader(spec, text.replace(right, 'segment < kBaseSegments - 1u;'), [17])).toMatchObject({
      passed: false,
    });
  });
});
