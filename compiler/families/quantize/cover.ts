import type { PrologueRoundings } from '../../reference/prologue.ts';
import type { CtaIndex } from '../family.ts';

/** Roundings of docs/numerics.md, 1 and 2, that a kernel's arithmetic comes to. */
export interface QuantizeRoundings {
  readonly prologue: PrologueRoundings;
  readonly scale: number;
  readonly code: number;
}

/** How a kernel's CTAs (in WGSL workgroups) cover the rows, and how it rounds: what comparing has to know of it. */
export interface QuantizeCover {
  /** Token rows that a CTA quantises. */
  rowsOf(cta: CtaIndex, m: number): readonly number[];
  readonly roundings: QuantizeRoundings;
}
