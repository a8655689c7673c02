import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Graph } from '../../ir/graph.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { locateDiagnostics } from '../diagnostics/locate-diagnostics.ts';
import { readSource } from '../diagnostics/read-source.ts';
import { sha256 } from '../support/hash.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { buildGraph } from './build-graph.ts';
import { checkTensors } from './checkpoint/check-tensors.ts';
import type { Checkpoint, ModelIdentity } from './checkpoint/checkpoint.ts';
import { openFolder } from './checkpoint/open-folder.ts';
import { openGguf } from './checkpoint/open-gguf.ts';
import { importModel } from './import-model.ts';
import type { Overrides } from './layer-rule.ts';
import { modelContext } from './model-context.ts';
import { checkModel } from './model-schema.ts';
import { openWeightFiles } from './open-weight-files.ts';
import { parseModel } from './parse-model.ts';
import { parseOverrides } from './parse-overrides.ts';
import { renameOrigins } from './rename-origins.ts';
import { reportSchemaIssues } from './report-schema-issues.ts';

type Faults = readonly Diagnostic[];

/** A model, whatever it was named by: a model.json, a Hugging Face folder or a GGUF file. */
export interface OpenedModel {
  readonly identity: ModelIdentity;
  /** As a graph, changed as the command line asks. Faults and origins are not located yet. */
  readonly toGraph: (overrides: Overrides) => Result<Graph, Faults>;
  /** The folder of the model, or of the file that it is. */
  readonly folder: string;
  /** The tensors of its weights by name, from headers alone; none where it names no weights. */
  readonly openTensors: () => Result<ReadonlyMap<string, StoredTensor>, Faults>;
  /** The longest sequence that it takes, where that is known. */
  readonly contextOf: (graph: Graph) => number | undefined;
  /** Holds the weights that are there against a graph whose shapes are inferred. */
  readonly checkWeights: (graph: Graph) => Faults;
  readonly warnings: Faults;
  /** Gives diagnostics their file, line and column. */
  readonly locate: (diagnostics: Faults) => Faults;
}

/** Opens what `path` names. Of a checkpoint nothing but config and headers is read. */
export async function openModel(path: string): Promise<Result<OpenedModel, Faults>> {
  const kind = kindOf(path);
  if (kind === 'model.json') return openDescription(path);
  const opened = await openCheckpoint(path);
  return opened.ok ? succeed(fromCheckpoint(opened.value)) : opened;
}

/** A checkpoint by its folder, its config.json or its GGUF file; QK100 for anything else. */
export async function openCheckpoint(path: string): Promise<Result<Checkpoint, Faults>> {
  switch (kindOf(path)) {
    case 'folder':
      return openFolder(path);
    case 'config.json':
      return openFolder(dirname(path));
    case 'gguf':
      return openGguf(path);
    case 'safetensors': {
      const message = 'a safetensors file says nothing of how its tensors are used';
      return fail([diagnose('QK100', { file: path, message, hint: 'name its folder, with config.json' })]);
    }
    case 'model.json': {
      const message = 'this is no checkpoint';
      const hint = 'name a Hugging Face folder or a GGUF file';
      return fail([diagnose('QK100', { file: path, message, hint })]);
    }
  }
}

type Kind = 'folder' | 'config.json' | 'gguf' | 'safetensors' | 'model.json';

/** By what is there, else by the ending; whatever else it is goes as a model.json, whose reader says what is wrong. */
function kindOf(path: string): Kind {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return 'folder';
  if (basename(path) === 'config.json') return 'config.json';
  if (/\.safetensors$/i.test(path)) return 'safetensors';
  if (/\.gguf$/i.test(path) || (stats?.isFile() && beginsWith(path, 'GGUF'))) return 'gguf';
  return 'model.json';
}

function beginsWith(path: string, magic: string): boolean {
  try {
    const handle = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(magic.length);
      return readSync(handle, bytes, 0, bytes.length, 0) === bytes.length && bytes.toString() === magic;
    } finally {
      closeSync(handle);
    }
  } catch {
    return false;
  }
}

async function openDescription(path: string): Promise<Result<OpenedModel, Faults>> {
  const source = await readSource(path);
  if (!source.ok) return source;
  const { file, text } = source.value;
  const parsed = parseModel(source.value);
  const { facts, weights } = parsed.ok ? parsed.value : {};
  const folder = dirname(file);
  return succeed({
    folder,
    openTensors: () => openWeightFiles(folder, weights?.files ?? []),
    contextOf: (graph) => modelContext(graph, facts),
    identity: { file: basename(file), bytes: Buffer.byteLength(text), sha256: sha256(text) },
    toGraph: (overrides) => importModel(source.value, overrides),
    // Weights may be fetched after the kernels are made.
    checkWeights: () => [],
    warnings: [],
    locate: (diagnostics) => locateDiagnostics(source.value, diagnostics),
  });
}

/** Of a checkpoint, which describes itself as a model.json would. */
export function fromCheckpoint(checkpoint: Checkpoint): OpenedModel {
  const { identity, warnings, locate, tensors, folder } = checkpoint;
  return {
    identity,
    folder,
    openTensors: () => succeed(tensors ?? new Map<string, StoredTensor>()),
    contextOf: (graph) => modelContext(graph, checkpoint.model.facts),
    toGraph: (overrides) => importCheckpoint(checkpoint, overrides),
    checkWeights: (graph) => (tensors === undefined ? [] : checkTensors(graph, tensors, folder)),
    warnings,
    locate,
  };
}

function importCheckpoint({ model, originOf }: Checkpoint, overrides: Overrides): Result<Graph, Faults> {
  const checked = checkModel(model);
  const asked = parseOverrides(overrides);
  const built =
    checked.ok && asked.ok
      ? buildGraph(checked.model, asked.value)
      : fail([
          ...(checked.ok ? [] : reportSchemaIssues(checked.schema, model, checked.issues)),
          ...(asked.ok ? [] : asked.error),
        ]);
  if (built.ok) return succeed(renameOrigins(built.value, originOf));
  return fail(
    built.error.map((fault) =>
      fault.pointer === undefined ? fault : { ...fault, pointer: originOf(fault.pointer) },
    ),
  );
}
