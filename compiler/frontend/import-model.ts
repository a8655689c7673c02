import type { Graph } from '../../ir/graph.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source-file.ts';
import type { Result } from '../support/result.ts';
import { fail } from '../support/result.ts';
import { buildGraph } from './build-graph.ts';
import type { Overrides } from './layer-rule.ts';
import { parseModel } from './parse-model.ts';
import { parseOverrides } from './parse-overrides.ts';

/** A model.json, changed as the command line asks, as a graph. Diagnostics have pointers, not yet line numbers. */
export function importModel(source: SourceFile, overrides: Overrides): Result<Graph, readonly Diagnostic[]> {
  const parsed = parseModel(source);
  const asked = parseOverrides(overrides);
  if (!parsed.ok || !asked.ok)
    return fail([...(parsed.ok ? [] : parsed.error), ...(asked.ok ? [] : asked.error)]);
  return buildGraph(parsed.value, asked.value);
}
