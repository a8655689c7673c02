import type { ActivationDtype } from './dtype.ts';

export type TargetId = 'sm80' | 'sm90' | 'webgpu';

/** compact: outlier columns are cut out of the integer part. in-place: they stay, with weight code 0. */
export type ColumnMode = 'compact' | 'in-place';

/** What happens to a row before it is quantised. The result is rounded to the activation dtype first (docs/numerics.md). */
export type Prologue =
  | { readonly op: 'none' }
  | { readonly op: 'rms-norm'; readonly eps: number }
  | { readonly op: 'silu-mul' };

/** What is added in FP32 before y is rounded. Bias needs no entry: it is part of the column meta, 0 where absent. */
export type EpilogueOp = { readonly op: 'residual' };

/**
 * y[m,n] = dequantised base product + outlier product + bias (+ residual), see docs/numerics.md.
 * `k` counts all input features, `outliers` those of them kept in 16 bit.
 */
export interface LinearProblem {
  readonly family: 'linear';
  readonly target: TargetId;
  readonly n: number;
  readonly k: number;
  readonly outliers: number;
  readonly weightBits: 4 | 8;
  readonly activationBits: 4 | 8;
  readonly dtype: ActivationDtype;
  readonly columns: ColumnMode;
  readonly epilogue: readonly EpilogueOp[];
}

/** Row-wise prologue, asymmetric quantisation of the base columns, copy of the outlier columns. */
export interface QuantizeProblem {
  readonly family: 'quantize';
  readonly target: TargetId;
  readonly k: number;
  readonly outliers: number;
  readonly bits: 4 | 8;
  readonly dtype: ActivationDtype;
  readonly columns: ColumnMode;
  readonly prologue: Prologue;
}

/** What a kernel has to compute, for any schedule: the key of tuning records. */
export type ProblemSpec = LinearProblem | QuantizeProblem;

/** Whether a residual is added before y is rounded. */
export function addsResidual({ epilogue }: LinearProblem): boolean {
  return epilogue.some(({ op }) => op === 'residual');
}

/** Number of base columns before padding. */
export function baseColumns(problem: ProblemSpec): number {
  return problem.columns === 'compact' ? problem.k - problem.outliers : problem.k;
}
