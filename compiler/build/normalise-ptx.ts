import { basename } from 'node:path';

/**
 * nvcc writes the absolute path of the source and its headers into `.file` lines and derives an identifier from
 * the working folder (`_INTERNAL_1a2b3c4d_`, in symbols and in the debug bytes). Both are replaced, so that equal
 * text gives equal PTX on any machine. `seed`: the 8 hex digits that stand in for nvcc's identifier.
 */
export function normalisePtx(ptx: string, sourceName: string, seed: string): string {
  return rewriteDebugBytes(ptx.replace(fileLine, renameFile), seed).replace(internalId, `$1${seed}_`);

  function renameFile(_line: string, head: string, path: string): string {
    const name = basename(path);
    return `${head}"${name === sourceName ? sourceName : `<${name}>`}"`;
  }
}

/** The path, and the change time and size that some versions write after it. */
const fileLine = /^(\s*\.file\s+\d+ )"([^"]*)"(?:, *\d+, *\d+)?/gm;
const internalId = /(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_/g;
const byteLines = /(?:^\.b8 [\d,]+\n)+/gm;

/** The same identifier in `.b8 95,73,78,...` lines, where a line break may cut it. Lengths do not change. */
function rewriteDebugBytes(ptx: string, seed: string): string {
  return ptx.replace(byteLines, (block) => {
    const lines = block
      .trimEnd()
      .split('\n')
      .map((line) => line.slice('.b8 '.length).split(','));
    const text = String.fromCharCode(...lines.flat().map(Number));
    const renamed = text.replace(internalId, `$1${seed}_`);
    if (renamed === text) return block;
    let at = 0;
    return lines
      .map((line) => {
        const codes = line.map((_, i) => renamed.charCodeAt(at + i));
        at += line.length;
        return `.b8 ${codes.join(',')}\n`;
      })
      .join('');
  });
}
