import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readShards } from '../../../compiler/checkpoint/read-shards.ts';
import { cpuMilliseconds } from '../../support/cpu-milliseconds.ts';
import { withHeader, writeSafetensors, zeros } from './write-safetensors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc shards '));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const index = 'model.safetensors.index.json';
const save = (name: string, content: Uint8Array | string) => writeFileSync(join(folder, name), content);
const saveIndex = (map: unknown) => save(index, JSON.stringify({ weight_map: map }));

async function namesOf(): Promise<unknown> {
  const read = await readShards(folder);
  if (!read.ok) return read.error.map(({ code, message }) => `${code} ${message}`).join('\n');
  return { files: read.value.files, names: [...read.value.tensors.keys()] };
}

describe('finds tensors as transformers does', () => {
  test('model.safetensors first, through a link as the hub cache has them', async () => {
    save('blob', writeSafetensors({ a: zeros([2]) }));
    symlinkSync('blob', join(folder, 'model.safetensors'));
    save(index, 'not read');
    expect(await namesOf()).toEqual({ files: ['model.safetensors'], names: ['a'] });
  });

  test('shards by the index, which leaves out what it does not name', async () => {
    save('one.safetensors', writeSafetensors({ a: zeros([2]), unnamed: zeros([1]) }));
    save('two.safetensors', writeSafetensors({ b: zeros([2]) }));
    saveIndex({ b: 'two.safetensors', a: 'one.safetensors' });
    expect(await namesOf()).toEqual({ files: ['one.safetensors', 'two.safetensors'], names: ['b', 'a'] });
  });
});

describe('refuses', () => {
  test('a folder that has neither, whatever else is in it', async () => {
    save('consolidated.safetensors', writeSafetensors({ a: zeros([2]) }));
    expect(await namesOf()).toMatch(/^QK157 the folder has neither/);
  });

  test('a shard that is missing, and one that is damaged, at once', async () => {
    save('two.safetensors', withHeader('{', new Uint8Array(0)));
    saveIndex({ a: 'one.safetensors', b: 'two.safetensors' });
    expect(await namesOf()).toMatch(/^QK150 .*\nQK151/);
  });

  test('a tensor that its shard does not have', async () => {
    save('one.safetensors', writeSafetensors({ a: zeros([2]) }));
    saveIndex({ a: 'one.safetensors', b: 'one.safetensors' });
    expect(await namesOf()).toBe('QK157 tensor "b" is not in "one.safetensors", where the index has it');
  });

  test.each([
    ['a shard outside the folder', { a: '../one.safetensors' }, /^QK159 "\.\.\/one/],
    ['a shard by its absolute path', { a: '/etc/passwd' }, /^QK159 "\/etc/],
    ['a shard that is no text', { a: 1 }, /^QK159 the file is not a text/],
    ['a map that is a list', ['a'], /^QK159 there is no weight_map/],
    ['no map', undefined, /^QK159 there is no weight_map/],
    [
      '5000 shards',
      Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${i}`, `${i}.st`])),
      /^QK158 5000 shards/,
    ],
  ])('%s', async (_, map, expected) => {
    saveIndex(map);
    expect(await namesOf()).toMatch(expected);
  });

  test('an index that is not JSON or repeats itself', async () => {
    save(index, '{"weight_map":{"a":"x","a":"y"}}');
    expect(await namesOf()).toMatch(/^QK159 .*twice/);
    save(index, '{');
    expect(await namesOf()).toMatch(/^QK159/);
  });
});

test('the headers of a folder of 405B: 1138 tensors in 191 shards, in under a second', async () => {
  const map: Record<string, string> = {};
  const linears = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
  const names = Array.from({ length: 126 }, (_, layer) =>
    [...linears, 'norm1', 'norm2'].map((name) => `model.layers.${layer}.${name}_proj.weight`),
  ).flat();
  const all = [...names, 'model.embed_tokens.weight', 'model.norm.weight', 'lm_head.weight'];
  expect(all.length).toBeGreaterThan(1100);
  const perShard = Math.ceil(all.length / 191);
  for (let shard = 0; shard * perShard < all.length; shard++) {
    const mine = all.slice(shard * perShard, (shard + 1) * perShard);
    const file = `model-${String(shard + 1).padStart(5, '0')}-of-00191.safetensors`;
    save(file, writeSafetensors(Object.fromEntries(mine.map((name) => [name, zeros([4, 4], 'BF16')]))));
    for (const name of mine) map[name] = file;
  }
  saveIndex(map);
  const started = cpuMilliseconds();
  const found = await namesOf();
  const spent = cpuMilliseconds() - started;
  expect(found).toMatchObject({ names: all });
  expect(spent).toBeLessThan(1000);
});
