// The search over CUDA schedules: candidates built, gated and executed for real; ranked by the model where there is no GPU.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { cudaFamilies } from '../../compiler/families/index.ts';
import { openCudaPlane } from '../../compiler/measure/cuda-plane.ts';
import { tuneBundle } from '../../compiler/measure/tune-bundle.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { sm80 } from '../../targets/sm80.ts';
import { compileFixture, tinyLlama } from '../compiler/compile-fixture.ts';

const found = await findToolchain({ env: process.env });
const needsNvcc = describe.skipIf(!found.ok && !process.env['CI']);
const root = mkdtempSync(join(tmpdir(), 'quikc-tune-'));
afterAll(() => rmSync(root, { recursive: true }));

const { manifest } = await compileFixture(tinyLlama);
const kernels = manifest.kernels.filter(({ explain }) => explain.some(({ from }) => from === 17)).slice(0, 1);
const templates = loadTemplates('templates');

async function search(name: string, most: number, env: NodeJS.ProcessEnv) {
  const { signal } = new AbortController();
  const surroundings = { ...process.env, QUIKC_CACHE: join(root, 'cache'), ...env };
  const nvcc = found.ok ? found.value.nvcc : undefined;
  const plane = await openCudaPlane(sm80, { env: surroundings, signal, device: 0, nvcc });
  if (!plane.ok) throw new Error(`${plane.error.code} ${plane.error.message}`);
  const tuned = await tuneBundle({
    ...{ kernels, sites: manifest.sites, plane: plane.value, families: cudaFamilies, templates },
    ...{ most, seed: 1, signal },
    ...{ root: join(root, name), lockRoot: join(root, 'locks'), budget: 600_000, onFraction: () => {} },
  });
  if (!tuned.ok) throw new Error(tuned.error.message);
  return { records: tuned.value.tuned.map(({ record }) => record), device: plane.value.device };
}

needsNvcc('quikc tune', () => {
  test('without a GPU: every trial was built and executed, its time is modelled and says so', async () => {
    const { records, device } = await search('model', 3, { QUIKC_LIBCUDA: join(root, 'no-driver.so') });
    expect(device).toEqual({ kind: 'model', name: `model of ${sm80.gpu.name}`, driver: '', software: false });
    const trials = records.flatMap((record) => record.trials);
    expect(trials.length).toBeGreaterThanOrEqual(3);
    expect(records[0]?.policy.clock).toBe('modelled');
    const timed = trials.filter(({ outcome }) => outcome === 'timed');
    expect(timed.length).toBeGreaterThan(0);
    // ptxas took fewer registers than the launch bounds leave: the figures that came back count.
    expect(timed.some((trial) => trial.outcome === 'timed' && trial.samples[0] !== trial.modelled)).toBe(
      true,
    );
  }, 120_000);

  test('on a GPU that computes something else, nothing is ever timed', async () => {
    const library = join(root, 'libfake.so');
    const source = 'test/compiler/device/fake-driver.cpp';
    execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-o', library, source]);
    const { records, device } = await search('fake', 1, {
      QUIKC_LIBCUDA: library,
      FAKE_LOG: join(root, 'log'),
    });
    expect(device).toMatchObject({ kind: 'gpu', name: 'Fake "GPU"', smCount: 16 });
    for (const trial of records.flatMap((record) => record.trials))
      expect(trial).toMatchObject({
        outcome: 'failed',
        stage: 'time',
        reason: expect.stringContaining('wrong'),
      });
    expect(records[0]?.policy.clock).toBe('cuda-events');
  }, 120_000);
});
