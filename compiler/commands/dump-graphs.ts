import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from '../../ir/graph.ts';
import { printGraph } from '../../ir/print-graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { PassOptions } from '../passes/run-passes.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import { ensureFolder } from '../support/ensure-folder.ts';

/**
 * Writes `00-import.ir`, `01-infer-shapes.ir`, … into `folder` as passes run, so that a crash leaves the last. The
 * first file that cannot be written is a fault, and no more are tried.
 */
export function dumpGraphs(folder: string | undefined): Pick<PassOptions, 'onGraph'> {
  if (folder === undefined) return {};
  let failed = false;
  const refuse = (message: string): Diagnostic => {
    failed = true;
    return diagnose('QK553', { file: folder, message });
  };
  const write = (path: string, text: () => string): Diagnostic | undefined => {
    try {
      if (statSync(folder, { throwIfNoEntry: false })?.isFile() === true)
        return refuse(`${folder} is a file`);
      if (existsSync(join(folder, 'SHA256SUMS')))
        return refuse(`${folder} holds a bundle, which has no graphs`);
      ensureFolder(folder);
      writeFileSync(path, text());
      return undefined;
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error; // a bug of the printer's
      return refuse(`${path}: ${describeFileError(error)}`);
    }
  };
  return {
    onGraph: (index: number, name: string, graph: Graph) => {
      const file = `${String(index).padStart(2, '0')}-${name}.ir`;
      return failed ? undefined : write(join(folder, file), () => printGraph(graph));
    },
  };
}
