import { diagnose } from '../diagnostics/codes.ts';
import { formatDiagnostics } from '../diagnostics/format-diagnostics.ts';
import { version } from '../support/version.ts';
import type { CommandContext, ExitCode } from './command.ts';

/** An exception that nobody caught is a bug of quikc's: one short report, the whole stack under QUIKC_DEBUG. */
export function reportCrash(cause: unknown, context: CommandContext): ExitCode {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  const diagnostic = diagnose('QK900', {
    message: `${error.name}: ${error.message}`,
    trail: [`quikc ${version}`, ...frames.slice(0, 1).map((frame) => frame.trim())],
  });
  context.err(formatDiagnostics([diagnostic], { color: context.color.err }));
  if (context.debug >= 1) context.err(`${frames.join('\n')}\n`);
  return 70;
}
