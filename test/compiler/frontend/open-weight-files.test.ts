import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noOverrides } from '../../../compiler/frontend/layer-rule.ts';
import { openModel } from '../../../compiler/frontend/open-model.ts';
import { openWeightFiles } from '../../../compiler/frontend/open-weight-files.ts';
import { writeGguf } from '../checkpoint/write-gguf.ts';
import { writeSafetensors, zeros } from '../checkpoint/write-safetensors.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-weights-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('tensors of all files of a model.json, of either kind; one in two of them is a fault', () => {
  writeFileSync(join(folder, 'a.safetensors'), writeSafetensors({ a: zeros([2]), b: zeros([4]) }));
  const tensor = { name: 'c', shape: [1], type: 0, bytes: new Uint8Array(4) };
  writeFileSync(join(folder, 'c.gguf'), writeGguf({ tensors: [tensor] }));
  const opened = openWeightFiles(folder, ['a.safetensors', 'c.gguf']);
  expect(opened.ok && [...opened.value.keys()]).toEqual(['a', 'b', 'c']);
  writeFileSync(join(folder, 'b.safetensors'), writeSafetensors({ b: zeros([4]) }));
  const faults = (...files: readonly string[]) => {
    const refused = openWeightFiles(folder, files);
    return refused.ok ? [] : refused.error.map(({ code }) => code);
  };
  expect(faults('a.safetensors', 'b.safetensors')).toEqual(['QK154']);
  expect(faults('absent.safetensors')).toEqual(['QK150']);
});

test('the longest sequence of a model, by its facts or its table of positions', async () => {
  const contextOf = async (path: string) => {
    const opened = await openModel(path);
    const graph = opened.ok ? opened.value.toGraph(noOverrides) : opened;
    return opened.ok && graph.ok ? opened.value.contextOf(graph.value) : Number.NaN;
  };
  const save = (model: object) => {
    const file = join(folder, 'model.json');
    writeFileSync(file, JSON.stringify({ quikc: 1, name: 'm', ...model }));
    return file;
  };
  const sizes = { hidden: 64, layers: 1, heads: 2, ffn: 64, vocab: 64 };
  const opt = { architecture: 'opt', facts: { ...sizes, positions: 100 } };
  expect(await contextOf(save(opt))).toBe(100);
  const llama = { ...sizes, rmsNormEps: 1e-5 };
  expect(await contextOf(save({ architecture: 'llama', facts: { ...llama, context: 77 } }))).toBe(77);
  expect(await contextOf(save({ architecture: 'llama', facts: llama }))).toBeUndefined();
  expect(await contextOf('test/fixtures/calibration/falcon')).toBe(64);
});
