import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { calibrateModel } from '../../../compiler/calibrate/calibrate-model.ts';
import { writeCalibration } from '../../../compiler/calibrate/create-calibration-file.ts';
import { gatherStatistics } from '../../../compiler/calibrate/gather-statistics.ts';
import { loadGrams, readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { cutWindows } from '../../../compiler/calibrate/token-windows.ts';
import { walkLayers } from '../../../compiler/calibrate/walk-layers.ts';
import { type TensorToWrite, writeSafetensors } from '../../../compiler/checkpoint/write-safetensors.ts';
import { performProduct } from '../../../compiler/linear-algebra/product.ts';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import type { Calibration, LinearStatistics } from '../../../compiler/reference/calibration.ts';
import { evaluateLayer } from '../../../compiler/reference/float-model/evaluate-layer.ts';
import { type Matrix, makeMatrix } from '../../../compiler/reference/float-model/matrix.ts';
import { multiplyWeights } from '../../../compiler/reference/float-model/multiply-weights.ts';
import { newSession } from '../../../compiler/reference/float-model/session.ts';
import { repetitions } from '../../../ir/graph.ts';
import { layerNames, readNoise, smallModel } from './small-model.ts';

const graph = smallModel();
const ids = Array.from({ length: 12 }, (_, index) => (index * 29) % 64);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-calibration-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function calibrateSmall(read = readNoise): Promise<Calibration> {
  const tokens = cutWindows(ids, { file: 'ids', vocab: 64, window: 4 });
  if (!tokens.ok) throw new Error(tokens.error.message);
  const walk = walkLayers({ graph, tokens: tokens.value, read, folder: () => folder });
  if (!walk.ok) throw new Error(walk.error.message);
  const linears = new Map<string, LinearStatistics>();
  const done = await calibrateModel(walk.value, {
    grams: oneThread(performProduct),
    onGroup(group, statistics) {
      const kept = { ...statistics, gram: Float64Array.from(statistics.gram ?? []) };
      for (const { name } of group.linears) linears.set(name, kept);
      return { ok: true, value: undefined };
    },
  });
  if (!done.ok) throw new Error(`${done.error.code} ${done.error.message}`);
  return { tokens: 12, window: 4, linears };
}

/** The rows that every linear reads, window by window, the plain way: whole layers, values kept by name. */
function inputsOfAll(): ReadonlyMap<string, readonly Matrix[]> {
  const inputs = new Map<string, Matrix[]>();
  for (let window = 0; window < 3; window++) {
    let value = makeMatrix(4, 1);
    value.data.set(ids.slice(4 * window, 4 * window + 4));
    for (const block of graph.blocks) {
      for (let layer = 0; layer < repetitions(block); layer++) {
        const seen = new Map<string, Matrix>();
        const run = { session: newSession(), read: readNoise, multiply: multiplyWeights };
        const steps = evaluateLayer(block, layer, value, run);
        let step = steps.next();
        for (; step.done !== true; step = steps.next()) seen.set(...step.value);
        value = step.value;
        for (const node of block.nodes) {
          if (node.op !== 'linear') continue;
          const name = block.repeat === undefined ? node.id : `layers.${layer}.${node.id}`;
          inputs.set(name, [...(inputs.get(name) ?? []), seen.get(node.input)!]);
        }
      }
    }
  }
  return inputs;
}

test('statistics of every linear, as its inputs themselves have them', async () => {
  const { linears } = await calibrateSmall();
  expect([...linears.keys()]).toEqual(layerNames(graph));
  for (const [name, windows] of inputsOfAll()) {
    const { absMax, absMaxRest, gram } = linears.get(name)!;
    const k = windows[0]!.columns;
    const column = (index: number, from: number) =>
      windows.flatMap(({ rows, data }) =>
        Array.from({ length: rows }, (_, row) => data[row * k + index]!).slice(from),
      );
    for (let i = 0; i < k; i += 3) {
      expect(absMax[i]).toBe(Math.fround(Math.max(...column(i, 0).map(Math.abs))));
      expect(absMaxRest[i]).toBe(Math.fround(Math.max(...column(i, 1).map(Math.abs))));
      const j = (i * 7 + 1) % k;
      const other = column(j, 0);
      const product = column(i, 0).reduce((sum, value, row) => sum + value * other[row]!, 0);
      expect(Math.abs(gram![i * k + j]! - product)).toBeLessThan(1e-12 * absMax[i]! * absMax[j]! * 12);
      expect(gram![j * k + i]).toBe(gram![i * k + j]);
    }
  }
});

test('the head itself is not computed', async () => {
  const asked: string[] = [];
  await calibrateSmall((reference, layer) => {
    asked.push(reference.tensor);
    return readNoise(reference, layer);
  });
  expect(asked).toContain('model.norm.weight');
  expect(asked).not.toContain('lm_head.weight');
});

test('a value that is not a number is noticed, whatever comes after it', () => {
  const gatherer = gatherStatistics(1);
  gatherer.add({ rows: 3, columns: 1, data: Float64Array.of(1, Number.NaN, 2) });
  expect(gatherer.finish()).toBeUndefined();
});

test('a model that overflows is a fault', async () => {
  await expect(
    calibrateSmall((reference, layer) => {
      const read = readNoise(reference, layer);
      if (!read.ok || !reference.tensor.includes('post_attention')) return read;
      return { ok: true, value: read.value.map(() => 3e38) };
    }),
  ).rejects.toThrow('QK177 the input of layers.0.mlp.gate_proj is not finite');
});

describe('a file', () => {
  async function save(): Promise<readonly [string, Calibration]> {
    const calibration = await calibrateSmall();
    const file = join(folder, 'calibration.safetensors');
    expect(writeCalibration(file, 'small', calibration)).toEqual({ ok: true, value: undefined });
    return [file, calibration];
  }

  test('is read as it was written; what linears share is there once', async () => {
    const [file, calibration] = await save();
    const read = readCalibration(file, graph);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const whole = loadGrams(read.value);
    if (!whole.ok) throw new Error(whole.error.message);
    expect([whole.value.tokens, whole.value.window]).toEqual([12, 4]);
    expect([...whole.value.linears.keys()]).toEqual([...calibration.linears.keys()]);
    for (const [name, statistics] of calibration.linears) {
      const found = whole.value.linears.get(name)!;
      for (const part of ['absMax', 'absMaxRest', 'gram'] as const)
        expect(Buffer.compare(bytes(found[part]!), bytes(statistics[part]!)), `${name} ${part}`).toBe(0);
    }
    const { linears } = whole.value;
    expect(linears.get('layers.1.mlp.up_proj')).toBe(linears.get('layers.1.mlp.gate_proj'));
    const floats = 3 * (3 * 128 + 256) + 128;
    const squares = 3 * (3 * 128 ** 2 + 256 ** 2) + 128 ** 2;
    const header = readFileSync(file).readUInt32LE(0);
    expect(readFileSync(file).length).toBe(8 + header + 4 * 2 * floats + 8 * squares);
  });

  test('cut short, it is refused', async () => {
    const [file] = await save();
    writeFileSync(file, readFileSync(file).subarray(0, -8));
    expect(faultsOf(file)).toEqual([expect.stringMatching(/^QK153/)]);
  });
});

const bytes = (values: Float32Array | Float64Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

function faultsOf(file: string, of = graph): readonly string[] {
  const read = readCalibration(file, of);
  return read.ok ? [] : read.error.map(({ code, message }) => `${code} ${message}`);
}

const f32 = (name: string, values: readonly number[], dtype = 'F32'): TensorToWrite => ({
  ...{ name, dtype, shape: [values.length] },
  bytes:
    dtype === 'F32'
      ? new Uint8Array(Float32Array.from(values).buffer)
      : new Uint8Array(Int32Array.from(values).buffer),
});
const ones = (k: number) => Array.from({ length: k }, () => 1);
/** What is known of the three layers, as a file has it. */
const complete = [0, 1, 2].flatMap((layer) =>
  (
    [
      ['self_attn.q_proj', 128],
      ['self_attn.o_proj', 128],
      ['mlp.gate_proj', 128],
      ['mlp.down_proj', 256],
    ] as const
  ).flatMap(([name, k]) =>
    ['absmax', 'absmax_rest'].map((part) => f32(`layers.${layer}.${name}.${part}`, ones(k))),
  ),
);
const q = 'layers.0.self_attn.q_proj';
const metadata = { format: 'quikc-calibration-1', model: 'small', tokens: '12', window: '4' };

function write(tensors: readonly TensorToWrite[], changes: object = {}): string {
  const file = join(folder, 'x.safetensors');
  const written = writeSafetensors(file, tensors, { ...metadata, ...changes });
  if (!written.ok) throw new Error(written.error.message);
  return file;
}

function swap(...changed: readonly TensorToWrite[]): readonly TensorToWrite[] {
  const names = new Set(changed.map(({ name }) => name));
  return [...complete.filter(({ name }) => !names.has(name)), ...changed];
}

test('of linears that read one value, one is enough; the head, which stays as it is, may be absent', () => {
  const read = readCalibration(write(complete), graph);
  expect(read.ok && read.value.linears.size).toBe(3 * 7);
  expect(read.ok && read.value.gramOf(q)).toEqual({ ok: true, value: undefined });
  expect(read.ok && read.value.gramOf('layers.9.x')).toEqual({ ok: true, value: undefined });
});

describe('refuses', () => {
  const gram = (values: readonly number[]): TensorToWrite => ({
    ...{ name: `${q}.gram`, dtype: 'F64', shape: [128, 128] },
    bytes: new Uint8Array(Float64Array.from({ length: 128 ** 2 }, (_, i) => values[i] ?? 0).buffer),
  });
  test.each([
    ['another type', swap(f32(`${q}.absmax`, ones(128), 'I32')), {}, /^QK175 .*its values are I32/],
    ['another K', swap(f32(`${q}.absmax`, ones(64))), {}, /^QK176 .*its shape is \[64\]/],
    ['a NaN', swap(f32(`${q}.absmax`, [Number.NaN, ...ones(127)])), {}, /^QK177 .*not finite/],
    ['a negative maximum', swap(f32(`${q}.absmax`, [-1, ...ones(127)])), {}, /^QK177 .*value 0 is -1/],
    [
      'more without first tokens than with',
      swap(f32(`${q}.absmax_rest`, [2, ...ones(127)])),
      {},
      /^QK177 .*column 0 is larger/,
    ],
    [
      'a layer too few',
      complete.filter(({ name }) => !name.startsWith('layers.2.')),
      {},
      /^QK176 nothing is known of "layers.2.self_attn.q_proj" and 6 more/,
    ],
    [
      'a layer too many',
      [...complete, f32('layers.3.mlp.down_proj.absmax', ones(256))],
      {},
      /^QK176 the model has no linear "layers.3.mlp.down_proj"/,
    ],
    [
      'half a statistic',
      complete.filter(({ name }) => name !== `${q}.absmax_rest`),
      {},
      /^QK175 .*no absmax_rest/,
    ],
    ['a tensor of another kind', [...complete, f32('x', [1])], {}, /^QK175 "x" is no statistic/],
    ['no count of tokens', complete, { tokens: '-1' }, /^QK175 "tokens"/],
    ['shares that are no JSON', complete, { shares: '{' }, /^QK175 "shares"/],
    [
      'shares of nothing',
      complete,
      { shares: '{"layers.0.mlp.up_proj":"layers.9.x"}' },
      /^QK175 .*said to share/,
    ],
    [
      'shares of what a linear has itself',
      [
        ...complete,
        ...['absmax', 'absmax_rest'].map((part) => f32(`layers.0.self_attn.v_proj.${part}`, ones(128))),
      ],
      { shares: `{"layers.0.self_attn.v_proj":"${q}"}` },
      /^QK175 .*said to share/,
    ],
    [
      'shares between strangers',
      complete,
      { shares: `{"layers.0.mlp.up_proj":"${q}"}` },
      /^QK176 .*do not read the same/,
    ],
    [
      'scales of another model',
      complete,
      { format: 'other' },
      /^QK176 "layers.0.self_attn.q_proj.absmax" is no linear/,
    ],
  ] as const)('%s', (_, tensors, changes, expected) => {
    const faults = faultsOf(write(tensors, changes));
    expect(faults.length).toBeGreaterThan(0);
    expect(faults[0]).toMatch(expected);
    expect(faults.length).toBeLessThanOrEqual(10);
  });

  test.each([
    ['a gram that is not finite', gram([Number.NaN]), /^QK177 .*not finite/],
    ['a gram with a negative square', gram([-1]), /^QK177 .*column 0/],
    ['a gram in float32', { ...f32(`${q}.gram`, ones(128 ** 2)), shape: [128, 128] }, /^QK175 .*F32/],
    ['a gram of another size', { ...gram([]), shape: [64, 256] }, /^QK176 .*\[64, 256\]/],
  ] as const)('%s, when it is asked for', (_, tensor, expected) => {
    const read = readCalibration(write([...complete, tensor]), graph);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const found = read.value.gramOf('layers.0.self_attn.v_proj');
    expect(found.ok ? '' : `${found.error.code} ${found.error.message}`).toMatch(expected);
  });
});

describe("SmoothQuant's scales", () => {
  const scales = (changes: Readonly<Record<string, readonly number[] | undefined>> = {}) => {
    const all: Record<string, readonly number[] | undefined> = {};
    for (const { name, shape } of complete) {
      if (name.endsWith('.absmax')) all[`model.${name.slice(0, -7)}`] = ones(shape[0]!);
    }
    const entries = Object.entries({ ...all, ...changes });
    return entries.flatMap(([name, values]) => (values === undefined ? [] : [f32(name, values)]));
  };

  test('by the names that transformers has, with and without first tokens', () => {
    const tensors = scales({
      lm_head: ones(128).map(() => 5),
      [`model.${q}`]: ones(128).map((_, i) => i + 1),
      [`model.${q}.skip_first`]: ones(128),
    });
    const read = readCalibration(write(tensors, { format: 'pt' }), graph);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const { linears, tokens } = read.value;
    expect([tokens, linears.size]).toEqual([0, 22]);
    const k = linears.get('layers.0.self_attn.k_proj');
    expect([k?.absMax[127], k?.absMaxRest[127]]).toEqual([128, 1]);
    const down = linears.get('layers.0.mlp.down_proj');
    expect(down?.absMaxRest).toEqual(down?.absMax);
    expect(linears.get('lm_head')?.absMax[0]).toBe(5);
  });

  test.each([
    [
      'a linear that is not there',
      { 'model.layers.0.mlp.x': ones(4) },
      /^QK176 "model.layers.0.mlp.x" is no linear/,
    ],
    [
      'a linear too few',
      { 'model.layers.1.mlp.down_proj': undefined },
      /^QK176 nothing is known of "layers.1.mlp.down_proj"/,
    ],
    ['an infinity', { 'model.layers.1.mlp.down_proj': [Infinity, ...ones(255)] }, /^QK177/],
  ] as const)('refuses %s', (_, changes, expected) => {
    expect(faultsOf(write(scales(changes), { format: 'pt' }))[0]).toMatch(expected);
  });

  test('of the embedding, whose tensor a tied head shares, they are none of the head', () => {
    const tensors = scales({ 'model.embed_tokens': ones(128) });
    const faults = faultsOf(write(tensors, { format: 'pt' }), smallModel({ tied: true }));
    expect(faults).toEqual(['QK176 "model.embed_tokens" is no linear of the model']);
  });

  test('refuses a file without any, and a checkpoint', () => {
    expect(faultsOf(write([], { format: 'pt' }))).toEqual(['QK175 the file has no tensors']);
    const weight = { ...f32('model.embed_tokens.weight', ones(128)), shape: [64, 2] };
    expect(faultsOf(write([weight], { format: 'pt' }))[0]).toMatch(/^QK175/);
  });
});
