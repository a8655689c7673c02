import { describe, expect, it } from 'vitest';
import { outlierColumns } from '../../../compiler/reference/outlier-columns.ts';
import type { PackedLinear } from '../../../compiler/reference/pack-quik.ts';
import { randomBell, streamKey } from '../../../compiler/reference/random.ts';
import type { ActivationDtype } from '../../../ir/dtype.ts';
import type { ManifestLayer } from '../../../ir/manifest.ts';
import { tiedWeights } from '../../support/tied-weights.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';
import { differences, hasNumpy, packInNumpy, packInTypescript, type Recipe } from './pack-in-numpy.ts';

const recipe = (
  [n, k]: readonly [number, number],
  outliers: readonly number[],
  rest: Partial<Recipe> = {},
): Recipe => ({
  ...{ id: 'a layer', n, k, bits: 4, columnMode: 'compact', scale: { clip: 'none' } },
  outliers: { count: outliers.length, columns: { kind: 'listed', lists: [outliers] } },
  ...rest,
});

/** Channels with tails from none to heavy, so that the search ends at many factors; channel 1 is all zero. */
function tailedWeights(n: number, k: number): Float32Array {
  return Float32Array.from({ length: n * k }, (_, i) => {
    const channel = Math.floor(i / k);
    const bell = randomBell(streamKey(7, channel), i % k);
    return channel === 1
      ? 0
      : Math.sign(bell) * Math.abs(bell) ** (0.5 + (channel % 8)) * 2 ** -(channel % 13);
  });
}

/** Channels whose largest weight asks for the whole scale and all others for 0.96 to 1.00 of it: 8 bit clip little. */
function griddedWeights(n: number, k: number): Float32Array {
  return Float32Array.from({ length: n * k }, (_, i) => {
    const channel = Math.floor(i / k);
    const step = 1 - (channel % 5) / 100;
    const code = Math.round(25 * randomBell(streamKey(8, channel), i % k));
    return channel === 1 ? 0 : i % k === 0 ? 127 : code * step;
  });
}

function scalesOf({ columnMeta }: { readonly columnMeta: Uint8Array }, n: number): Float32Array {
  const meta = new DataView(columnMeta.buffer);
  return Float32Array.from({ length: n }, (_, channel) => meta.getFloat32(channel * 16, true));
}

function expectSame(packed: PackedLinear, expected: PackedLinear): void {
  expect(differences(packed, expected)).toEqual([]);
}

const search = { scale: { clip: 'search' } } as const;
const inPlace = { columnMode: 'in-place' } as const;
const some = [0, 5, 6, 69];

