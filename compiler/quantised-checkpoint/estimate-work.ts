import { countProducts } from '../calibrate/count-products.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { PlannedGroup, PlannedLayer } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';
import type { StatisticsSource } from './quantise-model.ts';

/** Of a thread that has a core to itself, with all that is done beside products (docs/quantising.md, By PyTorch). */
const productsPerSecond = 4e9;
const patienceSeconds = 2 * 60 * 60;

/**
 * Multiply-adds of what is left of a plan, roughly: the walk and XᵀX, if no file has them, factors of Hessians and rows. The search of
 * scales, which no product is, is left out.
 */
export function estimateWork(
  plan: readonly PlannedLayer[],
  source: StatisticsSource,
  { method, propagate }: Pick<QuantiseMethod, 'method' | 'propagate'>,
  isDone: (at: number, index: number) => boolean,
): number {
  const last = plan.findLastIndex(({ groups }) => groups.length > 0);
  let sum = 0;
  for (const [at, { layer, groups }] of plan.slice(0, last + 1).entries()) {
    const left = groups.filter((_, index) => !isDone(at, index));
    if (method === 'gptq') sum += left.reduce((products, group) => products + countGptq(group), 0);
    if (source.kind === 'file' || (left.length === 0 && groups.length > 0)) continue;
    const passed = { ...layer, groups: left.map(({ group }) => group) };
    const tokens = source.tokens.window * source.tokens.count;
    sum += tokens * countProducts(passed, at < last, method === 'gptq');
    if (propagate && at < last) sum += tokens * countProducts(passed, true, false);
  }
  return sum;
}

/** Of linears that keep the same columns: K³ / 3 of the factor, for each row K² / 2 of what columns hand on to those after them. */
function countGptq({ group: { k }, linears }: PlannedGroup): number {
  return k ** 3 / 3 + linears.reduce((sum, { n }) => sum + (n * k ** 2) / 2, 0);
}

/** QK199 where the work takes so long that a GPU had better do it. */
export function warnOfWork(multiplyAdds: number, threads: number): Diagnostic | undefined {
  const seconds = multiplyAdds / (threads * productsPerSecond);
  if (seconds <= patienceSeconds) return undefined;
  const on = threads === 1 ? 'one thread' : `${threads} threads`;
  const message = `${multiplyAdds.toExponential(1).replace('+', '')} multiply-adds are to be done: some ${formatHours(seconds)} hours on ${on}`;
  return diagnose('QK199', { message });
}

function formatHours(seconds: number): string {
  const hours = seconds / 3600;
  return hours < 10 ? hours.toFixed(1) : hours.toFixed(0);
}
