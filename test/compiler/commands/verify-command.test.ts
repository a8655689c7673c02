import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findGpu } from '../../../compiler/commands/find-gpu.ts';
import { type VerifyCommandOptions, verify } from '../../../compiler/commands/verify.ts';
import type { VerifySelection } from '../../../compiler/commands/verify-bundle.ts';
import { verifyTasks } from '../../../compiler/commands/verify-tasks.ts';
import { type Bundle, readBundle } from '../../../compiler/package/read-bundle.ts';
import { writeBundle } from '../../../compiler/package/write-bundle.ts';
import type { ManifestFile } from '../../../ir/manifest.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';
import { runCommand } from './run-command.ts';

let root: string;
let folder: string;
let bundle: Bundle;
beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc verify test ')));
  folder = join(root, 'bundle');
  writeBundle(folder, (await compileFixture(tinyLlama)).files);
  const read = readBundle(folder);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  bundle = read.value;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The bundle as if it had been built: each source stands for its PTX, which nobody executes here. */
function built(): Bundle {
  const kernels = bundle.manifest.kernels.map((kernel) => {
    const ptx: ManifestFile = kernel.files.source;
    return { ...kernel, files: { ...kernel.files, ptx } };
  });
  return { ...bundle, manifest: { ...bundle.manifest, kernels } };
}

function chosen(options: VerifySelection): readonly string[] {
  const tasks = verifyTasks(built(), options, { seed: 1 });
  if (!tasks.ok) return [tasks.error.code, tasks.error.hint ?? ''];
  return tasks.value.map((task) => (task.kind === 'kernel' ? task.job.id : 'chain'));
}

function run(options: VerifyCommandOptions) {
  return runCommand((context) => verify(folder, options, context, pathToFileURL('no-worker.js')));
}

test('--kernel takes an id, and a beginning or an ending, as explain does: every kernel that fits', () => {
  const ids = bundle.manifest.kernels.map(({ id }) => id);
  const [first = ''] = ids;
  expect(chosen({ kernel: first })).toEqual([first]);
  expect(chosen({ kernel: first.slice(-8) })).toEqual([first]);
  expect(chosen({ kernel: 'quik_linear' })).toEqual(ids.filter((id) => id.startsWith('quik_linear')));
  expect(chosen({})).toEqual(expect.arrayContaining([...ids, 'chain']));
});

test('--kernel that fits none is a fault of usage, with the nearest', async () => {
  const [first = ''] = bundle.manifest.kernels.map(({ id }) => id);
  expect(chosen({ kernel: first.replace('quik_', 'quick') })).toEqual(['QK566', `did you mean ${first}?`]);
  const { code, err } = await run({ kernel: 'quik_nothing' });
  expect([code, err.includes('QK566')]).toEqual([2, true]);
});

test('a bundle without a build is the input’s fault', async () => {
  const { code, err } = await run({});
  expect([code, err.includes('QK702')]).toEqual([1, true]);
});

test('--device takes the number of a GPU, and says what is lacking to use one', async () => {
  const ask = async (number: string | undefined, env: NodeJS.ProcessEnv = process.env) => {
    let found: Awaited<ReturnType<typeof findGpu>> | undefined;
    await runCommand(async () => {
      found = await findGpu(number, env);
      return 0;
    });
    return found?.ok === true ? found.value : found?.error.code;
  };
  expect(await ask(undefined)).toBeUndefined();
  expect(await ask('first')).toBe('QK701');
  expect(await ask('-1')).toBe('QK701');
  // Without a C++ compiler no driver is asked.
  expect(await ask('0', { PATH: '/nonexistent', QUIKC_CACHE: join(root, 'no-cache') })).toBe('QK801');
});

// One that runs well has still no subgroups.
test.each([
  ['none', 'QK703', 'no WebGPU adapter here'],
  ['well', 'QK703', 'the adapter lacks the feature subgroups'],
  ['lost', 'QK704', 'the device is lost: the driver went'],
  ['small', 'QK705', 'the adapter allows a buffer 64'],
])('an adapter that is %s is nobody’s fault but its own: %s', async (way, expected, words) => {
  const wgsl = join(root, `wgsl ${way}`);
  const { files, manifest } = await compileFixture(tinyLlama, { target: webgpu });
  writeBundle(wgsl, files);
  const { id } = manifest.kernels.find(({ id }) => id.includes(way === 'well' ? '_subgroups_' : 'quantize'))!;
  const dawn = join(root, `dawn ${way}`);
  mkdirSync(dawn);
  writeFileSync(join(dawn, 'package.json'), '{ "version": "0.0.0", "type": "module" }');
  copyFileSync('test/compiler/verify/fake-dawn.mjs', join(dawn, 'index.js'));
  const env = { ...process.env, QUIKC_DAWN: dawn, FAKE_DAWN: way };
  const { code, err } = await runCommand(
    (context) => verify(wgsl, { kernel: id }, context, pathToFileURL('no-worker.js')),
    env,
  );
  expect([code, err.includes(expected), err.includes(words)]).toEqual([3, true, true]);
});
