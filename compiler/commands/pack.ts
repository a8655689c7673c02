import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { loadEvaluation } from '../open-evaluation/load-evaluation.ts';
import { packedFormat } from '../package/packed-weights.ts';
import { packCheckpoint } from '../quantised-checkpoint/pack-checkpoint.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { findOtherFile } from './find-other-file.ts';
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
  const occupied = findOtherFile(output, packedFormat);
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
