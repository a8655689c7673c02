import { describe, expect, test } from 'vitest';
import { activations, erf } from '../../../../compiler/reference/float-model/activate.ts';
import { attend, noKeyValues } from '../../../../compiler/reference/float-model/attend.ts';
import {
  createFloatModel,
  newSession,
  type ReadWeight,
} from '../../../../compiler/reference/float-model/float-model.ts';
import type { Matrix } from '../../../../compiler/reference/float-model/matrix.ts';
import { multiplyWeights } from '../../../../compiler/reference/float-model/multiply-weights.ts';
import { layerNormalise, rmsNormalise } from '../../../../compiler/reference/float-model/normalise-rows.ts';
import { ropeFrequencies, turnHeads } from '../../../../compiler/reference/float-model/turn-heads.ts';
import { random32, streamKey } from '../../../../compiler/reference/random.ts';
import { importGraph, smallLlama } from '../../load-fixture.ts';

function matrix(rows: number, columns: number, values: readonly number[]): Matrix {
  return { rows, columns, data: Float64Array.from(values) };
}

/** Values in [-1, 1) that depend on `name` alone. */
function noise(name: string, length: number): Float32Array {
  const key = streamKey(
    3,
    [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7),
  );
  return Float32Array.from({ length }, (_, index) => random32(key, index) / 2 ** 31 - 1);
}

test('erf at published values (DLMF, table 7.23.1), odd, and 1 in the end', () => {
  const values = [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
  ] as const;
  for (const [x, expected] of values) {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(1e-15);
    expect(erf(-x)).toBeCloseTo(-expected, 15);
  }
  expect([erf(6), erf(100), erf(Number.NEGATIVE_INFINITY), erf(Number.NaN)]).toEqual([1, 1, -1, Number.NaN]);
  expect(activations.gelu(1)).toBeCloseTo(0.8413447460685429, 15);
  expect(activations.silu(-1)).toBeCloseTo(-0.2689414213699951, 15);
});

test.each([
  [1, 1, 1],
  [2, 4, 8],
  [3, 7, 5],
  [5, 9, 16],
])('%d rows by %d channels over %d, with bias, beside what is there', (m, n, k) => {
  const x = matrix(m, k, [...noise('x', m * k)]);
  const weights = noise('w', n * k);
  const bias = noise('b', n);
  const out: Matrix = { rows: m, columns: n + 2, data: new Float64Array(m * (n + 2)).fill(9) };
  multiplyWeights(x, weights, bias, out, 1);
  for (let row = 0; row < m; row++) {
    const rest = out.data.subarray(row * (n + 2), (row + 1) * (n + 2));
    expect([rest[0], rest[n + 1]]).toEqual([9, 9]);
    for (let channel = 0; channel < n; channel++) {
      let sum = bias[channel]!;
      for (let i = 0; i < k; i++) sum += x.data[row * k + i]! * weights[channel * k + i]!;
      expect(rest[channel + 1]).toBeCloseTo(sum, 12);
    }
  }
});

test('norms: of the row, of each head, and about the mean', () => {
  const x = matrix(1, 4, [3, 4, 0, 2]);
  const root = Math.sqrt(29 / 4);
  expect([...rmsNormalise(x, 4, 0, Float32Array.of(1, 2, 1, 1)).data]).toEqual([
    3 * (1 / root),
    4 * (1 / root) * 2,
    0,
    2 * (1 / root),
  ]);
  const heads = rmsNormalise(x, 2, 0, Float32Array.of(1, 10)).data;
  expect(heads[1]).toBeCloseTo((40 / 5) * Math.SQRT2, 12);
  expect(heads[3]).toBeCloseTo(10 * Math.SQRT2, 12);
  const centred = layerNormalise(matrix(1, 2, [1, 3]), 3, Float32Array.of(2, 2), Float32Array.of(0, 7)).data;
  expect([...centred]).toEqual([-1, 8]);
});

