import type { ActivationDtype } from './dtype.ts';
import type { ColumnMode, Prologue } from './problem.ts';
import type { OutlierColumns, OutlierRule, Scheme, Shard, SparsityPattern } from './quant-scheme.ts';

/** Names a node and the one value it produces, within its block. */
export type NodeId = string & { readonly brand: 'NodeId' };

export function nodeId(name: string): NodeId {
  return name as NodeId;
}

/** JSON pointer into the model, or an option of the command line as typed: what this node, its size or scheme comes from. */
export type Origin = string;

/** A value: M rows of `features` elements. Token ids are u32, quantised rows s4 or s8. */
export interface TensorType {
  readonly dtype: ActivationDtype | 's4' | 's8' | 'u32';
  readonly features: number;
}

/** Numbers of tokens (M) a layer must serve; without `max` every M. */
export interface TokenRange {
  readonly min: number;
  readonly max?: number;
}

/**
 * Which rows of a tensor a weight consists of, and in which order, where they are not all of them as they stand.
 * `paired`: all rows, but the two that rope turns together lie side by side: row `h D + j D/2 + i` of the weight is row
 * `h D + 2i + j` of the tensor (D = headDim, j = 0 or 1), as GGUF has q and k of LLaMA.
 * `grouped`: of every `period` rows the `count` from `first` on: q, k or v out of Falcon's fused tensor.
 */
export type RowOrder =
  | { readonly order: 'paired'; readonly headDim: number }
  | { readonly order: 'grouped'; readonly period: number; readonly first: number; readonly count: number };

/** A tensor of a checkpoint; `{layer}` in its name stands for the repetition. The file may be absent. */
export interface WeightReference {
  readonly file?: string;
  readonly tensor: string;
  readonly rows?: RowOrder;
}

interface NodeBase {
  readonly id: NodeId;
  readonly origin: Origin;
  /** Filled by infer-shapes. */
  readonly output?: TensorType;
}

/** What the block receives. */
export interface InputNode extends NodeBase {
  readonly op: 'input';
  /** Stated for the first block; the others take what the block before puts out. */
  readonly type?: TensorType;
}

export interface EmbeddingNode extends NodeBase {
  readonly op: 'embedding';
  readonly input: NodeId;
  readonly vocab: number;
  readonly features: number;
  readonly weight?: WeightReference;
}

/** Rows of a linear that stem from one linear of the model; merging concatenates parts along N. */
export interface LinearPart {
  readonly name: string;
  readonly origin: Origin;
  readonly n: number;
  readonly weight?: WeightReference;
  readonly bias?: WeightReference;
  /** The node whose weight this is (a tied output head): in 16 bit it needs no memory of its own. */
  readonly sharedWith?: NodeId;
}

/** What the model asks of a linear, before passes settle it in the scheme. */
export interface LinearRequest {
  readonly outlierRule: OutlierRule;
  readonly columns: OutlierColumns;
  /** Absent: the compiler chooses. */
  readonly columnMode?: ColumnMode;
  readonly sparsity: SparsityPattern;
  /** What said so: a JSON pointer, or the command-line option. */
  readonly origins: { readonly scheme: Origin; readonly outliers: Origin; readonly sparsity: Origin };
}

interface LinearBase extends NodeBase {
  readonly k: number;
  readonly parts: readonly LinearPart[];
  readonly hasBias: boolean;
  readonly scheme: Scheme;
  readonly shard: Shard;
  readonly tokens: TokenRange;
}

export interface LinearNode extends LinearBase {
  readonly op: 'linear';
  readonly input: NodeId;
  readonly request: LinearRequest;
}

export interface RmsNormNode extends NodeBase {
  readonly op: 'rms-norm';
  readonly input: NodeId;
  readonly eps: number;
  readonly weight?: WeightReference;
}

export interface LayerNormNode extends NodeBase {
  readonly op: 'layer-norm';
  readonly input: NodeId;
  readonly eps: number;
  readonly weight?: WeightReference;
  readonly bias?: WeightReference;
}

/** Adds row `offset` + position of a learned table of `positions` rows. */
export interface PositionEmbeddingNode extends NodeBase {
  readonly op: 'position-embedding';
  readonly input: NodeId;
  readonly positions: number;
  readonly offset: number;
  readonly weight?: WeightReference;
}

/** RMS norm of each head by itself, all with one weight of `headDim` (Qwen3's q_norm and k_norm). */
export interface HeadNormNode extends NodeBase {
  readonly op: 'head-norm';
  readonly input: NodeId;
  readonly headDim: number;
  readonly eps: number;
  readonly weight?: WeightReference;
}

/**
 * How the frequencies theta^(-2i/headDim) are stretched to contexts longer than those of training. `linear` divides all
 * by `factor`. `llama3` leaves wavelengths below originalContext / highFrequencyFactor, divides those above
 * originalContext / lowFrequencyFactor by `factor`, and goes over smoothly in between. `yarn` leaves those that turn more
 * than betaFast times in originalContext, divides those that turn less than betaSlow times, goes over linearly by the index,
 * and scales cosine and sine by attentionFactor. `divisors` divides each by an entry of a tensor of headDim / 2 (GGUF's
 * rope_freqs).
 */
export type RopeScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContext: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalContext: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly attentionFactor: number;
    }
  | { readonly kind: 'divisors'; readonly weight?: WeightReference };

/** Turns features i and i + headDim / 2 of each head by the position times frequency i. */
export interface RopeNode extends NodeBase {
  readonly op: 'rope';
  readonly input: NodeId;
  readonly headDim: number;
  readonly theta: number;
  readonly scaling?: RopeScaling;
}

