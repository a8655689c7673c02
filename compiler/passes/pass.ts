import type { Graph, NodeId } from '../../ir/graph.ts';
import type { ColumnMode } from '../../ir/problem.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';

/** Why a pass did, or did not do, something to a node. Tests read it; no command prints it yet. */
export interface PassNote {
  readonly pass: string;
  readonly block: string;
  readonly node: NodeId;
  readonly text: string;
}

export interface PassContext {
  /** Asked for by the user; compact unless stated. */
  readonly columns?: ColumnMode;
  report(diagnostic: Diagnostic): void;
  note(block: string, node: NodeId, text: string): void;
}

/** A step from graph to graph. It returns the same reference when it changes nothing. */
export interface Pass {
  readonly name: `${string}-${string}`;
  /** What holds of every graph it returns. */
  readonly ensures: string;
  run(graph: Graph, context: PassContext): Graph;
  /** Where that does not hold after all, as sentences. */
  check(graph: Graph): readonly string[];
}
