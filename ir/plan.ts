import type { ActivationDtype } from './dtype.ts';
import type { Formula } from './formula.ts';
import type { Origin, Repetition, TokenRange, WeightReference } from './graph.ts';
import type { LinearProblem, ProblemSpec, QuantizeProblem, TargetId } from './problem.ts';
import type { OutlierColumns, Scheme } from './quant-scheme.ts';

/** Hash of a problem's canonical JSON: the key of tuning records. */
export type ProblemHash = string & { readonly brand: 'ProblemHash' };

/** A distinct problem and the layers it serves, e.g. `layers.0-31.mlp.down_proj`. */
export interface PlannedProblem<P extends ProblemSpec = ProblemSpec> {
  readonly hash: ProblemHash;
  readonly problem: P;
  readonly serves: readonly string[];
  /** JSON pointers of the nodes behind it. */
  readonly origins: readonly Origin[];
}

/** A kernel to launch for one problem of a site. */
export interface SiteLaunch {
  readonly problem: ProblemHash;
  readonly kernel: string;
}

/** The launches that serve every M from `from` to `to`, in order; without `to`, every larger M. */
export interface Bucket {
  readonly from: number;
  readonly to?: number;
  /** The variant whose kernels these are; absent where the target has no variants. */
  readonly variant?: string;
  readonly launches: readonly SiteLaunch[];
}

/**
 * A quantize and the linears that share its result. Sites with equal problems are one, however many layers use
 * it. `buckets` is empty until schedules are chosen; then those of each variant cover `tokens` without a gap.
 */
export interface Site {
  /** Readable and unique in the plan, e.g. `gate_up_proj`. */
  readonly id: string;
  readonly quantize: PlannedProblem<QuantizeProblem>;
  readonly linears: readonly PlannedProblem<LinearProblem>[];
  readonly tokens: TokenRange;
  readonly buckets: readonly Bucket[];
  /** Why base columns are compact or in place, in sentences. */
  readonly reasons: readonly string[];
}

/** Rows of a packed weight that come from one linear of the model. */
export interface PackedRows {
  readonly name: string;
  readonly origin: Origin;
  readonly firstRow: number;
  readonly rows: number;
  readonly weight?: WeightReference;
  readonly bias?: WeightReference;
}

/** A buffer of a block, by its index in {@link PlannedBlock.buffers}. */
export type BufferIndex = number;

/** One launch of a site's quantize or linear, or an operation of the host's. */
export type Step =
  | {
      readonly kind: 'quantize';
      readonly node: string;
      readonly site: string;
      readonly problem: ProblemHash;
      readonly input: BufferIndex;
      readonly codes: BufferIndex;
      readonly meta: BufferIndex;
      /** Absent without outliers. */
      readonly outliers?: BufferIndex;
      /** The norm's weight. */
      readonly prologueWeight?: WeightReference;
      /** One sorted list, or one per repetition; placeholders where nobody has calibrated the model. */
      readonly outlierColumns: OutlierColumns;
    }
  | {
      readonly kind: 'linear';
      readonly node: string;
      readonly site: string;
      readonly problem: ProblemHash;
      readonly scheme: Scheme;
      readonly codes: BufferIndex;
      readonly meta: BufferIndex;
      readonly outliers?: BufferIndex;
      readonly residual?: BufferIndex;
      readonly output: BufferIndex;
      readonly parts: readonly PackedRows[];
    }
  | {
      readonly kind: 'host';
      readonly node: string;
      readonly op: string;
      readonly reads: readonly HostOperand[];
      readonly output: BufferIndex;
      /** What the host has to compute, with its numbers. */
      readonly meaning: string;
    };

/** Columns [offset, offset + features) of a buffer's rows. */
export interface HostOperand {
  readonly buffer: BufferIndex;
  readonly offset: number;
  readonly features: number;
}

/** Memory that lives from step `from` to step `to` of a block; buffers of one slot share their bytes. */
export interface PlannedBuffer {
  readonly name: string;
  readonly bytes: Formula;
  readonly slot: number;
  readonly from: number;
  readonly to: number;
}

export interface PlannedBlock {
  readonly name: string;
  readonly prefix: string;
  readonly origin: Origin;
  readonly repeat?: Repetition;
  readonly steps: readonly Step[];
  readonly buffers: readonly PlannedBuffer[];
  readonly input: BufferIndex;
  readonly output: BufferIndex;
  /**
   * in-place: the output lies where the input was. swap: input and output change roles at each repetition.
   * moved: the block runs once, and what follows finds its input in the output's slot.
   */
  readonly carry: 'in-place' | 'swap' | 'moved';
  /** Most bytes live at once within the block, its input and output included. */
  readonly peakBytes: Formula;
}

/** The launches of one block and of the whole model for one target. Attention and its cache are the host's. */
export interface Plan {
  readonly model: string;
  readonly target: TargetId;
  readonly dtype: ActivationDtype;
  readonly weightFiles: readonly string[];
  readonly sites: readonly Site[];
  readonly blocks: readonly PlannedBlock[];
  /** Most bytes live at once over the whole model: activations only, no weights, no KV cache, no split-K workspace. */
  readonly peakBytes: Formula;
  /** Slots of the arena that every block shares: bytes of each, for its largest buffer in any block. */
  readonly slots: readonly Formula[];
  /** Layers whose outlier columns are placeholders: every report says so. */
  readonly placeholderLayers: readonly string[];
}
