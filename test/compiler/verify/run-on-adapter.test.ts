// An adapter that fails: each way has its kind and its words, and none makes anybody wait.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type AdapterRun, runOnAdapter } from '../../../compiler/verify/run-on-adapter.ts';

const dawn = pathToFileURL(resolve('test/compiler/verify/fake-dawn.mjs')).href;
const run: AdapterRun = {
  buffers: [{ argument: 'y', bytes: 128, name: 'y', fill: (into) => into.fill(7), output: true }],
  dispatches: [
    {
      ...{ entryPoint: 'main', workgroups: [1, 1, 1] },
      uniforms: [{ binding: 0, value: 3 }],
      buffers: [{ binding: 1, argument: 'y', offset: 0, bytes: 128 }],
    },
  ],
};

const shader = { text: '', needs: { features: [], languageFeatures: [], leastSubgroupSize: 1 } };

describe('an adapter that', () => {
  test.each([
    ['none', 'no-adapter', 'no adapter'],
    ['lost', 'device-lost', 'the device is lost: the driver went'],
    ['lost late', 'device-lost', 'the device is lost: the driver went'],
    ['small', 'no-memory', 'y takes 128 bytes, the adapter allows a buffer 64'],
    ['full', 'no-memory', 'no memory for the 128 bytes of y: the heap is full'],
    ['uncaptured', 'no-memory', 'the heap is full'],
  ])('is %s gives %s', async (way, kind, message) => {
    const started = performance.now();
    const ran = await runOnAdapter(shader, [run], { dawn, env: { ...process.env, FAKE_DAWN: way } }, () => 0);
    expect(ran).toEqual({ ok: false, error: { kind, message } });
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test.each([
    [{ features: ['subgroups'] }, 'the adapter lacks the feature subgroups'],
    [{ languageFeatures: ['dot'] }, 'the WGSL language feature dot is missing'],
    [{ leastSubgroupSize: 8 }, 'subgroups of the adapter may have 4 invocations, 8 are needed'],
  ])('has not %j gives unsupported, and runs nothing', async (more, message) => {
    const needing = { ...shader, needs: { ...shader.needs, ...more } };
    const env = { ...process.env, FAKE_DAWN: 'well' };
    const ran = await runOnAdapter(needing, [run], { dawn, env }, () => 0);
    expect(ran).toEqual({ ok: false, error: { kind: 'unsupported', message } });
  });

  test('hangs is given up on', async () => {
    const options = { dawn, env: { ...process.env, FAKE_DAWN: 'hangs' }, timeoutMs: 1500 };
    const ran = await runOnAdapter(shader, [run], options, () => 0);
    expect(ran).toMatchObject({
      ok: false,
      error: { kind: 'failed', message: expect.stringContaining('did not end within 1.5 s') },
    });
  });

  test('does as it should gives what it wrote', async () => {
    const env = { ...process.env, FAKE_DAWN: 'well' };
    const ran = await runOnAdapter(shader, [run], { dawn, env }, ({ adapter, read }) => ({
      name: adapter.name,
      bytes: read(0, 'y').length,
    }));
    expect(ran).toEqual({ ok: true, value: { name: 'a fake', bytes: 128 } });
  });
});
