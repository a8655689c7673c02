import type { ActivationDtype } from '../../ir/dtype.ts';
import type { QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { outputChannels } from '../../ir/graph.ts';
import type { LinearProblem, QuantizeProblem, TargetId } from '../../ir/problem.ts';
import { assert } from '../support/assert.ts';

/** What must be equal for two layers to share a kernel, beyond the node itself. */
export interface ProblemContext {
  readonly target: TargetId;
  readonly dtype: ActivationDtype;
}

export function lowerQuantize(node: QuantizeNode, { target, dtype }: ProblemContext): QuantizeProblem {
  assert(node.columns !== undefined, 'choose-columns ran before lowering');
  return {
    family: 'quantize',
    target,
    k: node.k,
    outliers: node.outliers,
    bits: node.bits,
    dtype,
    columns: node.columns.mode,
    prologue: node.prologue,
  };
}

export function lowerLinear(node: QuikLinearNode, { target, dtype }: ProblemContext): LinearProblem {
  const { weight, activation, outliers } = node.scheme;
  assert(node.columns !== undefined && outliers !== undefined, 'choose-columns ran before lowering');
  assert(
    activation.kind === 'int' && (weight.bits === 4 || weight.bits === 8),
    'choose-scheme ran before lowering',
  );
  return {
    family: 'linear',
    target,
    n: outputChannels(node),
    k: node.k,
    outliers: outliers.count,
    weightBits: weight.bits,
    activationBits: activation.bits,
    dtype,
    columns: node.columns.mode,
    epilogue: node.residual === undefined ? [] : [{ op: 'residual' }],
  };
}
