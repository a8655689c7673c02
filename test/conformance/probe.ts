/** Registers of one warp: each holds a 32-bit word a lane. */
export type Warp = readonly Uint32Array[];

/** What an output register holds; NaN equals NaN in the float kinds, since PTX leaves payloads open. */
export type OutputKind = 'b32' | 'f32' | 'f16x2' | 'bf16x2';

/** Where a result must lie. Infinite, zero and NaN results are exact: `bound` is 0. */
export interface Interval {
  readonly value: number;
  readonly bound: number;
}

export type Reference =
  /** Every bit is given by the PTX ISA. */
  | { readonly kind: 'exact'; readonly of: (inputs: Warp) => Warp }
  /** f32 results within a documented error; `source` says where that is documented. */
  | {
      readonly kind: 'bounded';
      readonly source: string;
      readonly of: (inputs: Warp) => readonly (readonly Interval[])[];
    };

/**
 * One instruction form, on one warp a round. The body finds inputs in %a0…, leaves results in %d0…, and may use the
 * registers and addresses that probe-module.ts declares.
 */
export interface Probe {
  readonly name: string;
  /** Spellings, as PTX has them, for which this is the evidence. */
  readonly covers: readonly string[];
  readonly body: string;
  readonly declarations?: string;
  readonly outputs: readonly OutputKind[];
  /** The data of each round: the input registers. */
  readonly rounds: readonly Warp[];
  readonly reference: Reference;
}

/** An exact probe that treats every lane alike: `of` maps a lane's input words to its output words. */
export function perLane(
  name: string,
  covers: readonly string[],
  body: string,
  rounds: readonly Warp[],
  outputs: readonly OutputKind[],
  of: (...words: number[]) => readonly number[],
): Probe {
  const reference = (inputs: Warp): Warp => {
    const results = Array.from({ length: 32 }, (_, lane) => of(...inputs.map((word) => word[lane] ?? 0)));
    return outputs.map((_, index) => Uint32Array.from(results, (words) => words[index] ?? 0));
  };
  return { name, covers, body, outputs, rounds, reference: { kind: 'exact', of: reference } };
}

/** A probe of a float function that the hardware approximates: f32 in, f32 out. */
export function approximation(
  spelling: string,
  source: string,
  rounds: readonly Warp[],
  of: (...words: number[]) => Interval,
): Probe {
  const operands = (rounds[0] ?? []).map((_, index) => `%a${index}`).join(', ');
  return {
    name: spelling.replaceAll('.', '-'),
    covers: [spelling],
    body: `${spelling} %d0, ${operands};`,
    outputs: ['f32'],
    rounds,
    reference: {
      kind: 'bounded',
      source,
      of: (inputs) => [Array.from({ length: 32 }, (_, lane) => of(...inputs.map((word) => word[lane] ?? 0)))],
    },
  };
}
