// README.md's example for Node, as it stands there, in a folder that npm prepared as the text above it says.
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { webgpu } from '../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compiler/compile-fixture.ts';

const execute = promisify(execFile);
const found = await findDawn(process.env);
const root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-readme-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(!found.ok && !process.env['CI'])('README.md', () => {
  test('its example prints what it says', async () => {
    if (!found.ok) throw new Error(found.error.message);
    const [, example = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
    await compileFixture(tinyLlama, { target: webgpu, outputFor: () => join(root, 'tiny') });
    mkdirSync(join(root, 'node_modules'));
    symlinkSync(join(root, 'tiny', 'web'), join(root, 'node_modules', 'tiny-llama.webgpu'));
    symlinkSync(dirname(fileURLToPath(found.value.module)), join(root, 'node_modules', 'webgpu'));
    writeFileSync(join(root, 'example.mjs'), example);
    const { stdout } = await execute('node', ['example.mjs'], { cwd: root });
    expect(stdout).toMatch(/^y\[0\] = 23\.5\n$/);
    expect(example).toContain('= 23.5');
  });
});
