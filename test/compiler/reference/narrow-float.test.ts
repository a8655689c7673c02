import { describe, expect, it } from 'vitest';
import { narrowFloat, roundHalfEven } from '../../../compiler/reference/narrow-float.ts';

const f16 = narrowFloat('f16');
const bf16 = narrowFloat('bf16');

/** BF16 by another road: FP32 bits, ties to even on the lower half. Right for values that are FP32 themselves. */
function bf16FromFloat32(value: number): number {
  const word = new Uint32Array(new Float32Array([value]).buffer)[0]!;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

describe('narrowFloat', () => {
  it('decodes known f16 patterns', () => {
    const known: [number, number][] = [
      [0x0000, 0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x3555, 0.333251953125],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x03ff, 1023 * 2 ** -24],
      [0x0001, 2 ** -24],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
    ];
    for (const [bits, value] of known) expect(f16.decode(bits)).toBe(value);
    expect(f16.decode(0x7e01)).toBeNaN();
    expect(Object.is(f16.decode(0x8000), -0)).toBe(true);
  });

  it.each(['f16', 'bf16'] as const)('encodes every %s value to itself', (dtype) => {
    const float = narrowFloat(dtype);
    for (let bits = 0; bits < 65_536; bits++) {
      const value = float.decode(bits);
      if (Number.isNaN(value)) expect(float.decode(float.encode(value))).toBeNaN();
      else if (float.encode(value) !== bits) expect.fail(`${bits} became ${float.encode(value)}`);
    }
  });

  it.each(['f16', 'bf16'] as const)(
    'rounds %s midpoints to even and their neighbours to the nearest',
    (dtype) => {
      const float = narrowFloat(dtype);
      for (let bits = 0; bits < float.infinityBits - 1; bits++) {
        const middle = (float.decode(bits) + float.decode(bits + 1)) / 2;
        const step = middle * 2 ** -50;
        const even = bits % 2 === 0 ? bits : bits + 1;
        if (float.encode(middle) !== even) expect.fail(`middle after ${bits}`);
        if (float.encode(middle + step) !== bits + 1) expect.fail(`above the middle after ${bits}`);
        if (float.encode(-(middle - step)) !== (bits | 0x8000)) expect.fail(`below the middle after ${bits}`);
      }
    },
  );

  it('rounds 65519.99 down, 65520 to infinity, and tiny values to zero or the least subnormal', () => {
    expect(f16.encode(65519.99)).toBe(0x7bff);
    expect(f16.encode(65520)).toBe(0x7c00);
    expect(f16.encode(2 ** -25)).toBe(0);
    expect(f16.encode(2 ** -25 * 1.0001)).toBe(1);
    expect(f16.encode(-(2 ** -26))).toBe(0x8000);
    expect(f16.encode(5e-324)).toBe(0);
  });

  it('agrees with bit-twiddled bf16 on FP32 values', () => {
    for (let i = 0; i < 20_000; i++) {
      const value = Math.fround(Math.sin(i) * 2 ** ((i % 250) - 130));
      if (bf16.encode(value) !== bf16FromFloat32(value)) expect.fail(`${value}`);
    }
  });

  it('gives the spacing at a value', () => {
    expect(f16.ulp(1)).toBe(2 ** -10);
    expect(f16.ulp(-1.99)).toBe(2 ** -10);
    expect(f16.ulp(2)).toBe(2 ** -9);
    expect(f16.ulp(0)).toBe(2 ** -24);
    expect(bf16.ulp(1)).toBe(2 ** -7);
  });
});

describe('roundHalfEven', () => {
  it('takes ties to even', () => {
    expect([0.5, 1.5, 2.5, 2.4999, 3.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, 4]);
  });
});
