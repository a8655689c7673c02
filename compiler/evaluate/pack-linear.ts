import type { ActivationDtype } from '../../ir/dtype.ts';
import type { QuikLinearNode } from '../../ir/graph.ts';
import { packQuantised } from '../reference/pack-quantised.ts';
import type { Buffers } from './launch-ptx.ts';
import type { LinearOperands } from './linear-operands.ts';
import { bytesOfArray } from './row-bytes.ts';

/** The weight-side arguments of a linear's kernels, in memory that threads share. */
export function packLinear(
  node: QuikLinearNode,
  { weights, bias }: LinearOperands,
  dtype: ActivationDtype,
): Buffers {
  const columns = node.columns?.mode ?? 'compact';
  const packed = packQuantised(weights, { dtype, columns, bias });
  return {
    weights: bytesOfArray(packed.weights),
    column_meta: bytesOfArray(packed.columnMeta),
    outlier_weights: bytesOfArray(packed.outlierWeights),
  };
}
