import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { formatDiagnostics, formatDiagnosticsJson } from '../diagnostics/format-diagnostics.ts';
import type { Surroundings } from '../options.ts';

/** 0 done, 1 the input is at fault, 2 usage, 3 toolchain, 4 verification failed, 70 a bug of quikc's, 130 Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 70 | 130;

/** Options that every command has. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Where a command's text goes. `out` is the result, `err` is what is said about it. */
export interface CommandContext extends Surroundings {
  out(text: string): void;
  err(text: string): void;
}

/** Prints diagnostics: as JSON on `out` when they are all there is to say, else for people on `err`. */
export function reportDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: OutputOptions,
  context: CommandContext,
): void {
  const shown =
    options.quiet === true ? diagnostics.filter(({ severity }) => severity === 'error') : diagnostics;
  if (options.json === true && hasErrors(shown)) context.out(formatDiagnosticsJson(shown));
  else context.err(formatDiagnostics(shown, { color: context.color.err }));
}

/** The exit code that an error's code stands for. */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const families = new Set(
    diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code[2]),
  );
  if (families.has('9')) return 70;
  if (families.has('6') || families.has('8')) return 3;
  if (families.has('7')) return 4;
  return families.size > 0 ? 1 : 0;
}
