import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readWalk, saveWalk } from '../../../compiler/calibrate/save-walk.ts';
import { cutWindows } from '../../../compiler/calibrate/token-windows.ts';
import { type LayerWalk, type WalkOptions, walkLayers } from '../../../compiler/calibrate/walk-layers.ts';
import { diagnose } from '../../../compiler/diagnostics/codes.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import {
  createFloatModel,
  newSession,
  type ReadWeight,
} from '../../../compiler/reference/float-model/float-model.ts';
import type { Matrix } from '../../../compiler/reference/float-model/matrix.ts';
import { readNoise, smallModel } from './small-model.ts';

const graph = smallModel();
const tokens = (() => {
  const ids = Array.from({ length: 3 * 7 + 2 }, (_, index) => (index * 29) % 64);
  const cut = cutWindows(ids, { file: 'ids', vocab: 64, window: 7 });
  if (!cut.ok) throw new Error(cut.error.message);
  return cut.value;
})();
const idsOf = (window: number) => [...tokens.ids.subarray(7 * window, 7 * (window + 1))];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-walk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(changes: Partial<WalkOptions> = {}, from?: Parameters<typeof walkLayers>[1]): LayerWalk {
  const walk = walkLayers({ graph, tokens, read: readNoise, folder: () => folder, ...changes }, from);
  if (!walk.ok) throw new Error(JSON.stringify(walk.error));
  return walk.value;
}

/** Notes the names of the tensors that are read. */
const record =
  (asked: string[]): ReadWeight<Diagnostic> =>
  (reference, layer) => {
    asked.push(reference.tensor.replace('{layer}', `${layer}`));
    return readNoise(reference, layer);
  };

const same = (a: Matrix, b: Matrix) =>
  a.rows === b.rows && a.columns === b.columns && Buffer.compare(raw(a), raw(b)) === 0;
const raw = ({ data }: Matrix) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function forward(window: number, read: ReadWeight<Diagnostic> = readNoise): Matrix {
  const out = createFloatModel(graph, read).forward(idsOf(window), newSession());
  if (!out.ok) throw new Error(out.error.message);
  return out.value;
}

async function toEnd(walk: LayerWalk, read?: ReadWeight<Diagnostic>): Promise<readonly Matrix[]> {
  while (walk.state().at < walk.layers.length)
    expect(await walk.advance(read === undefined ? {} : { read })).toEqual({ ok: true, value: undefined });
  return Array.from({ length: tokens.count }, (_, window) => {
    const out = walk.state().activations.read(window);
    if (!out.ok) throw new Error(out.error.message);
    return out.value;
  });
}

test('windows are whole, and what is left of the tokens is left out', () => {
  expect([tokens.count, tokens.ids.length]).toEqual([3, 21]);
});

describe('every bit as the model has it of each window', () => {
  test.each([
    ['in memory', 2 ** 30],
    ['in files', 0],
    ['in files where they are large', 8 * 21 * 20],
  ])('%s', async (_, limit) => {
    const walk = start({ limit });
    expect(walk.layers.map(({ name }) => name)).toEqual([
      'embed_tokens',
      ...['layers.0', 'layers.1', 'layers.2'],
      'lm_head',
    ]);
    const out = await toEnd(walk);
    expect(out.map((rows, window) => same(rows, forward(window)))).toEqual([true, true, true]);
    expect(readdirSync(folder)).toHaveLength(limit > 2 ** 20 ? 0 : 2);
    walk.close();
  });

  test('with other weights, those that a visit brings', async () => {
    const read: ReadWeight<Diagnostic> = (reference, layer) => {
      const weight = readNoise(reference, layer);
      return weight.ok ? { ok: true, value: weight.value.map(Math.fround).map((w) => w / 2) } : weight;
    };
    const out = await toEnd(start(), read);
    expect(same(out[1]!, forward(1, read))).toBe(true);
    expect(same(out[1]!, forward(1))).toBe(false);
  });

  test('left in the middle, saved and taken up again', async () => {
    const walk = start();
    for (let layer = 0; layer < 3; layer++) await walk.advance();
    const file = join(folder, 'saved.safetensors');
    expect(saveWalk(file, graph, walk).ok).toBe(true);
    const saved = readWalk(file, graph, tokens);
    if (!saved.ok) throw new Error(JSON.stringify(saved.error));
    expect(saved.value.at).toBe(3);
    const out = await toEnd(start({}, saved.value));
    expect(out.map((rows, window) => same(rows, forward(window)))).toEqual([true, true, true]);
    const other = { ...tokens, ids: tokens.ids.map((id) => id ^ 1) };
    const refused = readWalk(file, graph, other);
    expect(refused.ok ? [] : refused.error.map(({ code }) => code)).toEqual(['QK179']);
  });
});

