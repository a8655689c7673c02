/** QK1xx model, 2xx shapes, 3xx lowering, 4xx schedule, 5xx render and package, 6xx toolchain, 7xx verify, 8xx device, 9xx internal. */
export type DiagnosticCode = `QK${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}${number}`;

/** One fault, as the user is told of it: what is wrong, where, what was expected, and how to mend it. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** The user's file, as they named it. */
  readonly file?: string;
  /** JSON pointer (RFC 6901) into that file. */
  readonly pointer?: string;
  /** In place of file and pointer: the option of the command line that is at fault, as typed. */
  readonly option?: string;
  readonly line?: number;
  readonly column?: number;
  readonly expected?: string;
  readonly hint?: string;
  /** From the outermost concept inwards, e.g. ["layer 3 mlp.up", "linear w4a4", "slot mma"]. */
  readonly trail?: readonly string[];
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}
