import { random32, streamKey } from '../../../compiler/reference/random.ts';

/** Numbers that lengths, counts and offsets go wrong at, as 64 bits. */
const telling = [
  0n,
  1n,
  0x7fn,
  0xffn,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
];
/** Text that a JSON header may come to hold. */
const fragments = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '-1',
  '1e999',
  '1e-9',
  'null',
  '\\u0000',
  '"w"',
  '9007199254740993',
];

/**
 * `seed` with a few random changes: bits, bytes, numbers, runs cut or doubled, text put in, the end cut off. The same for the
 * same round.
 */
export function mutate(seed: Uint8Array, round: number): Uint8Array {
  const key = streamKey(7, round);
  let drawn = 0;
  const draw = (below: number) => random32(key, drawn++) % below;
  let bytes = Uint8Array.from(seed);
  for (let change = draw(4); change >= 0 && bytes.length > 0; change--) {
    // Headers are what is read: most changes go there.
    const at = draw(draw(4) === 0 ? bytes.length : Math.min(bytes.length, 400));
    const length = 1 + draw(16);
    const cut = (from: number, to: number) =>
      bytes.subarray(Math.min(from, bytes.length), Math.min(to, bytes.length));
    switch (draw(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
        break;
      case 1:
        bytes[at] = draw(256);
        break;
      case 2: {
        const word = Buffer.alloc(8);
        word.writeBigUInt64LE(telling[draw(telling.length)] ?? 0n);
        bytes.set(word.subarray(0, Math.min(draw(2) === 0 ? 4 : 8, bytes.length - at)), at);
        break;
      }
      case 3:
        bytes = Buffer.concat([cut(0, at), cut(at + length, bytes.length)]);
        break;
      case 4:
        bytes = Buffer.concat([cut(0, at + length), cut(at, bytes.length)]);
        break;
      case 5:
        bytes = Buffer.concat([
          cut(0, at),
          Buffer.from(fragments[draw(fragments.length)] ?? ''),
          cut(at, bytes.length),
        ]);
        break;
      default:
        bytes = bytes.slice(0, draw(8) === 0 ? at : bytes.length);
    }
  }
  return bytes;
}
