import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { rmsNormRoundings } from '../../../reference/tolerance.ts';
import type { QuantizeCover } from '../cover.ts';

/** A row a CTA, by its x. */
export function cudaCover({ problem, schedule }: SpecOf<'quantize', 'cuda'>): QuantizeCover {
  return {
    rowsOf: ([row], m) => (row < m ? [row] : []),
    normRoundings: rmsNormRoundings(problem.k, schedule.threads),
  };
}
