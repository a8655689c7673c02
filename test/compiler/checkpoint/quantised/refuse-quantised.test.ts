import { describe, expect, test } from 'vitest';
import { openQuantised } from '../../../../compiler/checkpoint/quantised/open-quantised.ts';
import { readFloats } from '../../../../compiler/checkpoint/read-floats.ts';
import type { StoredTensor } from '../../../../compiler/checkpoint/stored-tensor.ts';
import { safetensorsFormats } from '../../../../compiler/checkpoint/tensor-format.ts';
import { memorySource } from '../memory-source.ts';
import { mutate } from '../mutate.ts';
import { type Config, readFixture, toQuantisation } from './read-fixture.ts';

const cases = readFixture();

type Change = (tensors: Map<string, StoredTensor>) => void;

/** What opening and then reading a changed linear says. */
function faultsOf(name: string, change: Change, changes: Config = {}): string {
  const given = cases.get(name)!;
  const tensors = new Map(given.tensors);
  change(tensors);
  const opened = openQuantised(tensors, toQuantisation({ ...given.config, ...changes }));
  const faults = opened.ok ? [...opened.value.tensors.values()].flatMap(faultOf) : opened.error;
  return faults.map(({ code, message, expected = '' }) => `${code} ${message}: ${expected}`).join('\n');
}

function faultOf(tensor: StoredTensor) {
  const read = readFloats(tensor);
  return read.ok ? [] : [read.error];
}

const remove =
  (part: string): Change =>
  (tensors) =>
    tensors.delete(`x.${part}`);

/** Another dtype, shape or bytes for one of the tensors. */
function replace(
  part: string,
  dtype: string,
  shape: readonly number[],
  fill?: (view: DataView) => void,
): Change {
  return (tensors) => {
    const format = safetensorsFormats.get(dtype)!;
    const size = format.bytes * shape.reduce((a, b) => a * b, 1);
    const bytes = new Uint8Array(size);
    fill?.(new DataView(bytes.buffer));
    const name = `x.${part}`;
    tensors.set(name, { name, format, shape, offset: 0, bytes: size, source: memorySource(bytes) });
  };
}

/** The same bytes but for some. */
function poke(part: string, change: (view: DataView) => void): Change {
  return (tensors) => {
    const { format, shape, source, offset, bytes } = tensors.get(`x.${part}`)!;
    const read = source.read(offset, bytes);
    if (!read.ok) throw new Error('not read');
    const view = new DataView(Uint8Array.from(read.value).buffer);
    change(view);
    replace(part, format.name, shape, (into) => {
      for (let i = 0; i < bytes; i++) into.setUint8(i, view.getUint8(i));
    })(tensors);
  };
}

interface Row {
  readonly what: string;
  readonly change: Change;
  readonly says: RegExp;
  readonly config?: Config;
}

function row(what: string, change: Change, says: RegExp, config: Config = {}): Row {
  return { what, change, says, config };
}

