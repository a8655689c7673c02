// Whole models by the package that a bundle for WebGPU has, on the adapter at hand, against the oracle.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { noPool } from '../../compiler/evaluate/evaluate-pool.ts';
import { LayerErrors } from '../../compiler/evaluate/layer-errors.ts';
import { createMeasuringRunner } from '../../compiler/evaluate/measuring-runner.ts';
import { measureLoss } from '../../compiler/evaluate/perplexity.ts';
import { createQuantisedModel } from '../../compiler/evaluate/quantised-model.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import type { LoadRequest } from '../../compiler/load-graph.ts';
import { loadEvaluation } from '../../compiler/open-evaluation/load-evaluation.ts';
import { openForward } from '../../compiler/open-evaluation/open-forward.ts';
import { openSites } from '../../compiler/open-evaluation/open-sites.ts';
import { newSession } from '../../compiler/reference/float-model/float-model.ts';
import { removeQuantisedModel, writeQuantisedModel } from '../compiler/evaluate/quantised-fixture.ts';
import { modelsFolder, readReference, readWindows } from '../support/reference-models.ts';

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);
const root = mkdtempSync(join(tmpdir(), 'quikc-evaluate-web-'));
afterAll(() => rmSync(root, { recursive: true }));
/** Bundles go into quikc's cache, and this is one. */
const buildOptions = { env: { ...process.env, QUIKC_CACHE: root } };
const variants = 'test/fixtures/checkpoints/variants';

async function load(request: LoadRequest) {
  const loaded = await loadEvaluation(request);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  return loaded.value;
}

needsDawn('small models of every form', () => {
  test.each(['qwen2', 'falcon-7b', 'opt'])(
    '%s: every value of every site within its bounds',
    async (name) => {
      const request = {
        file: join(variants, name),
        overrides: { scheme: 'quik-4b', outliers: '0', layers: [] },
      };
      const { graph, weights } = await load(request);
      const opened = await openSites({ on: 'webgpu', load: request, graph, pool: noPool, buildOptions });
      if (!opened.ok) throw new Error(JSON.stringify(opened.error));
      const errors = new LayerErrors();
      const measuring = createMeasuringRunner({
        ...{ dtype: graph.dtype, pool: noPool, errors, kernels: opened.value },
      });
      const { ids } = JSON.parse(readFileSync(join(variants, name, 'logits.json'), 'utf8'));
      try {
        // Many tokens, then one: other kernels, on the weights that were uploaded.
        const session = newSession();
        for (const piece of [ids.slice(0, -1), ids.slice(-1)]) {
          const walked = await createQuantisedModel(graph, weights, measuring).forward(piece, session);
          if (!walked.ok) throw new Error(JSON.stringify(walked.error));
        }
      } finally {
        await measuring.close();
      }
      expect(errors.report().length).toBeGreaterThan(5);
      for (const { layer, kernels } of errors.report()) {
        expect(kernels?.faults, layer).toEqual([]);
        expect(kernels?.compared, layer).toBeGreaterThan(100);
      }
    },
  );
});

const name = 'tiny-llama-outliers';
const reference = readReference(name);
const missing = reference === undefined ? ` (NOT RUN: no ${name} in ${modelsFolder})` : '';
const windows = Number(process.env['QUIKC_EVAL_WINDOWS'] ?? 1);

needsDawn('a trained model', () => {
  test.skipIf(reference === undefined)(
    `perplexity on the adapter is the oracle's within 1 %${missing}`,
    { timeout: 600_000 * windows },
    async () => {
      const file = await writeQuantisedModel(name, { outliers: 8 });
      const request = { file, overrides: noOverrides };
      const loaded = await load(request);
      const texts = readWindows(reference!.eval.file, 256).slice(0, windows);
      const lossOf = async (place: 'oracle' | 'webgpu') => {
        const opened = await openForward({ place, loaded, load: request, pool: noPool, buildOptions });
        if (!opened.ok) throw new Error(JSON.stringify(opened.error));
        const loss = await measureLoss(opened.value.forward, texts);
        await opened.value.close();
        if (!loss.ok) throw new Error(JSON.stringify(loss.error));
        return loss.value.perplexity;
      };
      expect(Math.abs((await lossOf('webgpu')) / (await lossOf('oracle')) - 1)).toBeLessThan(0.01);
      removeQuantisedModel(file);
    },
  );
});
