import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';

export interface Heads {
  readonly kvHeads: number;
  readonly headDim: number;
}

/** The numbers of heads and their size with defaults filled in, and what does not divide (QK114). */
export function settleHeads(facts: {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads?: number | undefined;
  readonly headDim?: number | undefined;
}): { readonly heads: Heads; readonly faults: readonly Diagnostic[] } {
  const faults: Diagnostic[] = [];
  const { hidden, heads } = facts;
  const kvHeads = facts.kvHeads ?? heads;
  const headDim = facts.headDim ?? hidden / heads;
  if (!Number.isInteger(headDim)) {
    faults.push(
      diagnose('QK114', {
        pointer: '/facts/heads',
        message: `hidden ${hidden} is not a multiple of heads ${heads}`,
        hint: 'correct one of them, or give "headDim"',
      }),
    );
  } else if (headDim % 2 !== 0) {
    const pointer = facts.headDim === undefined ? '/facts/heads' : '/facts/headDim';
    faults.push(
      diagnose('QK114', {
        pointer,
        message: `headDim ${headDim} is odd`,
        hint: 'rope turns pairs of features: headDim must be even',
      }),
    );
  }
  if (heads % kvHeads !== 0) {
    faults.push(
      diagnose('QK114', {
        pointer: '/facts/kvHeads',
        message: `heads ${heads} is not a multiple of kvHeads ${kvHeads}`,
      }),
    );
  }
  return { heads: { kvHeads, headDim }, faults };
}
