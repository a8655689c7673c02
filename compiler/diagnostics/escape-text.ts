// Characters that move a cursor, ring a bell, hide text or reverse its order: controls, formats (bidi, zero-width,
// byte order mark), line and paragraph separators.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** `text` with control characters written as \n, \t or \u{…}, cut to `limit` characters: safe on any terminal. */
export function escapeText(text: string, limit = 240): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}… (${text.length} characters)` : text;
  return cut.replace(unprintable, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** `text` in double quotes, escaped for a terminal. */
export function quoteText(text: string, limit = 60): string {
  return `"${escapeText(text, limit).replaceAll('"', '\\"')}"`;
}
