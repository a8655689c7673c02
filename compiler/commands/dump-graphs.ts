import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from '../../ir/graph.ts';
import { printGraph } from '../../ir/print-graph.ts';
import type { PassOptions } from '../passes/run-passes.ts';

/** Writes `00-import.ir`, `01-infer-shapes.ir`, … into `folder` as passes run, so that a crash leaves the last. */
export function dumpGraphs(folder: string | undefined): Pick<PassOptions, 'onGraph'> {
  if (folder === undefined) return {};
  mkdirSync(folder, { recursive: true });
  return {
    onGraph: (index: number, name: string, graph: Graph) =>
      writeFileSync(join(folder, `${String(index).padStart(2, '0')}-${name}.ir`), printGraph(graph)),
  };
}
