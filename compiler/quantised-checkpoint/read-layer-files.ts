import { openByteSource } from '../checkpoint/byte-source.ts';
import { readSafetensors } from '../checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** The tensors of files that hold quantised linears, from their headers. */
export function readLayerFiles(
  files: readonly string[],
): Result<readonly StoredTensor[], readonly Diagnostic[]> {
  const tensors: StoredTensor[] = [];
  for (const file of files) {
    const source = openByteSource(file);
    const read = source.ok ? readSafetensors(source.value) : fail([source.error]);
    if (!read.ok) return read;
    tensors.push(...read.value);
  }
  return succeed(tensors);
}
