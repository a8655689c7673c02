import type { CtaIndex, QuantizeRoundings } from '../family.ts';

/** How a kernel's CTAs (in WGSL workgroups) cover the rows, and how it rounds: what comparing has to know of it. */
export interface QuantizeCover {
  /** Token rows that a CTA quantises. */
  rowsOf(cta: CtaIndex, m: number): readonly number[];
  readonly roundings: QuantizeRoundings;
}
