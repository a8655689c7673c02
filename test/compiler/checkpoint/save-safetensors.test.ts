import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openByteSource } from '../../../compiler/checkpoint/byte-source.ts';
import { readFloats } from '../../../compiler/checkpoint/read-floats.ts';
import { readSafetensorsHeader } from '../../../compiler/checkpoint/read-safetensors.ts';
import {
  createSafetensors,
  type TensorToWrite,
  writeSafetensors,
} from '../../../compiler/checkpoint/write-safetensors.ts';
import { succeed } from '../../../compiler/support/result.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-save-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const tensors: readonly TensorToWrite[] = [
  { name: 'codes', dtype: 'I8', shape: [3], bytes: Uint8Array.of(1, 2, 255) },
  { name: 'scales', dtype: 'F32', shape: [2], bytes: bytesOf(1, 2) },
  {
    name: 'x.y',
    dtype: 'F64',
    shape: [1, 2],
    bytes: function* () {
      yield succeed(new Uint8Array(Float64Array.of(3).buffer));
      yield succeed(new Uint8Array(Float64Array.of(4).buffer));
    },
  },
  { name: 'none', dtype: 'F16', shape: [0, 7], bytes: new Uint8Array(0) },
];
const metadata = { z: 'last', a: '"first" ä' };

function save(file = join(folder, 'x.safetensors'), what = tensors) {
  const written = writeSafetensors(file, what, metadata);
  if (!written.ok) throw new Error(JSON.stringify(written.error));
  return file;
}

function open(file: string) {
  const source = openByteSource(file);
  if (!source.ok) throw new Error(JSON.stringify(source.error));
  const read = readSafetensorsHeader(source.value);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value;
}

test('the reader finds what was written, wide elements first and at multiples of their size', () => {
  const header = open(save());
  expect([...header.metadata]).toEqual([
    ['a', '"first" ä'],
    ['z', 'last'],
  ]);
  expect(header.tensors.map(({ name, shape }) => [name, shape])).toEqual([
    ['x.y', [1, 2]],
    ['scales', [2]],
    ['none', [0, 7]],
    ['codes', [3]],
  ]);
  expect(header.tensors.map(({ offset, format }) => offset % format.bytes)).toEqual([0, 0, 0, 0]);
  const values = header.tensors.slice(0, 2).map((tensor) => {
    const read = readFloats(tensor);
    return read.ok && [...read.value];
  });
  expect(values).toEqual([
    [3, 4],
    [1, 2],
  ]);
  const [codes] = header.tensors.slice(-1);
  const stored = codes!.source.read(codes!.offset, 3);
  expect(stored.ok && [...stored.value]).toEqual([1, 2, 255]);
});

test('every bit, in whatever order metadata and tensors come', () => {
  const once = readFileSync(save());
  expect(once.readBigUInt64LE(0) % 8n).toBe(0n);
  const again = join(folder, 'again.safetensors');
  const created = createSafetensors(again, tensors, { a: metadata.a, z: metadata.z });
  if (!created.ok) throw new Error(JSON.stringify(created.error));
  for (const { name, bytes } of tensors.toReversed())
    expect(created.value.write(name, typeof bytes === 'function' ? bytes() : bytes).ok).toBe(true);
  expect(existsSync(again)).toBe(false);
  expect(created.value.finish().ok).toBe(true);
  expect(Buffer.compare(readFileSync(again), once)).toBe(0);
  expect(readdirSync(folder).toSorted()).toEqual(['again.safetensors', 'x.safetensors']);
});

test('a name that objects have already is a name', () => {
  const file = save(join(folder, 'p'), [
    { name: '__proto__', dtype: 'U8', shape: [1], bytes: Uint8Array.of(7) },
  ]);
  expect(open(file).tensors.map(({ name }) => name)).toEqual(['__proto__']);
});

test('a full disk leaves what was there, and nothing else', () => {
  const file = join(folder, 'x.safetensors');
  writeFileSync(file, 'before');
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
    syscall: 'write',
  });
  const bytes = function* () {
    yield succeed(bytesOf(1));
    throw full;
  };
  const written = writeSafetensors(file, [{ name: 'w', dtype: 'F32', shape: [2], bytes }]);
  expect(written.ok ? '' : `${written.error.code} ${written.error.message}`).toBe(
    'QK171 no space left on device (ENOSPC)',
  );
  expect(readFileSync(file, 'utf8')).toBe('before');
  expect(readdirSync(folder)).toEqual(['x.safetensors']);
});

test('a place that cannot be written to is a fault; a slip of ours leaves nothing behind', () => {
  writeFileSync(join(folder, 'file'), '');
  const written = writeSafetensors(join(folder, 'file', 'x'), tensors);
  expect(written.ok ? '' : written.error.code).toBe('QK171');
  const short = [{ name: 'w', dtype: 'F32', shape: [2], bytes: bytesOf(1) }];
  expect(() => writeSafetensors(join(folder, 'y'), short)).toThrow('w has 8 bytes, not 4');
  expect(readdirSync(folder)).toEqual(['file']);
});
