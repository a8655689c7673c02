import { addGram } from '../../../compiler/linear-algebra/add-gram.ts';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import type { LinearWeights } from '../../../compiler/quantise/linear-weights.ts';
import { performQuantise, type QuantiseJob } from '../../../compiler/quantise/perform-quantise.ts';
import { outlierColumns } from '../../../compiler/reference/outlier-columns.ts';
import { noise32, noise64 } from '../linear-algebra/noise.ts';

export const threads = oneThread<QuantiseJob>(performQuantise);

/** Inputs that hang together, some columns much larger than others: [tokens, K]. */
export function exampleInputs(k: number, tokens: number): Float64Array {
  const x = noise64(tokens * k, 21);
  for (let row = 0; row < tokens; row++)
    for (let i = 1; i < k; i++)
      x[row * k + i] = (0.6 * x[row * k + i - 1]! + x[row * k + i]!) * (i % 37 === 5 ? 3 : 1);
  return x;
}

export function exampleGram(k: number, tokens = 2 * k): Float64Array {
  const gram = new Float64Array(k * k);
  addGram(threads, exampleInputs(k, tokens), k, gram);
  return gram;
}

export function exampleLinear(
  n: number,
  k: number,
  outliers: number,
  given: Partial<LinearWeights> = {},
): LinearWeights {
  return {
    ...{ weights: noise32(n * k, 22), n, k, outlierColumns: outlierColumns(k, outliers, 3) },
    ...{ bits: 4, clip: false, dtype: 'f16', ...given },
  };
}

export function unwrap<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown },
): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
