import { codes } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import { escapeText } from './escape-text.ts';

export interface FormatOptions {
  /** ANSI colours: only for a terminal. */
  readonly color: boolean;
  /** Diagnostics shown in full; the rest is counted. */
  readonly limit?: number;
}

const defaultLimit = 20;

/** Diagnostics for a person: one aligned paragraph each, then a count. Ends with a newline unless empty. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], options: FormatOptions): string {
  if (diagnostics.length === 0) return '';
  const limit = options.limit ?? defaultLimit;
  const paragraphs = diagnostics.slice(0, limit).map((diagnostic) => formatOne(diagnostic, options.color));
  const hidden = diagnostics.length - paragraphs.length;
  if (hidden > 0) paragraphs.push(`… and ${hidden} more`);
  return `${paragraphs.join('\n\n')}\n\n${summary(diagnostics)}\n`;
}

/** Diagnostics for a machine: the records as they are, one JSON document. */
export function formatDiagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  return `${JSON.stringify({ diagnostics }, null, 2)}\n`;
}

function formatOne(diagnostic: Diagnostic, color: boolean): string {
  const title = codes[diagnostic.code]?.title;
  const paint = (style: string, text: string) => (color ? `\u001b[${style}m${text}\u001b[0m` : text);
  const severity = paint(diagnostic.severity === 'error' ? '1;31' : '1;33', diagnostic.severity);
  const heading = `${severity} ${paint('1', diagnostic.code)}${title === undefined ? '' : ` ${title}`}`;
  const rows: (readonly [string, string | undefined])[] = [
    ['at', position(diagnostic)],
    ['what', diagnostic.message],
    ['expected', diagnostic.expected],
    ['within', diagnostic.trail?.join(' → ')],
    ['hint', diagnostic.hint],
  ];
  const lines = rows.flatMap(([label, text]) =>
    text === undefined || text === '' ? [] : [`  ${label.padEnd(8)}  ${escapeText(text, 600)}`],
  );
  return [heading, ...lines].join('\n');
}

/** file:line:column and the JSON pointer, or an option, as far as they are known. */
function position(diagnostic: Diagnostic): string | undefined {
  const numbers = [diagnostic.line, diagnostic.column].filter((number) => number !== undefined);
  const place = diagnostic.file === undefined ? undefined : [diagnostic.file, ...numbers].join(':');
  const pointer = diagnostic.pointer === '' ? '(whole document)' : diagnostic.pointer;
  return [place, pointer, diagnostic.option].filter((part) => part !== undefined).join('  ') || undefined;
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const count = (number: number, noun: string) =>
    number === 0 ? [] : [`${number} ${noun}${number === 1 ? '' : 's'}`];
  return [...count(errors, 'error'), ...count(warnings, 'warning')].join(', ');
}
