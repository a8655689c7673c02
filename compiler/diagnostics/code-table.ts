import type { Diagnostic, DiagnosticCode } from './diagnostic.ts';

/** What a code stands for. `hint` is what to do where a diagnostic brings no better one of its own. */
export interface CodeRecord {
  readonly title: string;
  readonly severity: Diagnostic['severity'];
  readonly hint: string;
}

export type CodeTable = Readonly<Partial<Record<DiagnosticCode, CodeRecord>>>;

export function error(title: string, hint: string): CodeRecord {
  return { title, severity: 'error', hint };
}

export function warning(title: string, hint: string): CodeRecord {
  return { title, severity: 'warning', hint };
}