describe.skipIf(!hasNumpy && !process.env['CI'])(
  'pack_quik.py gives the bytes of packQuik (skipped where python3 has no numpy)',
  () => {
    it.each<[string, Recipe, ActivationDtype]>([
      ['4 bit, ragged', recipe([19, 70], some), 'f16'],
      ['4 bit, ragged, in place', recipe([33, 130], [3, 64, 65], inPlace), 'f16'],
      ['4 bit, an outlier at the end of whole blocks, in place', recipe([16, 128], [127], inPlace), 'f16'],
      ['4 bit, outlier columns alone', recipe([17, 4], [0, 1, 2, 3], search), 'f16'],
      ['8 bit, no outlier columns', recipe([16, 200], [], { bits: 8 }), 'f16'],
      ['8 bit, ragged, in place', recipe([33, 130], [3, 64, 65], { bits: 8, ...inPlace }), 'f16'],
      ['4 bit, bf16', recipe([19, 70], some), 'bf16'],
      [
        '8 bit, bf16, in place',
        recipe([40, 96], [...outlierColumns(96, 19, 3)], { bits: 8, ...inPlace }),
        'bf16',
      ],
    ])('%s', (_, layer, dtype) => {
      const weights = tailedWeights(layer.n, layer.k);
      const bias = Float32Array.from({ length: layer.n }, (_, i) => Math.cos(i));
      const packed = packInTypescript(layer, dtype, { weights, bias });
      expectSame(packInNumpy(layer, dtype, { weights, bias }), packed);
    });

    it.each<[string, Recipe, typeof tailedWeights]>([
      ['4 bit', recipe([67, 300], some, search), tailedWeights],
      ['4 bit, in place', recipe([33, 130], [3, 64, 65], { ...inPlace, ...search }), tailedWeights],
      ['8 bit', recipe([35, 1001], [], { bits: 8, ...search }), griddedWeights],
      ['8 bit, in place', recipe([21, 901], [3, 64, 65], { bits: 8, ...inPlace, ...search }), griddedWeights],
    ])('clip search, %s', (_, layer, makeWeights) => {
      const arrays = { weights: makeWeights(layer.n, layer.k) };
      const packed = packInTypescript(layer, 'bf16', arrays);
      expectSame(packInNumpy(layer, 'bf16', arrays), packed);
      // The data asks for several factors; the all-zero channel keeps the smallest scale.
      const full = scalesOf(packInTypescript({ ...layer, scale: { clip: 'none' } }, 'bf16', arrays), layer.n);
      const clipped = scalesOf(packed, layer.n);
      const factors = new Set([...clipped].map((scale, i) => Math.round((100 * scale) / full[i]!)));
      expect(factors.size).toBeGreaterThan(3);
      expect(factors).toContain(100);
      expect(clipped[1]).toBe(2 ** -64);
    });

    it('of two factors with equal errors takes the larger, in whatever order they are summed', () => {
      const layer = recipe([64, 63], [], search);
      const arrays = { weights: tiedWeights(64, 63) };
      const packed = packInTypescript(layer, 'f16', arrays);
      expect([...new Set(scalesOf(packed, 64))]).toEqual([88]);
      expectSame(packInNumpy(layer, 'f16', arrays), packed);
    });

    it.each([4, 8] as const)('%i-bit codes half-way between two are the even one', (bits) => {
      // Scale 100, and odd multiples of 50 on either side of zero.
      const most = 2 ** (bits - 1) - 1;
      const weights = Float32Array.from({ length: 2 * most }, (_, i) => 50 * (2 * i - 2 * most + 1));
      weights[0] = -100 * most;
      const layer = recipe([1, 2 * most], [], { bits });
      const packed = packInTypescript(layer, 'f16', { weights });
      expect(scalesOf(packed, 1)).toEqual(Float32Array.of(100));
      expectSame(packInNumpy(layer, 'f16', { weights }), packed);
    });

    it("one's own scales replace the rule, search or not", () => {
      const weights = tailedWeights(20, 70);
      const scales = Float32Array.from({ length: 20 }, (_, i) => (i === 3 ? 2 ** -70 : 2 ** (-i / 3)));
      for (const scale of [{ clip: 'none' }, { clip: 'search' }] as const) {
        const layer = recipe([20, 70], some, { scale });
        const packed = packInTypescript(layer, 'f16', { weights, scales });
        expectSame(packInNumpy(layer, 'f16', { weights, scales }), packed);
        expect(scalesOf(packed, 20)).toEqual(scales.map((scale) => Math.max(scale, 2 ** -64)));
      }
    });

    it.each(['f16', 'bf16'] as const)('rounds every kind of outlier weight to %s', (dtype) => {
      // Each upper half of an FP32 beside a tie of the lower one, even and odd; infinities, NaNs and subnormals are in it.
      const lows = dtype === 'f16' ? [0, 0x0fff, 0x1000, 0x3000] : [0, 0x7fff, 0x8000, 0x8001];
      const patterns = Uint32Array.from({ length: 4 * 0x10000 }, (_, i) => ((i >> 2) << 16) | lows[i & 3]!);
      const k = 256;
      const columns = Array.from({ length: k }, (_, i) => i);
      const arrays = { weights: new Float32Array(patterns.buffer) };
      const layer = recipe([1024, k], columns);
      expectSame(packInNumpy(layer, dtype, arrays), packInTypescript(layer, dtype, arrays));
    });

    it('takes the list of its repetition, or columns given in its stead', () => {
      const [first, second, third] = [
        [1, 2],
        [0, 69],
        [4, 40],
      ] as const;
      const listed = { count: 2, columns: { kind: 'listed', lists: [first, second, third] } } as const;
      const layer = { ...recipe([19, 70], first), outliers: listed };
      const bare = { ...layer, outliers: { count: 2, columns: { kind: 'placeholder' } } } as const;
      const arrays = { weights: tailedWeights(19, 70) };
      const expected = (columns: readonly number[]) => packInTypescript(layer, 'f16', arrays, columns);
      expectSame(packInNumpy(layer, 'f16', arrays), expected(first));
      expectSame(packInNumpy(layer, 'f16', arrays, { repetition: 2 }), expected(third));
      expectSame(packInNumpy(layer, 'f16', arrays, { outliers: second }), expected(second));
      expectSame(packInNumpy(bare, 'f16', arrays, { outliers: third }), expected(third));
    });

    it.each([
      ['tiny-llama', tinyLlama],
      ['ragged', 'test/fixtures/models/ragged.json'],
      ['ragged-bf16', 'test/golden/models/ragged-bf16.json'],
    ])('packs the layers of the bundle of %s as its manifest says', async (_, file) => {
      const { manifest } = await compileFixture(file);
      expect(manifest.layers).not.toEqual([]);
      for (const layer of JSON.parse(JSON.stringify(manifest.layers)) as readonly ManifestLayer[]) {
        const arrays = { weights: tailedWeights(layer.n, layer.k) };
        const outliers = [...outlierColumns(layer.k, layer.outliers.count, 9)];
        const packed = packInNumpy(layer, manifest.dtype, arrays, { outliers });
        expectSame(packed, packInTypescript(layer, manifest.dtype, arrays, outliers));
        expect(Object.values(packed).map(({ length }) => length)).toEqual(
          layer.arguments.map(({ bytes }) => bytes),
        );
      }
    });

    const weights = new Float32Array(16 * 64).fill(1);
    const layer = recipe([16, 64], [3, 9]);
    const bare = { ...layer, outliers: { count: 2, columns: { kind: 'placeholder' } } } as const;
    it.each<[string, RegExp, () => PackedLinear]>([
      [
        'weights of another shape',
        /weights 16 x 65, not \(16, 64\)/,
        () => packInNumpy({ ...layer, k: 65 }, 'f16', { weights }),
      ],
      [
        'a base weight that is NaN',
        /not finite/,
        () => packInNumpy(layer, 'f16', { weights: weights.with(4, Number.NaN) }),
      ],
      [
        'a scale that is infinite',
        /not finite/,
        () => packInNumpy(layer, 'f16', { weights, scales: new Float32Array(16).fill(1 / 0) }),
      ],
      [
        'a dtype that no bundle has',
        /f8 is neither f16 nor bf16/,
        () => packInNumpy(layer, 'f8', { weights }),
      ],
      [
        'placeholders without columns',
        /2 ascending outlier columns/,
        () => packInNumpy(bare, 'f16', { weights }),
      ],
      ...[[9, 3], [3, 64], [-1, 3], [3, 3], [3]].map((outliers): [string, RegExp, () => PackedLinear] => [
        `columns ${outliers}`,
        /2 ascending outlier columns/,
        () => packInNumpy(layer, 'f16', { weights }, { outliers }),
      ]),
    ])('refuses %s', (_, message, pack) => {
      expect(pack).toThrow(message);
    });
  },
);
