import { existsSync } from 'node:fs';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readSafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';

/** QK171 where something else than an earlier output, a safetensors file of the format, would be written over. */
export function findOtherFile(output: string, format: string): Diagnostic | undefined {
  if (!existsSync(output)) return undefined;
  const source = openByteSource(output);
  const header = source.ok ? readSafetensorsHeader(source.value) : source;
  if (header.ok && header.value.metadata.get('format') === format) return undefined;
  const hint = 'remove it, or name another with -o';
  return diagnose('QK171', { file: output, message: 'there is another file', hint });
}
