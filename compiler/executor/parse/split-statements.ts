/** One `;`-terminated statement, label, brace or directive of PTX text, with the line it starts on. */
export interface RawStatement {
  readonly text: string;
  readonly line: number;
  /** `;` ended it, `{`/`}` a brace by itself, `:` a label, `\n` a line directive such as `.loc`. */
  readonly end: ';' | '{' | '}' | ':' | '\n';
}

const LINE_DIRECTIVES =
  /^\.(loc|file|version|target|address_size|maxntid|minnctapersm|maxnreg|reqntid|section)\b/;

/**
 * Splits PTX text into statements: comments dropped, `{ }` scopes kept apart from `{a, b}` operand vectors (a brace
 * belongs to a vector when the statement it stands in has begun), directives that end with the line taken whole.
 */
export function splitStatements(text: string): RawStatement[] {
  const out: RawStatement[] = [];
  let pending = '';
  let start = 0;
  let depth = 0;
  const clean = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
  const lines = clean.split('\n');
  for (const [index, full] of lines.entries()) {
    const line = index + 1;
    const comment = full.indexOf('//');
    const code = comment < 0 ? full : full.slice(0, comment);
    if (pending.trim() === '' && LINE_DIRECTIVES.test(code.trim())) {
      out.push({ text: code.trim(), line, end: '\n' });
      pending = '';
      continue;
    }
    for (const c of code) {
      const begun = pending.trim() !== '';
      if (!begun) start = line;
      if (c === ';') {
        if (begun) out.push({ text: pending.trim(), line: start, end: ';' });
        pending = '';
      } else if (c === '{' && begun && !/\)$|^\.(visible|entry|section)/.test(pending.trim())) {
        depth += 1;
        pending += c;
      } else if (c === '}' && depth > 0) {
        depth -= 1;
        pending += c;
      } else if (c === '{' || c === '}') {
        if (begun) out.push({ text: pending.trim(), line: start, end: ';' });
        out.push({ text: '', line, end: c });
        pending = '';
      } else if (c === ':' && /^[A-Za-z_$][\w$]*$/.test(pending.trim())) {
        out.push({ text: pending.trim(), line: start, end: ':' });
        pending = '';
      } else {
        pending += c;
      }
    }
    pending += ' ';
  }
  if (pending.trim() !== '') out.push({ text: pending.trim(), line: start, end: ';' });
  return out;
}
