import type { Warp } from './probe.ts';

/** A deterministic stream of 32-bit words (xorshift32). Vectors keep their inputs: a change here only adds new ones. */
export function words(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** Registers of one round, each lane's word from its own call. */
export function warpOf(count: number, next: (register: number, lane: number) => number): Warp {
  return Array.from({ length: count }, (_, register) =>
    Uint32Array.from({ length: 32 }, (_, lane) => next(register, lane)),
  );
}

const edgeIntegers = [
  0, 1, 2, 7, 31, 32, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0x80000001,
];
const edgeFloats = [
  ...[
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000,
    0x7f7fffff,
  ],
  ...[
    0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0x4b000000, 0x4b800000, 0x3f7fffff,
    0x3f800001,
  ],
];

/** Pairs of edge cases against each other in the first rounds, then noise. */
function mixed(edges: readonly number[], count: number, rounds: number, seed: number, noise = words(seed)) {
  return Array.from({ length: rounds }, (_, round) =>
    warpOf(count, (register, lane) => {
      if (round * 2 >= rounds) return noise();
      const index = round * 32 + lane;
      const step =
        register === 0 ? index : Math.floor(index / edges.length) + register * 5 + index * register;
      return edges[step % edges.length] ?? 0;
    }),
  );
}

export function integers(count: number, rounds = 4, seed = 1): readonly Warp[] {
  return mixed(edgeIntegers, count, rounds, seed);
}

/** Floats of all magnitudes, NaN, infinities, subnormals and both zeros among them. */
export function floats(count: number, rounds = 6, seed = 2): readonly Warp[] {
  return mixed(edgeFloats, count, rounds, seed);
}

/** Floats of moderate magnitude: 2^low ≤ |x| < 2^high, of both signs or positive only. */
export function moderate(
  count: number,
  low: number,
  high: number,
  positive = false,
  seed = 3,
): readonly Warp[] {
  const next = words(seed);
  return Array.from({ length: 4 }, () =>
    warpOf(count, () => {
      const exponent = 127 + low + (next() % (high - low));
      return ((next() & (positive ? 0x007fffff : 0x807fffff)) | (exponent << 23)) >>> 0;
    }),
  );
}

/** Values near every rounding boundary of a narrower format with `dropped` fraction bits fewer than f32. */
export function roundingEdges(
  count: number,
  dropped: number,
  lowest: number,
  highest: number,
): readonly Warp[] {
  const next = words(dropped + count);
  const half = 1 << (dropped - 1);
  const tails = [0, 1, half - 1, half, half + 1, 2 * half - 1];
  const round = () =>
    warpOf(count, (_, lane) => {
      const exponent = 127 + lowest + (next() % (highest - lowest + 1));
      const kept = lane % 5 === 0 ? 0x7fffff >>> dropped : next() & (0x7fffff >>> dropped);
      const tail = tails[next() % tails.length] ?? 0;
      return (((next() & 1) << 31) | (exponent << 23) | (kept << dropped) | tail) >>> 0;
    });
  return [round(), round(), round()];
}

/** Word `index` of a round as it lies in memory. */
export function flat(inputs: Warp, index: number): number {
  return inputs[index >> 5]?.[index & 31] ?? 0;
}
