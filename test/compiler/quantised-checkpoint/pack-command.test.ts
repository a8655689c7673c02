// From a quantised checkpoint to what a bundle's kernels read: by `quikc pack`, as the package for WebGPU opens it.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack } from '../../../compiler/commands/pack.ts';
import { quantize } from '../../../compiler/commands/quantize.ts';
import { writeBundle } from '../../../compiler/package/write-bundle.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { runCommand } from '../commands/run-command.ts';
import { compileFixture } from '../compile-fixture.ts';

const llama = 'test/fixtures/calibration/llama';
const worker = new URL('file:///no-such-worker.js');
let root: string;
let quantised: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'quikc-pack-'));
  quantised = join(root, 'quantised');
  const asked = { tokens: join(llama, 'tokens.bin'), window: '8', threads: '1', outliers: '4' };
  const layer = ['*.down_proj=quik-8b,outliers=6'];
  const { code, err } = await runCommand((context) =>
    quantize(llama, { output: quantised, layer, ...asked }, context, worker),
  );
  expect([code, err]).toEqual([0, '']);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const run = (path: string, output: string) => runCommand((context) => pack(path, { output }, context));

describe('a quantised checkpoint', () => {
  test('compiles as it is, and the package of its bundle takes its packed weights', async () => {
    const { manifest, files } = await compileFixture(quantised, { target: webgpu });
    expect(manifest.layers.every(({ outliers }) => outliers.columns.kind === 'listed')).toBe(true);
    const bundle = join(root, 'bundle');
    expect(writeBundle(bundle, files).ok).toBe(true);
    const { openSafetensors, layers } = await import(
      /* @vite-ignore */ pathToFileURL(join(bundle, 'web', 'index.js')).href
    );
    const output = join(root, 'packed.safetensors');
    expect(await run(quantised, output)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('linears'),
    });
    const opened = await openSafetensors(new Blob([readFileSync(output)]));
    for (const { id, repeat, arguments: all } of manifest.layers) {
      expect(Object.keys(layers)).toContain(id);
      for (let index = 0; index < (repeat?.count ?? 1); index++) {
        const sources = opened.weights(id, repeat && repeat.first + index);
        for (const { argument, bytes } of all.filter(({ bytes: size }) => size > 0))
          expect(sources[argument].size, `${id} ${argument}`).toBe(bytes);
      }
    }
  });

  test('packs to the same bytes each time, over an earlier file of that kind and over no other', async () => {
    const output = join(root, 'again.safetensors');
    expect((await run(quantised, output)).code).toBe(0);
    const first = readFileSync(output);
    expect((await run(join(quantised, 'model.json'), output)).code).toBe(0);
    expect(readFileSync(output).equals(first)).toBe(true);
    const other = join(root, 'notes.txt');
    writeFileSync(other, 'mine');
    expect(await run(quantised, other)).toMatchObject({ code: 1, err: expect.stringContaining('QK171') });
    expect(readFileSync(other, 'utf8')).toBe('mine');
  });
});

test('a model whose outlier columns nobody knows is not packed', async () => {
  const output = join(root, 'none.safetensors');
  expect((await run(llama, output)).code).toBe(1);
  expect(existsSync(output)).toBe(false);
});
