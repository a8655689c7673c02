// Characters that move a cursor, ring a bell, hide text or reverse its order: C0, DEL, C1, zero-width, bidi, BOM.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `text` with control characters written as \n, \t or \u{…}, cut to `limit` characters: safe on any terminal. */
export function escapeText(text: string, limit = 240): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}… (${text.length} characters)` : text;
  return cut.replace(unprintable, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    return `\\u{${character.charCodeAt(0).toString(16)}}`;
  });
}

/** `text` in double quotes, escaped for a terminal. */
export function quoteText(text: string, limit = 60): string {
  return `"${escapeText(text, limit)}"`;
}
