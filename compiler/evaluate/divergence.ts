import { type Matrix, rowOf } from '../reference/float-model/matrix.ts';
import { logSumExp } from './log-sum-exp.ts';

/**
 * Mean over rows of the Kullback-Leibler divergence from what `expected` foresees to what `logits` do, in nats: what is lost on average over all
 * tokens that might follow, in place of the one that does. A few hundred rows tell it as well as many thousands tell a perplexity.
 */
export function divergence(expected: Matrix, logits: Matrix): number {
  let sum = 0;
  for (let row = 0; row < expected.rows; row++) {
    const [p, q] = [rowOf(expected, row), rowOf(logits, row)];
    const [pBase, qBase] = [logSumExp(p), logSumExp(q)];
    for (let i = 0; i < p.length; i++) {
      const logP = (p[i] ?? 0) - pBase;
      sum += Math.exp(logP) * (logP - ((q[i] ?? 0) - qBase));
    }
  }
  return sum / Math.max(1, expected.rows);
}
