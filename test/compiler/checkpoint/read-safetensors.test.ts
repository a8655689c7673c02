import { describe, expect, test } from 'vitest';
import { readSafetensors } from '../../../compiler/checkpoint/read-safetensors.ts';
import { memorySource } from './memory-source.ts';
import { withHeader, writeSafetensors, zeros } from './write-safetensors.ts';

function faultsOf(bytes: Uint8Array) {
  const read = readSafetensors(memorySource(bytes));
  return read.ok ? [] : read.error.map(({ code, message }) => `${code} ${message}`);
}

/** One F16 tensor of two elements with its entry changed. */
function oneTensor(entry: object, data = 4): Uint8Array {
  const whole = { dtype: 'F16', shape: [2], data_offsets: [0, 4], ...entry };
  return withHeader(JSON.stringify({ w: whole }), new Uint8Array(data));
}

test('tensors with their places in the file, whatever order the header has; nothing but the header is read', () => {
  const bytes = writeSafetensors(
    { b: zeros([2, 3]), a: zeros([4], 'BF16'), none: zeros([0, 7]) },
    { format: 'pt' },
  );
  const source = memorySource(bytes);
  const read = readSafetensors(source);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  const start = bytes.length - 20;
  expect(
    read.value.map(({ name, format, shape, offset, bytes }) => [name, format.name, shape, offset, bytes]),
  ).toEqual([
    ['b', 'F16', [2, 3], start, 12],
    ['a', 'BF16', [4], start + 12, 8],
    ['none', 'F16', [0, 7], start + 20, 0],
  ]);
  expect(source.asked.bytes).toBe(start);
});

describe('refuses', () => {
  const twice =
    '{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}';
  const overlapping = JSON.stringify({
    a: { dtype: 'F16', shape: [2], data_offsets: [0, 4] },
    b: { dtype: 'F16', shape: [2], data_offsets: [2, 6] },
  });
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(0), /^QK151 .*0 bytes/],
    [
      'a length beyond the file',
      withHeader('{}', new Uint8Array(0)).with(1, 1),
      /^QK151 a header of 258 bytes/,
    ],
    ['a length of 2^64 - 1', new Uint8Array(64).fill(255), /^QK151 a header of 18446744073709552000 bytes/],
    ['a cut header', withHeader('{"w":', new Uint8Array(0)), /^QK151/],
    ['a header that is a list', withHeader('[]', new Uint8Array(0)), /^QK151 .*not a JSON object/],
    [
      'a header that is no text',
      withHeader(new Uint8Array([0xff, 0xfe]), new Uint8Array(0)),
      /^QK151 .*UTF-8/,
    ],
    ['a hundred thousand brackets', withHeader('['.repeat(100_000), new Uint8Array(0)), /^QK151 .*nesting/],
    ['a name twice', withHeader(twice, new Uint8Array(4)), /^QK154 .*"w" appears twice/],
    ['bytes shared by two', withHeader(overlapping, new Uint8Array(6)), /^QK153 .*"a" and "b" overlap/],
    ['an offset beyond the file', oneTensor({ data_offsets: [0, 4] }, 3), /^QK153 .*has data for 3/],
    ['offsets the wrong way round', oneTensor({ data_offsets: [4, 0] }), /^QK153/],
    ['a negative offset', oneTensor({ data_offsets: [-4, 0] }), /^QK151 .*data_offsets/],
    ['a size that is no integer', oneTensor({ shape: [1.5] }), /^QK151 .*shape/],
    ['a shape that does not fill its bytes', oneTensor({ shape: [3] }), /^QK153 .*takes 6 bytes, not 4/],
    [
      'a shape beyond counting',
      oneTensor({ shape: [2 ** 40, 2 ** 40, 0] }),
      /^QK153 .*more than can be counted/,
    ],
    ['bytes of no tensor', oneTensor({}, 5), /^QK153 the tensors take 4 bytes, the file has 5/],
    ['a dtype that does not exist', oneTensor({ dtype: 'F12' }), /^QK155 .*"F12"/],
    ['an entry that is null', withHeader('{"w":null}', new Uint8Array(0)), /^QK151 .*not an object/],
    [
      'metadata that is a list',
      withHeader('{"__metadata__":[]}', new Uint8Array(0)),
      /^QK151 the metadata is no object of texts/,
    ],
    [
      'metadata with a number',
      withHeader('{"__metadata__":{"a":1}}', new Uint8Array(0)),
      /^QK151 the metadata/,
    ],
    ['a hostile name, shown escaped', withHeader('{"\\u001b[2J":1}', new Uint8Array(0)), /u\{1b\}/],
  ];
  test.each(cases)('%s', (_, bytes, expected) => {
    const faults = faultsOf(bytes);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(expected);
  });

  test('a header that is larger than any real one, unread', () => {
    const source = memorySource(withHeader(' '.repeat(40 * 1024 * 1024), new Uint8Array(0)));
    const read = readSafetensors(source);
    expect(read.ok ? [] : read.error.map(({ code }) => code)).toEqual(['QK158']);
    expect(source.asked.bytes).toBe(8);
  });

  test('several faults at once, but not thousands', () => {
    const header = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`t${index}`, 0]));
    expect(faultsOf(withHeader(JSON.stringify(header), new Uint8Array(0)))).toHaveLength(10);
  });
});
