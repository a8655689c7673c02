// The search on the adapter at hand, for real: what it leaves, and that nothing wrong is ever timed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { explainKernel } from '../../compiler/commands/explain-kernel.ts';
import { wgslFamilies } from '../../compiler/families/index.ts';
import { openAdapterPlane } from '../../compiler/measure/adapter-plane.ts';
import { runnableVariants } from '../../compiler/measure/runnable-variants.ts';
import { tuneBundle } from '../../compiler/measure/tune-bundle.ts';
import { checkManifest } from '../../compiler/package/check-manifest.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import type { TemplateSet } from '../../compiler/render/template-set.ts';
import { canonicalJson } from '../../compiler/support/hash.ts';
import { pickTuned } from '../../compiler/tune/pick-tuned.ts';
import { readRecords } from '../../compiler/tune/read-records.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import { webgpu } from '../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compiler/compile-fixture.ts';
import { renderShader, scheduledLinear } from './shader-workbench.ts';

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);
const root = mkdtempSync(join(tmpdir(), 'quikc-tune-'));
afterAll(() => rmSync(root, { recursive: true }));

const { manifest } = await compileFixture(tinyLlama, { target: webgpu });
/** What all variants have for one problem over one range of M. */
const ofRange = manifest.kernels.flatMap((kernel) => {
  const explain = kernel.explain.filter(({ to }) => to === 8);
  return kernel.family === 'linear' && explain.length > 0 ? [{ ...kernel, explain }] : [];
});
const kernels = ofRange.filter(({ problemHash }) => problemHash === ofRange[0]?.problemHash);
const templates = loadTemplates('templates');

async function search(folder: string, most: number, using: TemplateSet = templates) {
  if (!found.ok) throw new Error(`${found.error.message}; run: eval "$(node test/webgpu/set-up.mjs)"`);
  const plane = await openAdapterPlane(webgpu, found.value, process.env);
  if (!plane.ok) throw new Error(plane.error.message);
  try {
    const tuned = await tuneBundle({
      ...{ kernels, sites: manifest.sites, plane: plane.value, families: wgslFamilies },
      ...{ templates: using, most, seed: 1 },
      ...{ root: join(root, folder), lockRoot: join(root, 'locks'), budget: 600_000 },
      ...{ signal: new AbortController().signal, onFraction: () => {} },
    });
    if (!tuned.ok) throw new Error(tuned.error.message);
    const { device, target } = plane.value;
    return { ...tuned.value, device, runnable: runnableVariants(target).map(({ variant }) => variant) };
  } finally {
    plane.value.close();
  }
}

needsDawn('quikc tune', () => {
  test('verifies and times schedules, leaves records, and does not do it again', async () => {
    const { tuned, unsearched, device, runnable } = await search('records', 4);
    expect(unsearched).toBe(0);
    expect(device).toMatchObject({ kind: 'adapter' });
    // Both software adapters have subgroups: nothing of their variants is left out.
    expect(runnable).toEqual(expect.arrayContaining(['scalar', 'base', 'subgroups']));
    for (const { record, unit } of tuned) {
      expect(unit.present.length).toBeGreaterThan(1);
      expect(record.trials).toHaveLength(4 + unit.present.length - 1);
      expect(record.search.complete).toBe(true);
      const schedules = record.trials.map(({ schedule }) => canonicalJson(schedule));
      expect(schedules).toEqual(expect.arrayContaining([...unit.present]));
      for (const trial of record.trials) {
        if (trial.outcome !== 'timed') throw new Error(`${trial.stage}: ${trial.reason}`);
        expect(Math.min(...trial.samples)).toBeGreaterThan(0);
      }
    }
    const before = readRecords(join(root, 'records'));
    const again = performance.now();
    await search('records', 4);
    expect(readRecords(join(root, 'records'))).toEqual(before);
    expect(performance.now() - again).toBeLessThan(20_000);
  });

  test('compile takes them by the name of the device alone, and explain shows them', async () => {
    const { records } = readRecords(join(root, 'records'));
    const name = records[0]?.device.name;
    const byDefault = pickTuned(records, { target: 'webgpu', referenceGpu: webgpu.gpu.name });
    const named = pickTuned(records, { target: 'webgpu', referenceGpu: webgpu.gpu.name, device: name });
    if (!byDefault.ok || !named.ok) throw new Error('both are understood');
    const plain = await compileFixture(tinyLlama, { target: webgpu, tuned: byDefault.value });
    expect(plain.manifest.kernels).toEqual(manifest.kernels);
    const tuned = await compileFixture(tinyLlama, { target: webgpu, tuned: named.value });
    const measured = tuned.manifest.kernels.filter(({ explain }) =>
      explain.some(({ report }) => report.tuned),
    );
    expect(measured.length).toBeGreaterThan(0);
    // A manifest whose variants launch what they do not ask for is refused.
    expect(checkManifest(tuned.manifest)).toEqual([]);
    const text = explainKernel(tuned.manifest, measured[0]!);
    expect(text).toContain(`chosen by what was measured on ${name}`);
    expect(text).toMatch(/\((95 %|range of \d)\)/);
  });

  test('times a kernel of two dispatches, with a workspace of its own', async () => {
    if (!found.ok) throw new Error(found.error.message);
    const plane = await openAdapterPlane(webgpu, found.value, process.env);
    if (!plane.ok) throw new Error(plane.error.message);
    const specOf = (slices: number) =>
      scheduledLinear(
        {},
        { kind: 'slice-split', slices, channelThreads: 32, tokens: 2, dot: 'packed', halves: 'words' },
      );
    const { device, close } = plane.value.open({
      ...{ tokens: { from: 2, to: 8, at: 5 }, seed: 1, favourites: [], signal: new AbortController().signal },
      kernelOf(key) {
        const spec = specOf(Number(key));
        const kernel = { ...(kernels[0] as never as ScheduledKernel), id: `s${key}`, spec };
        return { kernel, text: renderShader(spec) };
      },
    });
    // The second has twice the shares, and the first its own still.
    for (const key of ['2', '4', '2']) {
      const candidate = { key, features: [], modelled: 1 };
      expect(await device.prepare(candidate)).toMatchObject({ ok: true });
      const timed = await device.time(candidate);
      expect(timed.ok && timed.value > 0).toBe(true);
    }
    close();
    plane.value.close();
  });

  test('a template that computes wrong values gives no time to anything', async () => {
    const right = 'column_meta[n + 8u]';
    const sources = new Map(templates.sources);
    for (const [key, source] of sources)
      if (key.startsWith('wgsl/')) sources.set(key, source.replaceAll(right, 'column_meta[n]'));
    // Else nothing is broken here, and the test would show nothing.
    expect([...sources.values()].join()).not.toEqual([...templates.sources.values()].join());
    const { tuned } = await search('wrong', 2, { sources, digest: 'ff'.repeat(32) });
    const trials = tuned.flatMap(({ record }) => record.trials);
    expect(trials.length).toBeGreaterThan(0);
    expect(trials.map((trial) => trial.outcome === 'failed' && trial.stage)).toEqual(
      trials.map(() => 'verify'),
    );
  });
});
