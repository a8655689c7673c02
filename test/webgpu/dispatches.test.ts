// Kernels that take several dispatches, on the adapter: bindings are made so small that small problems are sharded along N
// and few tokens are several launches. What is planted is in the calls and in the text, and each must show.
import { describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import type { BufferArgument, DispatchContract, WgslContract } from '../../ir/call-contract.ts';
import { constant } from '../../ir/formula.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import type { LinearProblem } from '../../ir/problem.ts';
import type { BroadcastTileSchedule, WgslLinearSchedule } from '../../ir/schedule.ts';
import {
  checkText,
  contractOf,
  linearShader,
  needsOf,
  quantizeShader,
  renderShader,
  runShader,
  scheduledLinear,
  withVectors,
} from './shader-workbench.ts';
import { useSmallBindings } from './small-bindings.ts';

const bindingBytes = 160 * 1024;

useSmallBindings(bindingBytes);

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

const residual = [{ op: 'residual' }] as const;
const eight = { weightBits: 8, activationBits: 8 } as const;
const wide = { n: 1100, k: 576, outliers: 8, epilogue: residual } as const;

const registers = linearShader(wide, [16, 4, 2]);
const lanes: WgslLinearSchedule = {
  ...{ kind: 'lane-split', lanes: 8, channelThreads: 8, tokens: 2 },
  ...{ dot: 'packed', halves: 'words' },
};
const broadcast: BroadcastTileSchedule = {
  ...{ kind: 'broadcast-tile', threads: 32, tokens: 8, lanes: 4 },
  ...{ dot: 'floats', halves: 'words' },
};

needsDawn('in several dispatches', () => {
  test.for([
    ['register-tile', registers],
    ['register-tile with vectors of f16', withVectors(registers)],
    ['register-tile, 8 bit', linearShader({ n: 1042, k: 300, outliers: 40, ...eight }, [32, 4, 1])],
    ['outliers alone', linearShader({ n: 1100, k: 160, outliers: 160 }, [16, 4, 2])],
    ['lane-split', scheduledLinear(wide, lanes)],
    ['broadcast-tile', scheduledLinear(wide, broadcast)],
    ['broadcast-tile of words', scheduledLinear(wide, { ...broadcast, dot: 'packed' })],
  ] as const)('a linear is computed whole: %s', async ([_, spec], { skip }) => {
    const contract = contractOf(spec);
    expect(contract.dispatches.length).toBeGreaterThan(1);
    expect(contract.tokensAtOnce).toBeLessThan(150);
    const text = renderShader(spec);
    expect(await checkText(text, needsOf(spec).features)).toEqual([]);
    const ran = await runShader(spec, text, [1, 150]);
    if ('lacks' in ran) return skip(ran.lacks);
    const { faults, cases } = ran;
    expect(faults).toEqual([]);
    for (const { tokens, elements } of cases)
      expect(elements).toBe(tokens * (spec.problem as LinearProblem).n);
  });

  test.for([
    ['plain', quantizeShader({ k: 1028, outliers: 9 }, 64)],
    ['gated', quantizeShader({ k: 514, outliers: 33, bits: 8, prologue: { op: 'silu-mul' } }, 64)],
  ] as const)('a quantize takes all rows: %s', async ([_, spec], { skip }) => {
    expect(contractOf(spec).tokensAtOnce).toBeLessThan(150);
    const ran = await runShader(spec, renderShader(spec), [150]);
    if ('lacks' in ran) return skip(ran.lacks);
    const { faults, cases } = ran;
    expect([faults, cases.every(({ elements }) => elements > 0)]).toEqual([[], true]);
  });
});

/** A contract with one of its arguments, or of its dispatches, changed. */
const withArgument = (name: string, change: (argument: BufferArgument) => object) => (of: WgslContract) => ({
  ...of,
  arguments: of.arguments.map((argument) =>
    argument.kind === 'buffer' && argument.name === name ? { ...argument, ...change(argument) } : argument,
  ),
});
const withDispatch =
  (index: number, change: (dispatch: DispatchContract) => object) => (of: WgslContract) => ({
    ...of,
    dispatches: of.dispatches.map((each, at) => (at === index ? { ...each, ...change(each) } : each)),
  });
const shifted = (argument: string, bytes: number) => (dispatch: DispatchContract) => ({
  buffers: dispatch.buffers.map((buffer) =>
    buffer.argument === argument && buffer.range !== undefined
      ? { ...buffer, range: { ...buffer.range, offset: buffer.range.offset + bytes } }
      : buffer,
  ),
});
const sameRows = () => ({ rowStrideBytes: 0 });

const slips: readonly (readonly [string, (contract: WgslContract) => WgslContract])[] = [
  ['a shard that starts a block too late', withDispatch(0, shifted('weights', 9 * 512))],
  ['a shard that starts a block too early', withDispatch(1, shifted('weights', -9 * 512))],
  ['outlier weights of a block before', withDispatch(1, shifted('outlier_weights', -512))],
  [
    'a shard that says it were another',
    withDispatch(2, ({ uniforms: [tokens, first] }) => ({
      uniforms: [tokens, { ...first, value: constant(32) }],
    })),
  ],
  ['a shard left out', (of) => ({ ...of, dispatches: of.dispatches.slice(0, 2) })],
  ['fewer workgroups', withDispatch(0, ({ grid: [, ...rest] }) => ({ grid: [constant(7), ...rest] }))],
  ['codes of the tokens before', withArgument('codes', sameRows)],
  ['meta of the tokens before', withArgument('row_meta', sameRows)],
  ['outliers of the tokens before', withArgument('outlier_rows', sameRows)],
  ['the residual of the tokens before', withArgument('residual', sameRows)],
  ['rows written over each other', withArgument('y', sameRows)],
];

needsDawn('a slip in how a kernel is called shows', () => {
  test.for(slips)('%s', async ([_, change], { skip }) => {
    const called = change(contractOf(registers));
    const ran = await runShader(registers, renderShader(registers), [150], called);
    if ('lacks' in ran) return skip(ran.lacks);
    const { passed, faults } = ran;
    expect([passed, faults.length > 0]).toEqual([false, true]);
  });

  test('and so does a fault beside a seam where two tiles were asked for', async () => {
    // Of the first shard's 8 tiles, the last is left out.
    const change = withDispatch(0, ({ grid: [, ...rest] }) => ({ grid: [constant(7), ...rest] }));
    const [text, right] = [renderShader(registers), contractOf(registers)];
    const sampled = async (contract: WgslContract) => {
      const ran = await runShader(registers, text, [3], contract, 2);
      if ('lacks' in ran) throw new Error(ran.lacks);
      return [ran.passed, ran.cases.map(({ ctas }) => ctas)];
    };
    // Both corners, and both sides of two seams.
    expect(await sampled(right)).toEqual([true, [6, 6]]);
    expect(await sampled(change(right))).toEqual([false, [6, 6]]);
  });

  test.for([
    ['register-tile', registers],
    ['lane-split', scheduledLinear(wide, lanes)],
    ['broadcast-tile', scheduledLinear(wide, broadcast)],
  ] as const)('and so does a text that takes every shard for the first: %s', async ([_, spec], { skip }) => {
    const right = '(first_block + block) * 16u';
    const text = renderShader(spec);
    expect(text).toContain(right);
    const ran = await runShader(spec, text.replace(right, 'block * 16u'), [3]);
    if ('lacks' in ran) return skip(ran.lacks);
    expect(ran.passed).toBe(false);
  });
});

test('the plan of these has as many dispatches as it seems, and none binds too much', () => {
  const planned = planDispatches(contractOf(registers), 150);
  expect(planned).toHaveLength(3 * 3);
  for (const { buffers } of planned)
    for (const { bytes } of buffers) expect(bytes).toBeLessThanOrEqual(bindingBytes);
});