export interface AttentionNode extends NodeBase {
  readonly op: 'attention';
  readonly q: NodeId;
  readonly k: NodeId;
  readonly v: NodeId;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** A token sees itself and the `window` - 1 tokens before it; all before it unless given. */
  readonly window?: number;
}

export interface ActivationNode extends NodeBase {
  readonly op: 'activation';
  readonly kind: 'relu' | 'gelu' | 'silu';
  readonly input: NodeId;
}

/** kind(gate) · up */
export interface GatedActivationNode extends NodeBase {
  readonly op: 'gated-activation';
  readonly kind: 'silu';
  readonly gate: NodeId;
  readonly up: NodeId;
}

export interface AddNode extends NodeBase {
  readonly op: 'add';
  readonly a: NodeId;
  readonly b: NodeId;
}

/** Columns [offset, offset + features) of every row: a view, no copy. */
export interface SliceNode extends NodeBase {
  readonly op: 'slice';
  readonly input: NodeId;
  readonly offset: number;
  readonly features: number;
}

/** Whether outlier columns are cut out of the integer part, and why. */
export interface ColumnChoice {
  readonly mode: ColumnMode;
  readonly reason: string;
}

/** Prologue, quantisation of the base columns, copy of the outlier columns: one value for all linears that share it. */
export interface QuantizeNode extends NodeBase {
  readonly op: 'quantize';
  readonly input: NodeId;
  readonly prologue: Prologue;
  readonly prologueOrigin?: Origin;
  readonly prologueWeight?: WeightReference;
  /** Features of the row that is quantised, after the prologue. */
  readonly k: number;
  readonly bits: 4 | 8;
  readonly outliers: number;
  readonly outlierColumns: OutlierColumns;
  /** What the model asks for. */
  readonly columnMode?: ColumnMode;
  readonly columns?: ColumnChoice;
}

/** A linear over a quantised input, with what its epilogue takes over. */
export interface QuikLinearNode extends LinearBase {
  readonly op: 'quik-linear';
  readonly input: NodeId;
  readonly residual?: NodeId;
  readonly residualOrigin?: Origin;
  readonly columns?: ColumnChoice;
}

export type GraphNode =
  | InputNode
  | EmbeddingNode
  | LinearNode
  | PositionEmbeddingNode
  | RmsNormNode
  | LayerNormNode
  | HeadNormNode
  | RopeNode
  | AttentionNode
  | ActivationNode
  | GatedActivationNode
  | AddNode
  | SliceNode
  | QuantizeNode
  | QuikLinearNode;

export type Op = GraphNode['op'];

/** Repetitions `first` … `first + count - 1` of what the model repeats. */
export interface Repetition {
  readonly first: number;
  readonly count: number;
}

/** Bytes that hold a value while steps `from` … `to` (positions in the block's nodes) run. */
export interface BufferLife {
  readonly value: NodeId;
  readonly part: 'rows' | 'codes' | 'meta' | 'outliers';
  readonly bytesPerToken: number;
  /** Buffers with the same slot share memory: their lives do not overlap. */
  readonly slot: number;
  readonly from: number;
  readonly to: number;
}

/**
 * A straight run of nodes, executed once or `repeat.count` times, each time on what the last one put out. Equal
 * layers of a model stay one block however many they are.
 */
export interface Block {
  /** Unique in the graph, e.g. `layers` or, where layers differ, `layers.4-31`. */
  readonly name: string;
  /** Prefix of its layers' names; empty for a block that is not named in the model. */
  readonly prefix: string;
  readonly origin: Origin;
  /** Absent: runs once, and layer names carry no number. */
  readonly repeat?: Repetition;
  readonly nodes: readonly GraphNode[];
  readonly output: NodeId;
  /** Filled by plan-buffers. */
  readonly buffers?: readonly BufferLife[];
}

/** A model: blocks in order, each fed by the one before. */
export interface Graph {
  readonly name: string;
  readonly dtype: ActivationDtype;
  /** Where tensors are looked up by name when a weight names no file of its own. */
  readonly weightFiles: readonly string[];
  readonly blocks: readonly Block[];
}

export function repetitions(block: Block): number {
  return block.repeat?.count ?? 1;
}

/** Outlier columns of repetition `index` (counted from the model's first), ascending; undefined where nobody has named them. */
export function columnsOfRepetition(
  columns: OutlierColumns,
  { repeat }: Pick<Block, 'repeat'>,
  index: number,
): readonly number[] | undefined {
  if (columns.kind === 'placeholder') return undefined;
  const { lists } = columns;
  return lists.length === 1 ? lists[0] : lists[index - (repeat?.first ?? 0)];
}

/** Output channels of a linear. */
export function outputChannels(node: LinearNode | QuikLinearNode): number {
  return node.parts.reduce((sum, part) => sum + part.n, 0);
}

/** The model-wide name of a node of repetition `index` (counted from the model's first), e.g. `layers.3.mlp.up_proj`. */
export function layerName(block: Pick<Block, 'prefix' | 'repeat'>, node: string, index: number): string {
  const segments = block.repeat === undefined ? [block.prefix, node] : [block.prefix, `${index}`, node];
  return segments.filter((segment) => segment !== '').join('.');
}

/** The names of a node in all repetitions as one text, e.g. `layers.0-31.mlp.up_proj`. */
export function layerNames(block: Pick<Block, 'prefix' | 'repeat'>, node: string): string {
  const repeat = block.repeat;
  if (repeat === undefined) return layerName(block, node, 0);
  const last = repeat.first + repeat.count - 1;
  const range = repeat.count === 1 ? `${repeat.first}` : `${repeat.first}-${last}`;
  return [block.prefix, range, node].filter((segment) => segment !== '').join('.');
}
