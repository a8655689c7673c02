import type { CtaIndex } from '../family.ts';

/** How a kernel's CTAs (in WGSL workgroups) cover the rows, and how its norm rounds: what comparing has to know of it. */
export interface QuantizeCover {
  /** Token rows that a CTA quantises. */
  rowsOf(cta: CtaIndex, m: number): readonly number[];
  /** Roundings of a value before it is rounded to the activation dtype, where the prologue is rms-norm. */
  readonly normRoundings: number;
}
