import type { Graph } from '../../ir/graph.ts';
import type { ColumnMode } from '../../ir/problem.ts';
import { verifyGraph } from '../../ir/verify-graph.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { assert } from '../support/assert.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { annotateOutliers } from './annotate-outliers.ts';
import { annotateSparsity } from './annotate-sparsity.ts';
import { chooseColumns } from './choose-columns.ts';
import { chooseScheme } from './choose-scheme.ts';
import { fuseEpilogue } from './fuse-epilogue.ts';
import { fuseQuantize } from './fuse-quantize.ts';
import { inferShapes } from './infer-shapes.ts';
import { mergeProjections } from './merge-projections.ts';
import type { Pass, PassNote } from './pass.ts';
import { planBuffers } from './plan-buffers.ts';

/**
 * The passes in order. What each relies on comes before it: merging compares settled schemes and columns;
 * quantize is split off only then, so that merged linears share it and a gated activation finds [gate; up] side by
 * side; the epilogue takes over adds of quik-linears; buffers are planned once no value comes or goes any more.
 */
export const passes: readonly Pass[] = [
  inferShapes,
  annotateOutliers,
  annotateSparsity,
  chooseScheme,
  mergeProjections,
  fuseQuantize,
  fuseEpilogue,
  chooseColumns,
  planBuffers,
];

export interface PassOptions {
  readonly columns?: ColumnMode;
  /** Sees the graph as imported (index 0, "import") and after each pass: `--dump`. A fault that it returns is told. */
  readonly onGraph?: (index: number, name: string, graph: Graph) => Diagnostic | undefined;
}

export interface PassedGraph {
  readonly graph: Graph;
  readonly warnings: readonly Diagnostic[];
  readonly notes: readonly PassNote[];
}

/**
 * Runs every pass. Faults of the model are collected until fusing starts, which needs a model without any; after
 * each pass the graph is verified, and a finding there is a bug of quikc's.
 */
export function runPasses(
  imported: Graph,
  options: PassOptions = {},
): Result<PassedGraph, readonly Diagnostic[]> {
  const diagnostics: Diagnostic[] = [];
  const notes: PassNote[] = [];
  let graph = imported;
  const show = (index: number, name: string): void => {
    const fault = options.onGraph?.(index, name, graph);
    if (fault !== undefined) diagnostics.push(fault);
  };
  show(0, 'import');
  for (const [index, pass] of passes.entries()) {
    if (hasErrors(diagnostics) && pass === mergeProjections) break;
    graph = pass.run(graph, {
      ...(options.columns === undefined ? {} : { columns: options.columns }),
      report: (diagnostic) => diagnostics.push(diagnostic),
      note: (block, node, text) => notes.push({ pass: pass.name, block, node, text }),
    });
    show(index + 1, pass.name);
    const findings = hasErrors(diagnostics) ? [] : [...verifyGraph(graph), ...pass.check(graph)];
    assert(findings.length === 0, `${pass.name} ensures that ${pass.ensures}; found: ${findings.join('; ')}`);
  }
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return errors.length > 0 ? fail(errors) : succeed({ graph, warnings: diagnostics, notes });
}
