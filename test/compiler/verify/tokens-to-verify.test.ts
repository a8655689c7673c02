import { expect, it } from 'vitest';
import { tokensToVerify } from '../../../compiler/verify/tokens-to-verify.ts';

it.each([
  [1, 8, [1, 2, 7, 8, 9]],
  [17, 32, [16, 17, 18, 31, 32, 33]],
  [513, undefined, [512, 513, 514, 2048, 2049]],
  [1, undefined, [1, 2, 2048, 2049]],
  [5, 5, [4, 5, 6]],
  [2049, undefined, [2049]],
])('from %i to %s', (from, to, tokens) => {
  expect(tokensToVerify(from, to)).toEqual(tokens);
});
