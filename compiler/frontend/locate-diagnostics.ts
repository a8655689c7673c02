import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { parseJson } from './parse-json.ts';
import type { SourceFile } from './source-file.ts';

/** One segment path as a JSON pointer (RFC 6901). */
export function toPointer(path: readonly PropertyKey[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Line and column, both from 1, of a character offset. */
export function toLineAndColumn(
  text: string,
  offset: number,
): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak };
}

/**
 * Adds file, line and column to diagnostics that have only a pointer. A pointer to what is not there (a missing
 * field) gets the place of its nearest ancestor. The text is read again only when there is something to locate.
 */
export function locateDiagnostics(
  source: SourceFile,
  diagnostics: readonly Diagnostic[],
): readonly Diagnostic[] {
  const wanted = new Set(
    diagnostics.flatMap(({ pointer }) => (pointer === undefined ? [] : ancestors(pointer))),
  );
  if (wanted.size === 0) return diagnostics;
  const offsets = new Map<string, number>();
  parseJson(source.text, (path, offset) => {
    const pointer = toPointer(path);
    if (wanted.has(pointer)) offsets.set(pointer, offset);
  });
  return diagnostics.map((diagnostic) => {
    if (diagnostic.pointer === undefined || diagnostic.line !== undefined) return diagnostic;
    const known = ancestors(diagnostic.pointer).find((pointer) => offsets.has(pointer));
    const offset = known === undefined ? undefined : offsets.get(known);
    const place = offset === undefined ? {} : toLineAndColumn(source.text, offset);
    return { ...diagnostic, file: source.file, ...place };
  });
}

/** The pointer itself, then its parents up to the whole document. */
function ancestors(pointer: string): readonly string[] {
  const chain = [pointer];
  for (let rest = pointer; rest !== ''; ) {
    rest = rest.slice(0, rest.lastIndexOf('/'));
    chain.push(rest);
  }
  return chain;
}
