import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { type AdapterTimer, openAdapterTimer } from '../../../compiler/measure/adapter-timer.ts';

const root = mkdtempSync(join(tmpdir(), 'quikc-timer-'));
const timers: AdapterTimer[] = [];
afterAll(() => {
  for (const timer of timers) timer.close();
  rmSync(root, { recursive: true });
});

const dawn = pathToFileURL(join(import.meta.dirname, 'fake-webgpu.mjs')).href;
const open = (env = {}, module = dawn) =>
  openAdapterTimer({ dawn: module, env: { ...process.env, ...env }, timeoutMs: 1500 });

async function ready(): Promise<AdapterTimer> {
  const opened = await open();
  if (!opened.ok) throw new Error(opened.error);
  timers.push(opened.value);
  const file = join(root, 'x.bin');
  writeFileSync(file, 'data');
  await opened.value.useBuffers({ copies: 2, buffers: [{ name: 'x', bytes: 4, file }] });
  return opened.value;
}

const dispatch = {
  ...{ entryPoint: 'main', workgroups: [1, 1, 1] as const, uniforms: [{ binding: 0, value: 3 }] },
  buffers: [{ binding: 1, argument: 'x', offset: 0, bytes: 4 }],
};

async function load(timer: AdapterTimer, code: string) {
  const file = join(root, `${code}.wgsl`);
  writeFileSync(file, code);
  return timer.load(code, { file, dispatches: [dispatch], scratch: [] });
}

test('times kernels one after the other, and knows its adapter', async () => {
  const timer = await ready();
  expect(timer.adapter).toMatchObject({
    name: 'made-up adapter',
    driver: 'made up',
    software: true,
    clock: 'submit-to-done',
    features: ['subgroups'],
    languageFeatures: ['packed_4x8_integer_dot_product'],
  });
  for (const code of ['5', '50']) expect(await load(timer, code)).toEqual({ ok: true, value: undefined });
  const [short, long] = [await timer.time('5'), await timer.time('50')];
  expect(short.ok && long.ok && short.value >= 5000 && long.value >= 50_000).toBe(true);
});

test('a shader that is refused is a reason', async () => {
  const timer = await ready();
  expect(await load(timer, 'refused')).toEqual({ ok: false, error: 'the shader is refused' });
  expect(await load(timer, '1')).toMatchObject({ ok: true });
});

test.each([
  ['hang', 'no answer within 1.5 s'],
  ['crash', 'the process ended with 9'],
  ['lose', 'device lost: gone'],
  ['fault', 'a fault of the device'],
])('a kernel that does this takes nothing but its own process with it: %s', async (code, reason) => {
  const timer = await ready();
  await load(timer, code);
  await load(timer, '1');
  expect(await timer.time(code)).toEqual({ ok: false, error: reason });
  expect(await timer.time('1')).toMatchObject({ ok: true });
});

test('without an adapter, or without the package, there is no timer', async () => {
  expect(await open({ FAKE_ADAPTER: 'none' })).toEqual({ ok: false, error: 'no adapter' });
  const absent = await open({}, 'file:///no/such/module.js');
  expect(absent.ok ? '' : absent.error).toContain('the process ended with 1');
});
