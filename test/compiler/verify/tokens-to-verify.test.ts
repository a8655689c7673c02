import { expect, it } from 'vitest';
import { tokensToVerify } from '../../../compiler/verify/tokens-to-verify.ts';

it.each([
  [1, 8, '1:6 2:3 7:3 8:6 9:3'],
  [17, 32, '16:3 17:6 18:3 31:3 32:6 33:3'],
  [513, undefined, '512:3 513:6 514:3 2048:6 2049:3'],
  [1, undefined, '1:6 2:3 2048:6 2049:3'],
  [5, 5, '4:3 5:6 6:3'],
  [5, 6, '4:3 5:6 6:6 7:3'],
  [2049, undefined, '2048:3 2049:6 2050:3'],
])('from %i to %s', (from, to, expected) => {
  const launches = tokensToVerify(from, to);
  expect(launches.map(({ tokens, tiles }) => `${tokens}:${tiles}`).join(' ')).toBe(expected);
});
