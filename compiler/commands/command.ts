import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { formatDiagnostics, formatDiagnosticsJson } from '../diagnostics/format-diagnostics.ts';
import type { Surroundings } from '../options.ts';

/** 0 done, 1 the input is at fault, 2 usage, 3 toolchain or device, 4 verification failed, 70 a bug of quikc's, 130 Ctrl-C. */
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

/** Prints why there is no result: as JSON on `out`, or for people on `err`. */
export function reportDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: OutputOptions,
  context: CommandContext,
): void {
  const shown = withoutQuieted(diagnostics, options);
  if (options.json === true) context.out(formatDiagnosticsJson(shown));
  else context.err(formatDiagnostics(shown, { color: context.color.err }));
}

/** Prints a result, and what there is to say of it: one JSON document, or the text on `out` and the rest on `err`. */
export function reportResult(
  result: { readonly json: object; readonly text: string },
  diagnostics: readonly Diagnostic[],
  options: OutputOptions,
  context: CommandContext,
): void {
  if (options.json === true) {
    const document = { ...result.json, diagnostics: withoutQuieted(diagnostics, options) };
    context.out(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  reportDiagnostics(diagnostics, options, context);
  context.out(result.text);
}

function withoutQuieted(diagnostics: readonly Diagnostic[], { quiet }: OutputOptions): readonly Diagnostic[] {
  return quiet === true ? diagnostics.filter(({ severity }) => severity === 'error') : diagnostics;
}

/** Of an adapter or its process: like a toolchain that is not there, they say nothing of any kernel. */
const adapterFaults: ReadonlySet<string> = new Set(['QK703', 'QK704', 'QK705']);

/** The exit code that an error's code stands for. */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const families = new Set(errors.map(({ code }) => code[2]));
  if (families.has('9')) return 70;
  if (families.has('6') || families.has('8')) return 3;
  if (errors.some(({ code }) => adapterFaults.has(code))) return 3;
  if (families.has('7')) return 4;
  return families.size > 0 ? 1 : 0;
}
