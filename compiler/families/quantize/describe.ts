import type { QuantizeProblem } from '../../../ir/problem.ts';

/** The columns and the outliers among them, on one line of a table. */
export function describeQuantize({ bits, k, outliers, prologue }: QuantizeProblem): string {
  const before = prologue.op === 'none' ? '' : `${prologue.op} `;
  return `${before}quantize a${bits} ${k} (${outliers} outliers)`;
}
