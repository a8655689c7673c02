/**
 * What is kept of a linear's base columns: all; of each four the two that matter most (8-bit tensor cores); of each eight two
 * pairs of neighbours (4-bit tensor cores). Groups are of neighbours among the base columns in their natural order, as weights are packed.
 */
export type Sparsity = 'dense' | '2:4' | '4:8-pairs';

interface Pattern {
  /** Columns of a group. */
  readonly group: number;
  /** Columns that live or die together. */
  readonly unit: number;
}

export const patterns: Readonly<Record<Exclude<Sparsity, 'dense'>, Pattern>> = {
  '2:4': { group: 4, unit: 1 },
  '4:8-pairs': { group: 8, unit: 2 },
};

/** Units that are kept of a group. */
const kept = 2;

/**
 * Sets `keep` to 1 for the columns of one group that are kept, 0 for others. `saliency`: what the loss grows by if a column is lost, at
 * least 0; a unit's is their sum. Of equal units the first stays. The last group may have fewer columns: what is missing counts as lost.
 */
export function pruneGroup({ unit }: Pattern, saliency: Float64Array, keep: Uint8Array): void {
  const units = Math.ceil(saliency.length / unit);
  const of = (index: number): number => {
    let sum = 0;
    for (let i = index * unit; i < Math.min(saliency.length, (index + 1) * unit); i++)
      sum += saliency[i] ?? 0;
    return sum;
  };
  for (let index = 0; index < units; index++) {
    let better = 0;
    for (let other = 0; other < units; other++)
      if (of(other) > of(index) || (of(other) === of(index) && other < index)) better++;
    keep.fill(better < kept ? 1 : 0, index * unit, Math.min(saliency.length, (index + 1) * unit));
  }
}
