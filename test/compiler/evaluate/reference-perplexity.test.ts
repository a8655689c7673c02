import { afterAll, describe, expect, test } from 'vitest';
import { createOracleRunner } from '../../../compiler/evaluate/oracle-runner.ts';
import { type Loss, measureLoss } from '../../../compiler/evaluate/perplexity.ts';
import { createQuantisedModel } from '../../../compiler/evaluate/quantised-model.ts';
import { noOverrides } from '../../../compiler/frontend/layer-rule.ts';
import { loadEvaluation } from '../../../compiler/open-evaluation/load-evaluation.ts';
import { createFloatModel } from '../../../compiler/reference/float-model/float-model.ts';
import { modelsFolder, readReference, readWindows } from '../../support/reference-models.ts';
import { type QuantisedChoice, removeQuantisedModel, writeQuantisedModel } from './quantised-fixture.ts';

/** Windows of the evaluation text to go through: QUIKC_EVAL_WINDOWS=64 is all of it, for which simulations are recorded. */
const windows = Number(process.env['QUIKC_EVAL_WINDOWS'] ?? 0);

const written: string[] = [];
afterAll(() => {
  for (const file of written) removeQuantisedModel(file);
});

async function measure(
  name: string,
  choice: QuantisedChoice,
  texts: readonly (readonly number[])[],
): Promise<{ readonly quantised: Loss; readonly float: () => Promise<Loss> }> {
  const file = await writeQuantisedModel(name, choice);
  written.push(file);
  const loaded = await loadEvaluation({ file, overrides: noOverrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { graph, weights, float } = loaded.value;
  const model = createQuantisedModel(graph, weights, createOracleRunner(graph.dtype));
  const lossOf = async (forward: Parameters<typeof measureLoss>[0]) => {
    const loss = await measureLoss(forward, texts);
    if (!loss.ok) throw new Error(JSON.stringify(loss.error));
    return loss.value;
  };
  const plain = createFloatModel(float!.graph, float!.read);
  return {
    quantised: await lossOf(model.forward),
    float: () => lossOf((ids, session) => plain.forward(ids, session)),
  };
}

const down: Readonly<Record<string, string>> = {
  llama: 'down_proj',
  qwen: 'down_proj',
  opt: 'fc2',
  falcon: 'dense_4h_to_h',
};

describe.each(['llama', 'qwen', 'opt', 'falcon'])('tiny-%s', (family) => {
  const name = `tiny-${family}-outliers`;
  const reference = readReference(name);
  const missing = reference === undefined ? ` (NOT RUN: no ${name} in ${modelsFolder})` : '';

  test.skipIf(reference === undefined)(
    `with its outlier columns it foresees a text as before, without them it does not${missing}`,
    async () => {
      const text = [readWindows(reference!.eval.file, 32)[0]!];
      const kept = await measure(name, { outliers: 8 }, text);
      const float = await kept.float();
      expect(kept.quantised.perplexity / float.perplexity).toBeLessThan(1.25);
      const lost = await measure(name, { outliers: 0 }, text);
      expect(lost.quantised.perplexity / float.perplexity).toBeGreaterThan(5);
    },
  );

  const simulated = new Map(reference?.simulated.map(({ config, ppl }) => [config, ppl]));
  const cases: readonly (readonly [string, QuantisedChoice, number])[] = [
    ['W4A4 F=8', { outliers: 8 }, 1.02],
    [`W4A4 F=8, ${down[family]} W8A8 F=8`, { outliers: 8, eightBitDown: true }, 1.02],
    ['W8A8 F=8', { outliers: 8, scheme: 'quik-8b' }, 1.02],
    // Collapsed: a tie that falls the other way changes all that follows.
    ['W4A4 F=0', { outliers: 0 }, 1.5],
  ];
  test.skipIf(reference === undefined || windows === 0).each(cases)(
    `%s: perplexity as simulated${missing}`,
    { timeout: 900_000 },
    async (config, choice, factor) => {
      const expected = simulated.get(config);
      if (expected === undefined) throw new Error(`${name} has no ${config}`);
      const texts = readWindows(reference!.eval.file, reference!.eval.window).slice(0, windows);
      const { perplexity } = (await measure(name, choice, texts)).quantised;
      // biome-ignore lint/suspicious/noConsole: the figure is what this is run for
      console.log(`${name}, ${config}: ${perplexity.toFixed(3)}, simulated ${expected.toFixed(3)}`);
      if (windows < reference!.eval.windows) return;
      expect(Math.max(perplexity / expected, expected / perplexity)).toBeLessThan(factor);
    },
  );
});
