import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSource } from '../../../compiler/frontend/read-source.ts';

it.skipIf(!existsSync('/dev/zero'))('does not read a device without end (needs /dev/zero)', async () => {
  const read = await readSource('/dev/zero');
  expect(read.ok ? [] : read.error.map(({ code, message }) => `${code} ${message}`)).toEqual([
    'QK102 the file does not end',
  ]);
});