describe('rope', () => {
  test('turns feature i with feature i + D/2 of its head, by its position', () => {
    const frequencies = Float64Array.of(Math.PI / 2, 0);
    const turned = turnHeads(matrix(1, 8, [1, 2, 3, 4, 5, 6, 7, 8]), 4, frequencies, 1).data;
    expect([...turned].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([-3, 2, 1, 4, -7, 6, 5, 8]);
  });

  test('frequencies, plain and stretched', () => {
    expect([...ropeFrequencies(4, 10_000, undefined, undefined)]).toEqual([1, 0.01]);
    expect([...ropeFrequencies(4, 10_000, { kind: 'linear', factor: 4 }, undefined)]).toEqual([0.25, 0.0025]);
    expect([...ropeFrequencies(4, 10_000, { kind: 'divisors' }, Float32Array.of(1, 8))]).toEqual([
      1, 0.00125,
    ]);
  });

  test('LLaMA 3.1: short waves stay, long ones are divided, between them it goes over', () => {
    const scaling = {
      ...{ kind: 'llama3' as const, factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
      originalContext: 8192,
    };
    const plain = ropeFrequencies(128, 500_000, undefined, undefined);
    const stretched = ropeFrequencies(128, 500_000, scaling, undefined);
    const ratios = [...stretched].map((value, index) => value / plain[index]!);
    expect(ratios[0]).toBe(1);
    expect(ratios[63]).toBe(1 / 8);
    // Dimension 32: 8192 / (2 pi sqrt(500000)) = 1.84382… turns in the original context, 0.28127… of the way.
    const smooth = (8192 / (2 * Math.PI * Math.sqrt(500_000)) - 1) / 3;
    expect(ratios[32]).toBeCloseTo((1 - smooth) / 8 + smooth, 12);
    expect(ratios.every((ratio, index) => index === 0 || ratio <= ratios[index - 1]!)).toBe(true);
  });
});

describe('attention', () => {
  const shape = { heads: 2, kvHeads: 1, headDim: 1 };
  const k = matrix(3, 1, [0, 0, 0]);
  const v = matrix(3, 1, [3, 6, 12]);
  const q = matrix(3, 2, [1, 1, 1, 1, 1, 1]);

  test('of equal scores is the mean of what was seen so far', () => {
    expect([...attend(shape, q, k, v, noKeyValues()).data]).toEqual([3, 3, 4.5, 4.5, 7, 7]);
    expect([...attend({ ...shape, window: 2 }, q, k, v, noKeyValues()).data]).toEqual([3, 3, 4.5, 4.5, 9, 9]);
  });

  test('weighs by e to the score over the root of the size of a head', () => {
    const node = { heads: 1, kvHeads: 1, headDim: 4 };
    const rows = attend(
      node,
      matrix(1, 4, [2, 0, 0, 0]),
      matrix(1, 4, [Math.log(3), 9, 9, 9]),
      matrix(1, 4, [1, 0, 0, 0]),
      { keys: new Float64Array(4), values: Float64Array.of(5, 0, 0, 0), tokens: 0 },
    );
    expect(rows.data[0]).toBe(1);
    const cache = { keys: new Float64Array(4), values: Float64Array.of(5, 0, 0, 0), tokens: 1 };
    const query = matrix(1, 4, [2, 0, 0, 0]);
    const both = attend(node, query, matrix(1, 4, [Math.log(3), 9, 9, 9]), matrix(1, 4, [1, 0, 0, 0]), cache);
    expect(both.data[0]).toBeCloseTo((5 + 3 * 1) / 4, 12);
  });
});

describe('a whole model', () => {
  const facts = {
    ...{ layers: 3, qkNorm: true, attentionBias: true, outputBias: true, mlpBias: true, slidingWindow: 5 },
    ropeScaling: { kind: 'linear', factor: 2 },
  };
  const graph = importGraph(smallLlama({ weights: { files: ['w'] } }, facts));
  const sizes: Readonly<Record<string, number>> = {
    embed_tokens: 64 * 128,
    lm_head: 64 * 128,
    q_norm: 32,
    k_norm: 32,
  };
  const read: ReadWeight<string> = ({ tensor }, layer) => {
    const [, leaf = '', part] = /([a-z_]+)\.(weight|bias)$/.exec(tensor) ?? [];
    const [n = 0, k = 0] =
      { q_proj: [128, 128], k_proj: [64, 128], v_proj: [64, 128], o_proj: [128, 128], down_proj: [128, 256] }[
        leaf
      ] ?? (/(gate|up)_proj/.test(leaf) ? [256, 128] : [128, 1]);
    const size = sizes[leaf] ?? (part === 'bias' ? n : n * k);
    const values = noise(`${tensor} ${layer}`, size);
    return { ok: true, value: values.map((value) => value / 8) };
  };
  const model = createFloatModel(graph, read);
  const ids = Array.from({ length: 12 }, (_, index) => (index * 29) % 64);
  const logits = (given: readonly number[], session = newSession(), wanted?: readonly number[]) => {
    const out = model.forward(given, session, wanted);
    if (!out.ok) throw new Error(out.error);
    return out.value;
  };

  test('token by token, and in pieces, it says what it says of the whole', () => {
    const whole = logits(ids);
    expect([whole.rows, whole.columns]).toEqual([12, 64]);
    for (const pieces of [
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      [5, 7],
      [3, 1, 8],
    ]) {
      const session = newSession();
      let at = 0;
      const rows = pieces.flatMap((length) => {
        const part = logits(ids.slice(at, at + length), session);
        at += length;
        return [...part.data];
      });
      expect(Math.max(...rows.map((value, index) => Math.abs(value - whole.data[index]!)))).toBeLessThan(
        1e-12,
      );
    }
  });

  test('wanted rows are those of the whole', () => {
    const whole = logits(ids);
    const picked = logits(ids, newSession(), [11, 3]);
    expect([...picked.data.subarray(64)]).toEqual([...whole.data.subarray(3 * 64, 4 * 64)]);
    expect([...picked.data.subarray(0, 64)]).toEqual([...whole.data.subarray(11 * 64)]);
  });

  test('a token sees no later one, and what is before its window only through others', () => {
    const whole = logits(ids);
    const changed = logits([...ids.slice(0, 8), 1, 2, 3, 4]);
    expect([...changed.data.subarray(0, 8 * 64)]).toEqual([...whole.data.subarray(0, 8 * 64)]);
    expect([...changed.data.subarray(8 * 64)]).not.toEqual([...whole.data.subarray(8 * 64)]);
  });

  test('a weight that cannot be read is a value, not an exception', () => {
    const broken = createFloatModel<string>(graph, (reference, layer) =>
      layer === 2 && reference.tensor.includes('down')
        ? { ok: false, error: 'gone' }
        : read(reference, layer),
    );
    expect(broken.forward(ids, newSession())).toEqual({ ok: false, error: 'gone' });
  });
});
