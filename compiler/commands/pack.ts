import { existsSync } from 'node:fs';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readSafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { loadEvaluation } from '../load-evaluation.ts';
import { packCheckpoint } from '../pack-checkpoint.ts';
import { packedFormat } from '../package/packed-weights.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { showFraction } from './show-fraction.ts';

export interface PackOptions extends OutputOptions {
  readonly output: string;
}

/** `quikc pack`: the weights of a quantised checkpoint in the layouts of the kernels. */
export async function pack(path: string, options: PackOptions, context: CommandContext): Promise<ExitCode> {
  const { output } = options;
  const report = (faults: readonly Diagnostic[]) => {
    reportDiagnostics(faults, options, context);
    return exitCodeOf(faults);
  };
  const occupied = findOtherFile(output);
  if (occupied !== undefined) return report([occupied]);
  const loaded = await loadEvaluation({ file: path, overrides: { layers: [] } });
  if (!loaded.ok) return report(loaded.error);
  const progress = showFraction('packing', options, context);
  const packed = packCheckpoint(loaded.value, output, progress.onFraction);
  progress.clear();
  if (!packed.ok) return report([packed.error]);
  const { layers, bytes } = packed.value;
  const text = options.quiet === true ? '' : `${output}: ${layers} linears, ${(bytes / 1e6).toFixed(1)} MB\n`;
  reportResult({ json: { output, layers, bytes }, text }, loaded.value.warnings, options, context);
  return 0;
}

/** QK171 where something else than packed weights would be written over. */
function findOtherFile(output: string): Diagnostic | undefined {
  if (!existsSync(output)) return undefined;
  const source = openByteSource(output);
  const header = source.ok ? readSafetensorsHeader(source.value) : source;
  if (header.ok && header.value.metadata.get('format') === packedFormat) return undefined;
  const hint = 'remove it, or name another with -o';
  return diagnose('QK171', { file: output, message: 'there is another file', hint });
}
