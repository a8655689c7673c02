// Slices of K in two dispatches: the second is needed, sums are whole numbers until they are whole, and runs are alike.
import { describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { linearCases } from '../../compiler/families/linear/cases.ts';
import { makeActivationData } from '../../compiler/families/linear/data-activations.ts';
import { makeWeightData } from '../../compiler/families/linear/data-weights.ts';
import { wgslCover } from '../../compiler/families/linear/wgsl/cover.ts';
import { integerProduct } from '../../compiler/reference/integer-product.ts';
import { runOnAdapter } from '../../compiler/verify/run-on-adapter.ts';
import type { SpecOf } from '../../ir/kernel-spec.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import type { SliceSplitSchedule } from '../../ir/schedule.ts';
import { contractOf, needsOf, renderShader, runShader, scheduledLinear } from './shader-workbench.ts';
import { useSmallBindings } from './small-bindings.ts';

// Small enough that some thousand channels are sharded, and some dozen tokens are several launches.
useSmallBindings(2 ** 20);

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

const slices: SliceSplitSchedule = {
  ...{ kind: 'slice-split', slices: 4, channelThreads: 32, tokens: 2 },
  ...{ dot: 'packed', halves: 'words' },
};
const eight = { weightBits: 8, activationBits: 8 } as const;
const tokens = 5;

/** What a kernel leaves in its workspace and in y, on the dataset of whole numbers. */
async function run(spec: SpecOf<'linear', 'wgsl'>) {
  const contract = contractOf(spec);
  const [data] = linearCases(spec.problem, wgslCover(spec), tokens, 1);
  const buffers = contract.arguments.flatMap((argument) => {
    if (argument.kind !== 'buffer') return [];
    const { name } = argument;
    const { bytes, fill } = data!.buffers.find((buffer) => buffer.argument === name)!;
    const output = name === 'workspace' || name === 'y';
    return [{ argument: name, bytes, name, fill: (into: Uint8Array) => fill?.(0, into), output }];
  });
  if (!found.ok) throw new Error(found.error.message);
  const job = { dispatches: planDispatches(contract, tokens), buffers };
  const options = { dawn: found.value.module, env: process.env };
  const shader = { text: renderShader(spec), needs: needsOf(spec) };
  const ran = await runOnAdapter(shader, [job], options, ({ read }) => ({
    workspace: new Uint8Array(read(0, 'workspace')),
    y: new Uint8Array(read(0, 'y')),
  }));
  if (!ran.ok) throw new Error(ran.error.message);
  return ran.value;
}

/** As runShader: no adapter lacks what these ask for. */
async function verify(...given: Parameters<typeof runShader>) {
  const ran = await runShader(...given);
  if ('lacks' in ran) throw new Error(ran.lacks);
  return ran;
}

needsDawn('slices', () => {
  test.each([
    ['4 bit', scheduledLinear({ n: 138, k: 700, outliers: 20 }, slices), 8],
    ['8 bit', scheduledLinear({ n: 138, k: 700, outliers: 0, ...eight }, slices), 0],
  ])('add up to the int32 accumulators of the oracle, bit for bit: %s', async (_, of, shift) => {
    const spec = of as SpecOf<'linear', 'wgsl'>;
    const { n, outliers } = spec.problem;
    const { workspace } = await run(spec);
    const shares = new Int32Array(workspace.buffer);
    const vectors = outliers > 0 ? 2 : 1;
    const quads = 4 * Math.ceil(n / 16);
    const weights = makeWeightData(spec.problem, 1, 'integer').tile(0, n);
    const codes = makeActivationData(spec.problem, 1, 'integer').tile(0, tokens);
    const expected = integerProduct(weights, codes);
    let compared = 0;
    for (let row = 0; row < tokens; row++) {
      for (let channel = 0; channel < n; channel++) {
        // Channels g, g + 8, g + 1, g + 9 of a block, g even, are a vector.
        const [block, i] = [Math.floor(channel / 16), channel % 16];
        const quad = 4 * block + ((i % 8) >> 1);
        const lane = (i >> 3) + 2 * (i & 1);
        let sum = 0;
        for (let slice = 0; slice < slices.slices; slice++)
          sum += shares[((slice * tokens + row) * quads + quad) * 4 * vectors + lane] ?? Number.NaN;
        expect(sum >> shift).toBe(expected[channel * codes.rows + row]);
        compared += 1;
      }
    }
    expect(compared).toBe(tokens * n);
  });

  test('give the same bytes each time', async () => {
    const spec = scheduledLinear({ n: 138, k: 700, outliers: 60 }, slices) as SpecOf<'linear', 'wgsl'>;
    expect(await run(spec)).toEqual(await run(spec));
  });

  test('without their second dispatch, or without their first, leave y wrong', async () => {
    const spec = scheduledLinear({ n: 138, k: 700, outliers: 20 }, slices);
    const contract = contractOf(spec);
    for (const kept of contract.dispatches) {
      const called = { ...contract, dispatches: [kept] };
      expect((await verify(spec, renderShader(spec), [tokens], called)).passed, kept.entryPoint).toBe(false);
    }
    const backwards = { ...contract, dispatches: [...contract.dispatches].reverse() };
    expect((await verify(spec, renderShader(spec), [tokens], backwards)).passed).toBe(false);
    expect((await verify(spec, renderShader(spec), [tokens])).passed).toBe(true);
  });

  test('of shards lie beside each other, and a text that has them all where the first are is wrong', async () => {
    const wide = scheduledLinear({ n: 1100, k: 2000, outliers: 8 }, { ...slices, slices: 2 });
    const { dispatches, tokensAtOnce } = contractOf(wide);
    expect([dispatches.length, tokensAtOnce]).toEqual([2 + 1, 32]);
    const right = '4u * first_block + thread.x';
    const text = renderShader(wide);
    expect(text).toContain(right);
    expect((await verify(wide, text, [40])).faults).toEqual([]);
    expect((await verify(wide, text.replace(right, 'min(first_block, 0u) + thread.x'), [3])).passed).toBe(
      false,
    );
  });
});
