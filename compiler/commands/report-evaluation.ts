import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import {
  type CommandContext,
  type ExitCode,
  exitCodeOf,
  type OutputOptions,
  reportDiagnostics,
} from './command.ts';

/** Tells why there is no result, and the exit code for it. */
export function reportEvaluationFaults(
  faults: readonly Diagnostic[],
  options: OutputOptions,
  context: CommandContext,
): ExitCode {
  reportDiagnostics(faults, options, context);
  if (faults.some(({ code }) => code === 'QK196')) return 2;
  return faults.some(({ code }) => code === 'QK702') ? 1 : exitCodeOf(faults);
}
