import type { SpecOf } from '../../../ir/kernel-spec.ts';
import type { CtaIndex } from '../family.ts';

/** Token rows that CTA `cta` quantises: one, by its x. */
export function rowsOfCta(_spec: SpecOf<'quantize'>, cta: CtaIndex, m: number): readonly number[] {
  return cta[0] < m ? [cta[0]] : [];
}