test('each weight is read once, and none before its layer', async () => {
  const asked: string[] = [];
  const walk = start({ read: record(asked) });
  await walk.advance();
  expect(asked).toEqual(['model.embed_tokens.weight']);
  await walk.look({ observe: () => {} });
  await walk.advance();
  expect(asked.every((name, index) => index === 0 || name.startsWith('model.layers.0.'))).toBe(true);
  await toEnd(walk);
  expect(new Set(asked).size).toBe(asked.length);
});

test('what linears read is seen once a window, whoever shares it; a look goes nowhere and computes no more than it shows', async () => {
  const asked: string[] = [];
  const walk = start({ read: record(asked) });
  await walk.advance();
  const seen: string[] = [];
  const inputs: Matrix[] = [];
  const observe = {
    observe: (group: LayerWalk['layers'][0]['groups'][0], rows: Matrix, window: number) => {
      seen.push(`${window} ${group.linears.map(({ name }) => name).join(' ')}`);
      inputs.push(rows);
    },
  };
  await walk.look(observe);
  const names = [
    'layers.0.self_attn.q_proj layers.0.self_attn.k_proj layers.0.self_attn.v_proj',
    'layers.0.self_attn.o_proj',
    'layers.0.mlp.gate_proj layers.0.mlp.up_proj',
    'layers.0.mlp.down_proj',
  ];
  expect(seen).toEqual([0, 1, 2].flatMap((window) => names.map((group) => `${window} ${group}`)));
  expect(inputs.slice(0, 4).map(({ rows, columns }) => [rows, columns])).toEqual([
    [7, 128],
    [7, 128],
    [7, 128],
    [7, 256],
  ]);
  expect(walk.state().at).toBe(1);
  expect(asked).not.toContain('model.layers.0.mlp.down_proj.weight');
  const before = [...inputs];
  inputs.length = 0;
  await walk.advance(observe);
  expect(inputs.map((rows, index) => same(rows, before[index]!))).not.toContain(false);
  expect(walk.state().at).toBe(2);
  // Of the head, the norm alone.
  const read: string[] = [];
  const head = start({ read: record(read) }, { at: 4, activations: walk.state().activations });
  const heads: string[] = [];
  await head.look({ observe: ({ linears }) => heads.push(linears[0]!.name) });
  expect([heads, read]).toEqual([['lm_head', 'lm_head', 'lm_head'], ['model.norm.weight']]);
});

test('a weight that cannot be read leaves the walk where it stands', async () => {
  let gone = true;
  const walk = start({
    read: (reference, layer) =>
      gone && reference.tensor.includes('down_proj')
        ? { ok: false, error: diagnose('QK157', { message: 'gone' }) }
        : readNoise(reference, layer),
  });
  await walk.advance();
  const failed = await walk.advance();
  expect(failed.ok ? '' : failed.error.message).toBe('gone');
  gone = false;
  const out = await toEnd(walk);
  expect(out.map((rows, window) => same(rows, forward(window)))).toEqual([true, true, true]);
});

test('an abort ends it between two nodes', async () => {
  const controller = new AbortController();
  const walk = start({ signal: controller.signal });
  await walk.advance();
  const observe = () => controller.abort();
  await expect(walk.advance({ observe })).rejects.toThrow('aborted');
  expect(walk.state().at).toBe(1);
});

test('files that cannot be written are a fault', () => {
  const walk = walkLayers({ graph, tokens, read: readNoise, folder: () => join(folder, 'absent'), limit: 0 });
  expect(walk.ok ? '' : `${walk.error.code} ${walk.error.message}`).toMatch(/^QK171 activations .*ENOENT/);
});
