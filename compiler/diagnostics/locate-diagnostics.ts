import type { Diagnostic } from './diagnostic.ts';
import { parseJson } from './parse-json.ts';
import type { SourceFile } from './source-file.ts';

/** One segment path as a JSON pointer (RFC 6901). */
export function toPointer(path: readonly PropertyKey[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Line and column, both from 1, of character offsets of one text: its lines are found once. */
export function createLocator(text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
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
  const depths = new Set([...wanted].map((pointer) => pointer.split('/').length - 1));
  const offsets = new Map<string, number>();
  parseJson(source.text, (path, offset) => {
    if (!depths.has(path.length)) return;
    const pointer = toPointer(path);
    if (wanted.has(pointer)) offsets.set(pointer, offset);
  });
  const locate = createLocator(source.text);
  return diagnostics.map((diagnostic) => {
    if (diagnostic.pointer === undefined || diagnostic.line !== undefined) return diagnostic;
    const known = ancestors(diagnostic.pointer).find((pointer) => offsets.has(pointer));
    const offset = known === undefined ? undefined : offsets.get(known);
    const place = offset === undefined ? {} : locate(offset);
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
