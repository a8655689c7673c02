// Whole models by the PTX of their bundles: what the executor computes against the oracle, site by site and as perplexity.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { compile } from '../../compiler/compile.ts';
import { type EvaluatePool, noPool } from '../../compiler/evaluate/evaluate-pool.ts';
import { LayerErrors } from '../../compiler/evaluate/layer-errors.ts';
import { createMeasuringRunner } from '../../compiler/evaluate/measuring-runner.ts';
import { measureLoss } from '../../compiler/evaluate/perplexity.ts';
import { runPtxJob } from '../../compiler/evaluate/ptx-job.ts';
import { createPtxRunner } from '../../compiler/evaluate/ptx-runner.ts';
import { createQuantisedModel } from '../../compiler/evaluate/quantised-model.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import type { LoadRequest } from '../../compiler/load-graph.ts';
import { loadEvaluation } from '../../compiler/open-evaluation/load-evaluation.ts';
import { openForward } from '../../compiler/open-evaluation/open-forward.ts';
import { openSites } from '../../compiler/open-evaluation/open-sites.ts';
import { kernelFiles } from '../../compiler/package/kernel-files.ts';
import { readBundle } from '../../compiler/package/read-bundle.ts';
import { newSession } from '../../compiler/reference/float-model/float-model.ts';
import { sm80 } from '../../targets/sm80.ts';
import { removeQuantisedModel, writeQuantisedModel } from '../compiler/evaluate/quantised-fixture.ts';
import { modelsFolder, readReference, readWindows } from '../support/reference-models.ts';

const found = await findToolchain({ env: process.env });
const needsNvcc = describe.skipIf(!found.ok && !process.env['CI']);
const folder = mkdtempSync(join(tmpdir(), 'quikc-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true }));

const variants = 'test/fixtures/checkpoints/variants';
const buildOptions = { env: process.env };

async function open(name: string, load: LoadRequest) {
  const loaded = await loadEvaluation(load);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const output = join(folder, name);
  const made = await compile({ ...load, target: sm80, build: true, buildOptions, outputFor: () => output });
  const bundle = readBundle(output);
  if (!made.ok || !bundle.ok) throw new Error(JSON.stringify(made));
  const { graph } = loaded.value;
  const opened = await openSites({ on: 'ptx', load, graph, bundle: output, pool: noPool, buildOptions });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return { loaded: loaded.value, bundle: bundle.value, output, sites: opened.value };
}

const openVariant = (name: string) =>
  open(name, { file: join(variants, name), overrides: { scheme: 'quik-4b', outliers: '0', layers: [] } });

needsNvcc('small models of every form', () => {
  const textOf = (name: string): readonly number[] =>
    JSON.parse(readFileSync(join(variants, name, 'logits.json'), 'utf8')).ids;

  async function judge(
    name: string,
    { loaded: { graph, weights }, sites }: Awaited<ReturnType<typeof open>>,
    runner = sites.runner,
  ) {
    const errors = new LayerErrors();
    const kernels = { ...sites, runner };
    const measuring = createMeasuringRunner({ dtype: graph.dtype, pool: noPool, errors, kernels });
    const walked = await createQuantisedModel(graph, weights, measuring).forward(textOf(name), newSession());
    if (!walked.ok) throw new Error(JSON.stringify(walked.error));
    return errors.report();
  }

  // Norms that become prologues, and such that stay the host's; biases, parallel residuals, fused q/k/v.
  test.each(['qwen2', 'falcon-7b', 'opt'])(
    '%s: every value of every site within its bounds',
    async (name) => {
      const report = await judge(name, await openVariant(name));
      expect(report.length).toBeGreaterThan(5);
      for (const { layer, kernels } of report) {
        expect(kernels?.outside, layer).toBe(0);
        expect(kernels?.compared, layer).toBeGreaterThan(100);
      }
    },
  );

  test('a kernel that is wrong is outside its bounds', async () => {
    const opened = await openVariant('llama2');
    const { bundle, loaded } = opened;
    const broken = (from: RegExp, to: string) => {
      let slips = 0;
      const ptxOf = (kernel: Parameters<typeof kernelFiles>[1]) =>
        kernelFiles(bundle, kernel).ptx!.replace(from, () => {
          slips++;
          return to;
        });
      const runner = createPtxRunner({ manifest: bundle.manifest, ptxOf }, loaded.graph.dtype);
      return { runner, slips: () => slips };
    };
    const largest = broken(/\bmin\.NaN/g, 'max.NaN');
    const report = await judge('llama2', opened, largest.runner);
    expect(largest.slips()).toBeGreaterThan(0);
    expect(report.every(({ kernels }) => kernels!.outside > 0 && kernels!.faults.length > 0)).toBe(true);
  });

  test('a bundle of another model is refused', async () => {
    const { output } = await openVariant('llama2');
    const load = {
      file: join(variants, 'qwen2'),
      overrides: { scheme: 'quik-4b', outliers: '0', layers: [] },
    };
    const loaded = await loadEvaluation(load);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
    const { graph } = loaded.value;
    const opened = await openSites({ on: 'ptx', load, graph, bundle: output, pool: noPool, buildOptions });
    expect(opened.ok ? [] : opened.error.map(({ code }) => code)).toEqual(['QK195']);
  });
});

const name = 'tiny-llama-outliers';
const reference = readReference(name);
const missing = reference === undefined ? ` (NOT RUN: no ${name} in ${modelsFolder})` : '';
const windows = Number(process.env['QUIKC_EVAL_WINDOWS'] ?? 1);

needsNvcc('a trained model', () => {
  test.skipIf(reference === undefined)(
    `perplexity of its PTX is the oracle's within 1 %, whatever the threads${missing}`,
    { timeout: 600_000 * windows },
    async () => {
      const file = await writeQuantisedModel(name, { outliers: 8 });
      const { loaded, sites, output } = await open(name, { file, overrides: noOverrides });
      const texts = readWindows(reference!.eval.file, 256).slice(0, windows);
      const load = { file, overrides: noOverrides };
      const shared = { loaded, load, bundle: output, buildOptions };
      const lossOf = async (place: 'oracle' | 'ptx', pool: EvaluatePool) => {
        const opened = await openForward({ ...shared, place, pool });
        if (!opened.ok) throw new Error(JSON.stringify(opened.error));
        const loss = await measureLoss(opened.value.forward, texts);
        if (!loss.ok) throw new Error(JSON.stringify(loss.error));
        return loss.value.perplexity;
      };
      const oracle = await lossOf('oracle', noPool);
      const three: EvaluatePool = { ...noPool, threads: 3, runPtx: (jobs) => jobs.forEach(runPtxJob) };
      const ptx = await lossOf('ptx', three);
      expect(Math.abs(ptx / oracle - 1)).toBeLessThan(0.01);
      // The same bits: a short text suffices.
      const few = texts[0]!.slice(0, 33);
      const logits = async (pool: EvaluatePool) => {
        const opened = await openForward({ ...shared, place: 'ptx', pool });
        const out = opened.ok ? await opened.value.forward(few, newSession()) : opened;
        if (!out.ok) throw new Error(JSON.stringify(out.error));
        return out.value.data;
      };
      expect(await logits(three)).toEqual(await logits(noPool));
      await sites.runner.close();
      removeQuantisedModel(file);
    },
  );
});
