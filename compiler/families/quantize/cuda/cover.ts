import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import {
  codeRoundings,
  rmsNormRoundings,
  scaleRoundings,
  siluMulRoundings,
} from '../../../reference/tolerance.ts';
import type { QuantizeCover } from '../cover.ts';

/** A row a CTA, by its x. */
export function cudaCover({ problem, schedule }: SpecOf<'quantize', 'cuda'>): QuantizeCover {
  return {
    rowsOf: ([row], m) => (row < m ? [row] : []),
    roundings: {
      prologue: { norm: rmsNormRoundings(problem.k, schedule.threads), silu: siluMulRoundings },
      scale: scaleRoundings,
      code: codeRoundings,
    },
  };
}
