import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import {
  wgslCodeRoundings,
  wgslRmsNormRoundings,
  wgslScaleRoundings,
  wgslSiluMulRoundings,
} from '../../../reference/tolerance.ts';
import type { QuantizeCover } from '../cover.ts';

/** A row a workgroup, by its x and, from 65,535 rows on, its y. */
export function wgslCover({ problem, schedule }: SpecOf<'quantize', 'wgsl'>): QuantizeCover {
  return {
    rowsOf: ([x, y], m) => (x + 65_535 * y < m ? [x + 65_535 * y] : []),
    roundings: {
      prologue: { norm: wgslRmsNormRoundings(problem.k, schedule), silu: wgslSiluMulRoundings },
      scale: wgslScaleRoundings,
      code: wgslCodeRoundings,
    },
  };
}
