import type { ActivationDtype } from '../../ir/dtype.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { quantiseLinear } from '../reference/quantise-linear.ts';
import { fail, succeed } from '../support/result.ts';
import type { QuantisedWeights } from './quantised-weights.ts';

/**
 * A float model's weights, quantised when they are asked for: rounded to the nearest code, with the clip search where the
 * scheme has it. QK190 where outlier columns are to be kept and nobody has named them.
 */
export function roundWeights(read: ReadWeight<Diagnostic>, dtype: ActivationDtype): QuantisedWeights {
  return {
    read,
    linear({ name, layer, n, k, bits, clip, weight, outlierColumns, outliers }) {
      if (weight === undefined)
        return fail(diagnose('QK191', { message: `the model names no weight of ${name}` }));
      if (outlierColumns === undefined) {
        const message = `${name} keeps ${outliers} outlier columns, and the model does not list them`;
        return fail(diagnose('QK190', { message }));
      }
      const values = read(weight, layer);
      if (!values.ok) return values;
      return succeed(quantiseLinear({ n, k, weights: values.value, outlierColumns }, { bits, dtype, clip }));
    },
  };
}
