import type { ColumnMode } from '../../ir/problem.ts';

/** What may become of linears that read one value. */
export interface Candidate {
  /** Of weights and activations. */
  readonly bits: 4 | 8;
  /** How many outlier columns they keep. */
  readonly outliers: number;
}

/** The same with what it takes and what it costs. */
export interface RatedCandidate extends Candidate {
  /** The cheaper way to leave outlier columns out of the integer part. */
  readonly columns: ColumnMode;
  /** Modelled time of its kernels. */
  readonly microseconds: number;
  /** Of weights, scales and outlier weights, as kernels read them. */
  readonly storedBits: number;
  /** What it is expected to add to the mean of -ln p. */
  readonly loss: number;
}

const counts = [0, 8, 16, 32, 64, 128, 256, 512, 1024] as const;
/** A column in 16 bit takes as much as four in 4: beyond a quarter of K, 8 bits for all is the better bargain. */
const largestShare = 1 / 4;

/** What is tried for linears of K input features. */
export function listCandidates(k: number): readonly Candidate[] {
  const fitting = counts.filter((outliers) => outliers <= k * largestShare);
  return ([4, 8] as const).flatMap((bits) => fitting.map((outliers) => ({ bits, outliers })));
}

/** Bits that a linear's weights take as its kernel reads them, scales and sums of codes among them, padding not. */
export function storedBits(
  n: number,
  k: number,
  { bits, outliers, columns }: Candidate & Pick<RatedCandidate, 'columns'>,
): number {
  const integers = columns === 'compact' ? k - outliers : k;
  return n * (bits * integers + 16 * outliers + 64);
}

/** Tells candidates apart: `w4 f32`. */
export function candidateKey({ bits, outliers }: Candidate): string {
  return `w${bits} f${outliers}`;
}
