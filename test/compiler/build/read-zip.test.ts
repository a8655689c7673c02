import { describe, expect, test } from 'vitest';
import { readZip } from '../../../compiler/build/read-zip.ts';
import { makeZip } from './make-zip.ts';

function entries(bytes: Uint8Array): Record<string, string> {
  const read = readZip(bytes);
  if (!read.ok) throw new Error(read.error);
  return Object.fromEntries(read.value.map((entry) => [entry.name, Buffer.from(entry.read()).toString()]));
}

describe('readZip', () => {
  test('reads files and skips folders', () => {
    const files = { 'a/b.txt': 'hello', 'a/': '', empty: '', long: 'x'.repeat(100_000) };
    const { 'a/': _folder, ...rest } = files;
    expect(entries(makeZip(files))).toEqual(rest);
  });

  test.each(['../x', 'a/../../x', '/etc/x', 'a\\..\\x', 'a\0b'])('refuses the name %j', (name) => {
    expect(readZip(makeZip({ [name]: 'x' }))).toMatchObject({ ok: false });
  });

  test('refuses a file that is cut off anywhere', () => {
    const whole = makeZip({ one: 'first', two: 'second '.repeat(50) });
    for (let length = 0; length < whole.length; length += 1) {
      const cut = readZip(whole.subarray(0, length));
      expect(cut.ok, `at ${length} of ${whole.length}`).toBe(false);
    }
  });

  test('refuses content that is not what the directory says', () => {
    const damaged = makeZip({ one: 'first' });
    damaged.fill(0xff, 37, 40);
    expect(() => entries(damaged)).toThrow();
  });
});
