import { diagnose } from '../diagnostics/codes.ts';
import { formatDiagnostics } from '../diagnostics/format-diagnostics.ts';
import type { CommandContext, ExitCode } from './command.ts';

/** Standard output took less than there was to print. A command that failed by itself keeps its exit code. */
export function reportUnwritten(fault: Error, exitCode: ExitCode, context: CommandContext): ExitCode {
  const diagnostic = diagnose('QK555', { message: `standard output: ${fault.message}` });
  context.err(formatDiagnostics([diagnostic], { color: context.color.err }));
  return exitCode === 0 ? 1 : exitCode;
}
