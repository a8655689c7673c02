import { openByteSource } from './checkpoint/byte-source.ts';
import { readSafetensors } from './checkpoint/read-safetensors.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from './support/result.ts';

type Faults = readonly Diagnostic[];

/** The outlier columns of every linear, as the files have them: layers may have been done by an earlier call. */
export function readChosenColumns(
  files: readonly string[],
): Result<ReadonlyMap<string, readonly number[]>, Faults> {
  const columns = new Map<string, readonly number[]>();
  for (const file of files) {
    const source = openByteSource(file);
    const tensors = source.ok ? readSafetensors(source.value) : fail([source.error]);
    if (!tensors.ok) return tensors;
    for (const { name, source: from, offset, bytes } of tensors.value) {
      if (!name.endsWith('.outlier_columns')) continue;
      const read = from.read(offset, bytes);
      if (!read.ok) return fail([read.error]);
      columns.set(name.slice(0, -'.outlier_columns'.length), [
        ...new Int32Array(Uint8Array.from(read.value).buffer),
      ]);
    }
  }
  return succeed(columns);
}