describe.each<readonly [string, readonly Row[]]>([
  [
    'gptq-v2-act-order',
    [
      row('no zero points', remove('qzeros'), /^QK157 .*"x\.qzeros"/),
      row('no scales', remove('scales'), /^QK157 .*"x\.scales"/),
      row(
        'zero points of other groups',
        replace('qzeros', 'I32', [3, 4]),
        /^QK197 "x\.qzeros" is I32 \[3, 4\]: \[4, 4\]/,
      ),
      row('zero points of another dtype', replace('qzeros', 'F16', [4, 4]), /^QK197 .*: I32 of 2 dim/),
      row('scales of too few groups', replace('scales', 'F16', [3, 32]), /^QK197 "x\.qzeros".*: \[3, 4\]/),
      row('no scale at all', replace('scales', 'F16', [0, 32]), /^QK197/),
      row(
        'codes of fewer channels',
        replace('qweight', 'I32', [16, 24]),
        /^QK197 "x\.qweight".*: \[16, 32\]/,
      ),
      row('a list of groups too short', replace('g_idx', 'I32', [120]), /^QK197 "x\.qweight".*: \[15, 32\]/),
      row('groups in a table', replace('g_idx', 'I32', [16, 8]), /^QK197 "x\.g_idx".*of 1 dimension:?$/),
      row(
        'a group beyond',
        poke('g_idx', (v) => v.setInt32(4 * 7, 4, true)),
        /^QK197 column 7 is in group 4 .*0 to 3/,
      ),
      row(
        'a group below',
        poke('g_idx', (v) => v.setInt32(4 * 9, -1, true)),
        /^QK197 column 9 is in group -1/,
      ),
      row(
        'a scale that is no number',
        poke('scales', (v) => v.setUint16(2 * 40, 0x7e00, true)),
        /^QK160 value 40 of "x\.scales"/,
      ),
      row(
        'a weight beyond its dtype',
        poke('scales', (v) => v.setUint16(0, 0x7bff, true)),
        /^QK160 value \d+ of "x\.weight"/,
      ),
      row('other groups than the config says', () => {}, /^QK197 "x\.scales".*: \[8, 32\]/, {
        group_size: 16,
      }),
      row('other bits than the config says', () => {}, /^QK197/, { bits: 8 }),
      row('no bits that fit', replace('qzeros', 'I32', [4, 5]), /^QK197 "x\.qzeros"/, {
        dynamic: { x: { bits: 8 } },
      }),
    ],
  ],
  [
    'awq-32',
    [
      row('no zero points', remove('qzeros'), /^QK157/),
      row(
        'zero points of other channels',
        replace('qzeros', 'I32', [4, 3]),
        /^QK197 "x\.qzeros".*: \[4, 4\]/,
      ),
      row('scales of other channels', replace('scales', 'F16', [4, 24]), /^QK197 "x\.scales".*: \[4, 32\]/),
      row(
        'a scale that is infinite',
        poke('scales', (v) => v.setUint16(0, 0x7c00, true)),
        /^QK160 value 0 of "x\.scales"/,
      ),
    ],
  ],
  [
    'ct-pack-4-group-asym',
    [
      row('no shape', remove('weight_shape'), /^QK157/),
      row('no zero points', remove('weight_zero_point'), /^QK157/),
      row(
        'another width',
        poke('weight_shape', (v) => v.setInt32(8, 160, true)),
        /^QK197 "x\.weight_packed".*: \[32, 20\]/,
      ),
      row(
        'a negative width',
        poke('weight_shape', (v) => v.setBigInt64(8, -128n, true)),
        /^QK197 .*-128/,
      ),
      row('zero points that are not packed', replace('weight_zero_point', 'I8', [32, 4]), /^QK197 .*: I32/),
      row('mis-sized zero points', replace('weight_zero_point', 'I32', [3, 4]), /^QK197 .*: \[4, 4\]/),
      row('fewer scales', replace('weight_scale', 'BF16', [32, 3]), /^QK197 "x\.weight_scale".*: \[32, 4\]/),
    ],
  ],
  [
    'ct-g-idx',
    [
      row(
        'uneven groups',
        poke('weight_g_idx', (v) => v.setInt32(0, 1, true)),
        /^QK197 group 1 has 33 columns .*: 32/,
      ),
      row(
        'a group beyond',
        poke('weight_g_idx', (v) => v.setInt32(0, 4, true)),
        /^QK197 column 0 is in group 4/,
      ),
    ],
  ],
  [
    'ct-int-8-channel-sym',
    [
      row('packed codes', replace('weight_packed', 'I32', [32, 32]), /^QK197 "x" is packed, other than/),
      row('codes of 8-bit floats', replace('weight', 'F8_E4M3', [32, 128]), /^QK197 "x\.weight".*: I8/),
      row(
        'a scale for each column',
        replace('weight_scale', 'BF16', [128, 1]),
        /^QK197 "x\.weight_scale".*: \[32, 1\]/,
      ),
    ],
  ],
])('%s', (name, changes) => {
  test.each(changes)('$what', ({ change, says, config }) => {
    expect(faultsOf(name, () => {})).toBe('');
    expect(faultsOf(name, change, config)).toMatch(says);
  });
});

test('a list of groups that was never set is none: zeros of GPTQ, -1 of compressed-tensors', () => {
  expect(faultsOf('gptq-v2-4-sym', replace('g_idx', 'I32', [128]))).toBe('');
  const unset: Change = poke('weight_g_idx', (view) => {
    for (let i = 0; i < 128; i++) view.setInt32(4 * i, -1, true);
  });
  expect(faultsOf('ct-g-idx', unset)).toBe('');
});

/** Mutations of each linear: QUIKC_FUZZ=100000 npx vitest run refuse-quantised takes minutes. */
const rounds = Number(process.env['QUIKC_FUZZ'] ?? 200);

const fuzzed = [
  'gptq-v1-act-order',
  'gptq-v1-3-asym',
  'awq-64',
  'ct-pack-ragged',
  'ct-g-idx',
  'ct-int-8-channel-asym',
];

test.each(fuzzed)(`%s: ${rounds} mutations, values or coded faults`, { timeout: 3_600_000 }, (name) => {
  const { tensors, config } = cases.get(name)!;
  const quantisation = toQuantisation(config);
  const counts = { read: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const changed = new Map(
      [...tensors].map(([key, tensor], index) => [key, mutateTensor(tensor, round * 8 + index)]),
    );
    if (round % 5 === 0) changed.delete([...changed.keys()][(round / 5) % changed.size] ?? '');
    const opened = openQuantised(changed, quantisation);
    const faults = opened.ok
      ? [...opened.value.tensors.values()].filter(({ name: key }) => key === 'x.weight').flatMap(faultOf)
      : opened.error;
    counts[faults.length > 0 ? 'refused' : 'read'] += 1;
    for (const { code, file, message } of faults)
      if (!/^QK1(?:57|60|97|56)$/.test(code) || file === undefined || message === '')
        throw new Error(`round ${round}: ${code} ${message}`);
  }
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(rounds / 20);
});

/** Other bytes half the time, another shape a quarter of it; as consistent as a checked header leaves it. */
function mutateTensor(tensor: StoredTensor, round: number): StoredTensor {
  const { source, offset, bytes, format, shape } = tensor;
  const read = source.read(offset, bytes);
  if (!read.ok) throw new Error('not read');
  if (round % 3 !== 0) return tensor;
  const mutated = mutate(read.value, round);
  if (round % 2 === 0) {
    const same = new Uint8Array(bytes);
    same.set(mutated.subarray(0, bytes));
    return { ...tensor, offset: 0, source: memorySource(same) };
  }
  const rest = shape.slice(1).reduce((a, b) => a * b, 1) * format.bytes;
  const rows = Math.floor(mutated.length / rest);
  const kept = mutated.subarray(0, rows * rest);
  return {
    ...tensor,
    shape: [rows, ...shape.slice(1)],
    offset: 0,
    bytes: kept.length,
    source: memorySource(kept),
  };
}
