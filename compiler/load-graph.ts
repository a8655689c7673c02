import { basename } from 'node:path';
import type { Graph } from '../ir/graph.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { locateDiagnostics } from './diagnostics/locate-diagnostics.ts';
import { readSource } from './diagnostics/read-source.ts';
import type { SourceFile } from './diagnostics/source-file.ts';
import { importModel } from './frontend/import-model.ts';
import type { Overrides } from './frontend/layer-rule.ts';
import type { PassNote } from './passes/pass.ts';
import type { PassOptions } from './passes/run-passes.ts';
import { runPasses } from './passes/run-passes.ts';
import { sha256 } from './support/hash.ts';
import type { Result } from './support/result.ts';
import { fail, succeed } from './support/result.ts';

export interface LoadRequest extends PassOptions {
  readonly file: string;
  readonly overrides: Overrides;
}

/** A model file by its name, without folders, and its contents. */
export interface ModelIdentity {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface LoadedGraph {
  readonly graph: Graph;
  /** The model as it was read. */
  readonly model: ModelIdentity;
  readonly notes: readonly PassNote[];
  readonly warnings: readonly Diagnostic[];
  /** Gives diagnostics of later stages their place in the model's text. */
  readonly locate: (diagnostics: readonly Diagnostic[]) => readonly Diagnostic[];
}

/** The stages that need no target: frontend and passes. */
export async function loadGraph(request: LoadRequest): Promise<Result<LoadedGraph, readonly Diagnostic[]>> {
  const source = await readSource(request.file);
  if (!source.ok) return source;
  const locate = (diagnostics: readonly Diagnostic[]) => locateDiagnostics(source.value, diagnostics);
  const imported = importModel(source.value, request.overrides);
  if (!imported.ok) return fail(locate(imported.error));
  const passed = runPasses(imported.value, request);
  if (!passed.ok) return fail(locate(passed.error));
  const { graph, notes, warnings } = passed.value;
  return succeed({ graph, model: identify(source.value), notes, warnings: locate(warnings), locate });
}

function identify({ file, text }: SourceFile): ModelIdentity {
  return { file: basename(file), bytes: Buffer.byteLength(text), sha256: sha256(text) };
}
