import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { noOverrides } from '../../../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../../../compiler/load-graph.ts';
import { newSession } from '../../../../compiler/reference/float-model/float-model.ts';
import { openFloatModel } from './open-float-model.ts';

const folder = 'test/fixtures/checkpoints/variants';
const names = readdirSync(folder);

test('there is one of every form', () => {
  expect(names.toSorted()).toEqual([
    ...['falcon-7b', 'falcon-heads', 'falcon-new', 'llama2', 'llama3', 'mistral'],
    ...['opt', 'opt-post-norm', 'qwen2', 'qwen3', 'yarn'],
  ]);
});

/**
 * Both compute in float64, but for what transformers does in float32 whatever the model: angles of rope, RMS norms, softmax. Each is
 * off by some 2^-24 of its size, which layers and logits of size ten make up to 1e-5; 1e-4 is what float32 references are given.
 */
test.each(names)('%s: logits as transformers has them, whole and in two pieces', async (name) => {
  const model = await openFloatModel(join(folder, name));
  const { ids, logits } = JSON.parse(readFileSync(join(folder, name, 'logits.json'), 'utf8')) as {
    readonly ids: readonly number[];
    readonly logits: readonly (readonly number[])[];
  };
  const expected = logits.flat();
  for (const pieces of [[ids], [ids.slice(0, 9), ids.slice(9)]]) {
    const session = newSession();
    const got = pieces.flatMap((piece) => {
      const out = model.forward(piece, session);
      if (!out.ok) throw new Error(JSON.stringify(out.error));
      return [...out.value.data];
    });
    expect(got).toHaveLength(expected.length);
    const worst = Math.max(...got.map((value, index) => Math.abs(value - expected[index]!)));
    expect(worst).toBeLessThan(1e-4);
  }
});

test.each(names)('%s: has a graph without a warning, and every tensor is read', async (name) => {
  const loaded = await loadGraph({ file: join(folder, name), overrides: { ...noOverrides, outliers: '4' } });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 2));
  expect(loaded.value.warnings.map(({ code }) => code)).toEqual(['QK140']);
});
