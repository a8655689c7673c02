import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { readLayerFiles } from './read-layer-files.ts';

type Faults = readonly Diagnostic[];

/** The outlier columns of every linear, as the files have them: layers may have been done by an earlier call. */
export function readChosenColumns(
  files: readonly string[],
): Result<ReadonlyMap<string, readonly number[]>, Faults> {
  const columns = new Map<string, readonly number[]>();
  const tensors = readLayerFiles(files);
  if (!tensors.ok) return tensors;
  for (const { name, source, offset, bytes } of tensors.value) {
    if (!name.endsWith('.outlier_columns')) continue;
    const read = source.read(offset, bytes);
    if (!read.ok) return fail([read.error]);
    columns.set(name.slice(0, -'.outlier_columns'.length), [
      ...new Int32Array(Uint8Array.from(read.value).buffer),
    ]);
  }
  return succeed(columns);
}
