/** How the weights of a linear are stored. `size` groups share a scale along K. */
export interface WeightScheme {
  readonly bits: 2 | 4 | 8 | 16;
  readonly format: 'int' | 'fp8';
  readonly grouping: 'channel' | { readonly size: number };
  readonly zeroPoint: boolean;
  readonly scaleType: 'f32' | 'f16';
  /** Order of K inside the packed weight: natural, or by rising importance (GPTQ's act-order). */
  readonly order: 'natural' | 'act-order';
  /** search: the scale is shrunk where that lowers the error of the row (QUIK's clip search). */
  readonly clip: 'none' | 'search';
}

/** How the activations that enter a linear are stored; `none` leaves them in the model's dtype. */
export type ActivationScheme =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'int';
      readonly bits: 4 | 8;
      readonly symmetry: 'symmetric' | 'asymmetric';
      readonly granularity: 'token' | 'tensor';
      readonly range: 'dynamic' | 'static';
    }
  | { readonly kind: 'fp8' };

/** How many outlier columns a layer gets. proportional: count·K/hidden, to the nearest multiple of 16. */
export type OutlierRule =
  | { readonly rule: 'uniform'; readonly count: number }
  | { readonly rule: 'proportional'; readonly count: number; readonly hidden: number };

/**
 * Which columns they are. Columns are data, never text of a kernel: `placeholder` ones are filled in by whoever
 * has calibrated the model. `lists` has one sorted list, or one per repetition of the block.
 */
export type OutlierColumns =
  | { readonly kind: 'placeholder' }
  | { readonly kind: 'listed'; readonly lists: readonly (readonly number[])[] };

/** The outlier columns of one layer, as a pass has settled them. */
export interface Outliers {
  readonly count: number;
  readonly columns: OutlierColumns;
  /** What ranked the columns; quikc does not know for placeholders. */
  readonly score: 'given' | 'unknown';
  readonly chosenBy: 'none' | 'uniform' | 'proportional' | 'listed';
}

export type SparsityPattern =
  | { readonly pattern: 'dense' }
  | { readonly pattern: '2:4' }
  | { readonly pattern: '4:8-pairs' }
  | { readonly pattern: 'unstructured'; readonly density: number };

/** Measured zeros (0…1) are known only where weights were read. */
export type Sparsity = SparsityPattern & { readonly measuredZeros?: number };

export type Transform = 'none' | 'permutation' | 'hadamard';

/** Tensor parallelism: one device's part of a linear, along N (column) or K (row). */
export type Shard =
  | { readonly kind: 'none' }
  | { readonly kind: 'column' | 'row'; readonly index: number; readonly count: number };

/** How a linear is quantised, in orthogonal fields. Passes annotate `outliers` and `sparsity` per layer. */
export interface Scheme {
  readonly weight: WeightScheme;
  readonly activation: ActivationScheme;
  readonly transform: Transform;
  readonly outliers?: Outliers;
  readonly sparsity?: Sparsity;
}

function quik(bits: 4 | 8): Scheme {
  return {
    weight: {
      bits,
      format: 'int',
      grouping: 'channel',
      zeroPoint: false,
      scaleType: 'f32',
      order: 'natural',
      clip: 'search',
    },
    activation: { kind: 'int', bits, symmetry: 'asymmetric', granularity: 'token', range: 'dynamic' },
    transform: 'none',
  };
}

/** Left as it is: 16-bit weights and activations. */
const f16: Scheme = {
  weight: {
    bits: 16,
    format: 'int',
    grouping: 'channel',
    zeroPoint: false,
    scaleType: 'f32',
    order: 'natural',
    clip: 'none',
  },
  activation: { kind: 'none' },
  transform: 'none',
};

/** Schemes by name. A preset is a value like any other; only the frontend and choose-scheme ask for one by name. */
export const presets = { 'quik-4b': quik(4), 'quik-8b': quik(8), f16 } as const satisfies Record<
  string,
  Scheme
>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as readonly PresetName[];

export const noOutliers: Outliers = {
  count: 0,
  columns: { kind: 'placeholder' },
  score: 'unknown',
  chosenBy: 'none',
};

/** True where weights and activations are integers: what quikc computes itself. */
export function isQuantised(scheme: Scheme): boolean {
  return scheme.weight.bits !== 16 && scheme.activation.kind === 'int';
}

/** w4a4, w8a8, w4a16, …: the two widths at a glance. */
export function schemeName(scheme: Scheme): string {
  const { activation, weight } = scheme;
  const activationBits =
    activation.kind === 'none' ? 16 : activation.kind === 'fp8' ? 'fp8' : activation.bits;
  return `w${weight.format === 'fp8' ? 'fp8' : weight.bits}a${activationBits}`;
}

/** Outlier columns that a rule gives a layer of K features. */
export function outlierCount(rule: OutlierRule, k: number): number {
  return rule.rule === 'uniform' ? rule.count : Math.round((rule.count * k) / rule.hidden / 16) * 16;
}
