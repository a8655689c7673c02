import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openWeights } from '../../../compiler/checkpoint/open-weights.ts';
import { createOracleRunner } from '../../../compiler/evaluate/oracle-runner.ts';
import { createQuantisedModel } from '../../../compiler/evaluate/quantised-model.ts';
import type { QuantisedWeights } from '../../../compiler/evaluate/quantised-weights.ts';
import { roundWeights } from '../../../compiler/evaluate/round-weights.ts';
import { noOverrides } from '../../../compiler/frontend/layer-rule.ts';
import { fromCheckpoint, openCheckpoint } from '../../../compiler/frontend/open-model.ts';
import { loadEvaluation } from '../../../compiler/open-evaluation/load-evaluation.ts';
import { runPasses } from '../../../compiler/passes/run-passes.ts';
import { newSession } from '../../../compiler/reference/float-model/float-model.ts';
import type { Graph } from '../../../ir/graph.ts';

const folder = 'test/fixtures/checkpoints/variants';

async function open(name: string, scheme: string) {
  const overrides = { scheme, outliers: '0', layers: [] };
  const loaded = await loadEvaluation({ file: join(folder, name), overrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  return toModel(loaded.value.graph, loaded.value.weights);
}

function toModel(graph: Graph, weights: QuantisedWeights) {
  const model = createQuantisedModel(graph, weights, createOracleRunner(graph.dtype));
  const logits = async (ids: readonly number[], session = newSession(), wanted?: readonly number[]) => {
    const out = await model.forward(ids, session, wanted);
    if (!out.ok) throw new Error(JSON.stringify(out.error));
    return out.value.data;
  };
  return { graph, logits };
}

/** All columns of each linear but the first are outliers: of a row of one, the scale is as good as 0. */
async function openWithOneBaseColumn(name: string) {
  const opened = await openCheckpoint(join(folder, name));
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const { model, tensors } = opened.value;
  const plain = fromCheckpoint(opened.value).toGraph(noOverrides);
  if (!plain.ok) throw new Error(JSON.stringify(plain.error));
  const rules = plain.value.blocks.flatMap((block) =>
    block.nodes.flatMap((node) =>
      node.op !== 'linear' || block.repeat === undefined
        ? []
        : [
            {
              match: `*.${node.id}`,
              outliers: { columns: Array.from({ length: node.k - 1 }, (_, i) => i + 1) },
            },
          ],
    ),
  );
  const listed = fromCheckpoint({ ...opened.value, model: { ...model, layers: rules } }).toGraph(noOverrides);
  if (!listed.ok) throw new Error(JSON.stringify(listed.error));
  const passed = runPasses(listed.value);
  if (!passed.ok) throw new Error(JSON.stringify(passed.error));
  const { graph } = passed.value;
  return toModel(graph, roundWeights(openWeights(tensors!, folder, { dtype: graph.dtype }), graph.dtype));
}

describe.each(readdirSync(folder))('%s', (name) => {
  const { ids, logits: expected } = JSON.parse(readFileSync(join(folder, name, 'logits.json'), 'utf8')) as {
    readonly ids: readonly number[];
    readonly logits: readonly (readonly number[])[];
  };
  const size = Math.sqrt(expected.flat().reduce((sum, value) => sum + value ** 2, 0));
  const distance = (got: Float64Array) =>
    Math.sqrt(expected.flat().reduce((sum, value, i) => sum + (value - got[i]!) ** 2, 0)) / size;

  // A stored value is off by half an ulp: 2^-12 of itself in f16, 2^-9 in bf16. Of such roundings a value of these models
  // has some 20 behind it; 32 of them all to one side are allowed for.
  const roundings = (dtype: string) => (dtype === 'f16' ? 2 ** -7 : 2 ** -4);

  test('in 16 bit throughout it is transformers’ model, but for the rounding of what is stored', async () => {
    const { graph, logits } = await open(name, 'f16');
    expect(distance(await logits(ids))).toBeLessThan(roundings(graph.dtype));
  });

  test('with one base column, which is its own minimum, quantising changes nothing', async () => {
    const { graph, logits } = await openWithOneBaseColumn(name);
    expect(graph.blocks.some(({ nodes }) => nodes.some(({ op }) => op === 'quik-linear'))).toBe(true);
    expect(distance(await logits(ids))).toBeLessThan(roundings(graph.dtype));
  });

  test('8 bit are nearer than 4, whose steps are sixteen times as coarse', async () => {
    const eight = distance(await (await open(name, 'quik-8b')).logits(ids));
    const four = distance(await (await open(name, 'quik-4b')).logits(ids));
    expect(four).toBeGreaterThan(3 * eight);
    expect(four).toBeLessThan(1);
  });

  test('token by token, and the rows that are wanted, it says what it says of the whole, bit for bit', async () => {
    const { logits } = await open(name, 'quik-4b');
    const whole = await logits(ids);
    const session = newSession();
    const rows: number[] = [];
    for (const id of ids) rows.push(...(await logits([id], session)));
    expect(rows).toEqual([...whole]);
    const columns = whole.length / ids.length;
    const last = await logits(ids, newSession(), [ids.length - 1]);
    expect([...last]).toEqual([...whole.subarray((ids.length - 1) * columns)]);
  });
});
