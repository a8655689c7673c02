import type { ColumnOrder } from '../quantise/order-columns.ts';

/** How codes are made. */
export interface QuantiseMethod {
  readonly method: 'rtn' | 'gptq';
  /** GPTQ: a part of the Hessian's mean diagonal. */
  readonly damping: number;
  /** GPTQ: in which order columns are rounded. */
  readonly order: ColumnOrder['kind'];
  /** Which tokens' max |x| ranks columns: those after the first of each window, or all. */
  readonly score: 'rest' | 'all';
  /** Lets each layer see what became of those before it, as GPTQ does; else all see the float model's inputs. */
  readonly propagate: boolean;
  /** A linear none of whose inputs exceeds it keeps no outlier columns; twice that at 8 bits (QUIK's T). */
  readonly threshold: number;
}
