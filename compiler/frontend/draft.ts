import type { Block, GraphNode, LinearNode, NodeId } from '../../ir/graph.ts';
import type { LayerFields } from './layer-rule.ts';

/** A linear as the model describes it, before rules say how it is quantised. */
export interface DraftLinear
  extends Pick<LinearNode, 'op' | 'id' | 'origin' | 'input' | 'k' | 'parts' | 'hasBias'> {
  readonly fields: LayerFields;
  /** Kept in 16 bit (an output head) unless a rule names it without wildcards. */
  readonly pinned: boolean;
}

export type DraftNode = Exclude<GraphNode, LinearNode> | DraftLinear;

/** A block with all its repetitions, before layers that differ are told apart. */
export interface DraftBlock extends Pick<Block, 'prefix' | 'origin'> {
  readonly repeat?: number;
  readonly nodes: readonly DraftNode[];
  readonly output: NodeId;
}

/** What an expansion yields. `hidden` is what a proportional outlier rule divides by. */
export interface Draft {
  readonly blocks: readonly DraftBlock[];
  readonly hidden?: number;
}
