import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { toPointer } from '../diagnostics/locate-diagnostics.ts';
import { parseJson } from '../diagnostics/parse-json.ts';
import { readSource } from '../diagnostics/read-source.ts';
import { isInsideFolder } from '../support/is-inside-folder.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { openByteSource } from './byte-source.ts';
import { readSafetensors } from './read-safetensors.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** Tensors by name, and the files that they are in, relative to the folder. */
export interface Shards {
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

type Faults = readonly Diagnostic[];

const single = 'model.safetensors' as const;
const index = 'model.safetensors.index.json' as const;
/** The largest published model has some 200. */
const mostShards = 4096;
const mostFaults = 10;

/** The file that holds a folder's tensors or says which files do, in transformers' order; undefined where there is none. */
export function shardFiles(folder: string): typeof single | typeof index | undefined {
  return [single, index].find((name) => existsSync(join(folder, name)));
}

/**
 * The tensors of a Hugging Face folder, from headers alone: model.safetensors, else the shards that
 * model.safetensors.index.json names. Faults: QK150 to QK155 and QK158 of the files, QK157 shards or tensors missing,
 * QK159 the index itself.
 */
export async function readShards(folder: string): Promise<Result<Shards, Faults>> {
  const found = shardFiles(folder);
  if (found === single) return readSingle(folder, single);
  if (found === index) return readIndexed(folder);
  const message = `the folder has neither ${single} nor ${index}`;
  return fail([diagnose('QK157', { file: folder, message })]);
}

function readSingle(folder: string, name: string): Result<Shards, Faults> {
  const read = readFile(join(folder, name));
  if (!read.ok) return read;
  return succeed({ files: [name], tensors: new Map(read.value.map((tensor) => [tensor.name, tensor])) });
}

function readFile(file: string): Result<readonly StoredTensor[], Faults> {
  const source = openByteSource(file);
  return source.ok ? readSafetensors(source.value) : fail([source.error]);
}

async function readIndexed(folder: string): Promise<Result<Shards, Faults>> {
  const file = join(folder, index);
  const source = await readSource(file);
  if (!source.ok) return source;
  const map = parseIndex(file, source.value.text);
  if (!map.ok) return map;
  const files = [...new Set(map.value.values())].toSorted();
  if (files.length > mostShards) {
    const message = `${files.length} shards; quikc reads up to ${mostShards}`;
    return fail([diagnose('QK158', { file, message })]);
  }
  const faults: Diagnostic[] = [];
  const byFile = new Map<string, ReadonlyMap<string, StoredTensor>>();
  for (const shard of files) {
    const read = readFile(join(folder, shard));
    if (read.ok) byFile.set(shard, new Map(read.value.map((tensor) => [tensor.name, tensor])));
    else faults.push(...read.error);
    if (faults.length >= mostFaults) break;
  }
  if (faults.length > 0) return fail(faults.slice(0, mostFaults));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, shard] of map.value) {
    const tensor = byFile.get(shard)?.get(name);
    if (tensor !== undefined) tensors.set(name, tensor);
    else if (faults.length < mostFaults) {
      const message = `tensor ${quoteText(name)} is not in ${quoteText(shard)}, where the index has it`;
      faults.push(diagnose('QK157', { file, pointer: toPointer(['weight_map', name]), message }));
    }
  }
  return faults.length > 0 ? fail(faults) : succeed({ files, tensors });
}

/** weight_map: from tensor names to file names inside the folder. */
function parseIndex(file: string, text: string): Result<ReadonlyMap<string, string>, Faults> {
  const { value, faults } = parseJson(text);
  if (faults.length > 0) {
    return fail(
      faults
        .slice(0, mostFaults)
        .map(({ path, message }) => diagnose('QK159', { file, pointer: toPointer(path), message })),
    );
  }
  const map = value !== null && typeof value === 'object' ? Reflect.get(value, 'weight_map') : undefined;
  if (map === null || typeof map !== 'object' || Array.isArray(map)) {
    return fail([diagnose('QK159', { file, pointer: '/weight_map', message: 'there is no weight_map' })]);
  }
  const entries = Object.entries(map as Readonly<Record<string, unknown>>);
  const wrong = entries.filter(([, shard]) => typeof shard !== 'string' || !isInsideFolder(shard));
  if (wrong.length > 0) {
    return fail(
      wrong.slice(0, mostFaults).map(([name, shard]) => {
        const pointer = toPointer(['weight_map', name]);
        const message =
          typeof shard === 'string' ? `${quoteText(shard)} leaves the folder` : 'the file is not a text';
        return diagnose('QK159', { file, pointer, message, hint: 'shards lie in the folder of the index' });
      }),
    );
  }
  return succeed(new Map(entries.map(([name, shard]) => [name, String(shard)])));
}
