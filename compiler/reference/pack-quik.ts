import { type PackedLinear, packQuantised } from './pack-quantised.ts';
import { type FloatWeights, type QuantiseOptions, quantiseLinear } from './quantise-linear.ts';

export type { PackedLinear } from './pack-quantised.ts';

/** One linear's weights as a checkpoint has them. */
export interface LinearWeights extends FloatWeights {
  /** [N]; zeros where absent. */
  readonly bias?: Float32Array;
}

export interface PackOptions extends QuantiseOptions {
  readonly columns: 'compact' | 'in-place';
}

/** Reference packer: quantises the base columns, keeps the outlier columns in 16 bit, orders both for the MMAs. */
export function packQuik(linear: LinearWeights, options: PackOptions): PackedLinear {
  const { dtype, columns } = options;
  return packQuantised(quantiseLinear(linear, options), { dtype, columns, bias: linear.bias });
}
