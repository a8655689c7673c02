import { quoteText } from './escape-text.ts';

/** What is wrong with a JSON text, at a character offset. */
export interface JsonFault {
  readonly code: 'QK101' | 'QK102' | 'QK103';
  readonly offset: number;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly expected?: string;
  readonly hint?: string;
}

export interface JsonReading {
  /** Undefined when the text is not JSON. */
  readonly value: unknown;
  readonly faults: readonly JsonFault[];
}

/** Called for each value with its path (valid during the call only) and the offset where it starts. */
export type ValueVisitor = (path: readonly (string | number)[], offset: number) => void;

/** Arrays and objects within one another; a model needs six. Also bounds the parser's own recursion. */
const deepestNesting = 64;

const whitespace = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const word = /[A-Za-z_+-][A-Za-z0-9_+.-]*/y;
const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

class Stop extends Error {
  readonly fault: JsonFault;
  constructor(fault: JsonFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/**
 * Strict JSON (RFC 8259) with what JSON.parse lacks: an offset for each fault, repeated keys reported, a bound on
 * nesting, and a visitor that learns where each value stands.
 */
export function parseJson(text: string, visit?: ValueVisitor): JsonReading {
  const faults: JsonFault[] = [];
  const path: (string | number)[] = [];
  let at = 0;

  const fault = (message: string, detail: Partial<JsonFault> = {}): JsonFault => ({
    code: 'QK101',
    offset: at,
    path: [...path],
    message,
    ...detail,
  });
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const found = () => (at >= text.length ? 'the end of the file' : quoteText(text.slice(at, at + 12)));
  const expect = (character: string, where: string) => {
    match(whitespace);
    if (text[at] !== character) throw new Stop(fault(`${found()} ${where}`, { expected: `"${character}"` }));
    at += 1;
  };

  const value = (): unknown => {
    match(whitespace);
    visit?.(path, at);
    if (path.length > deepestNesting) {
      throw new Stop(fault(`more than ${deepestNesting} levels of nesting`, { code: 'QK102' }));
    }
    switch (text[at]) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string();
      default:
        return scalar();
    }
  };

  // By hand rather than by a regular expression, whose stack a string of megabytes would exhaust.
  const string = (): string => {
    let end = at + 1;
    for (let unit = text.charCodeAt(end); unit !== 0x22; unit = text.charCodeAt(end)) {
      if (Number.isNaN(unit)) throw new Stop(fault('a string that is not closed'));
      if (unit < 0x20) {
        const hint = 'write \\n, \\t or \\u00XX instead';
        throw new Stop(fault('a raw control character inside a string', { offset: end, hint }));
      }
      end += unit === 0x5c ? 2 : 1;
    }
    try {
      const content = JSON.parse(text.slice(at, end + 1)) as string;
      at = end + 1;
      return content;
    } catch {
      throw new Stop(fault(`a bad escape in the string ${quoteText(text.slice(at, end + 1), 30)}`));
    }
  };

  const scalar = (): unknown => {
    const start = at;
    const digits = match(number);
    if (digits !== undefined && !/[A-Za-z0-9_.+-]/.test(text[at] ?? '')) return Number(digits);
    at = start;
    const name = match(word);
    if (name !== undefined && words.has(name)) return words.get(name);
    at = start;
    const isNumberWord = name !== undefined && /nan|inf/i.test(name);
    const hint = isNumberWord ? 'JSON has no NaN and no infinity: write a finite number' : undefined;
    throw new Stop(
      fault(`${name === undefined ? found() : quoteText(name, 20)} is no JSON value`, {
        expected: 'a value',
        ...(hint ? { hint } : {}),
      }),
    );
  };

  const array = (): unknown[] => {
    const items: unknown[] = [];
    at += 1;
    match(whitespace);
    if (text[at] === ']') {
      at += 1;
      return items;
    }
    for (;;) {
      path.push(items.length);
      items.push(value());
      path.pop();
      match(whitespace);
      if (text[at] !== ',') break;
      at += 1;
    }
    expect(']', 'in an array');
    return items;
  };

  const object = (): unknown => {
    const entries = new Map<string, unknown>();
    at += 1;
    match(whitespace);
    if (text[at] === '}') {
      at += 1;
      return {};
    }
    for (;;) {
      match(whitespace);
      if (text[at] !== '"')
        throw new Stop(fault(`${found()} in an object`, { expected: 'a key in double quotes' }));
      const keyAt = at;
      const key = string();
      if (entries.has(key)) {
        const message = `the key ${quoteText(key)} appears twice in one object`;
        faults.push(fault(message, { code: 'QK103', offset: keyAt, path: [...path, key] }));
      }
      expect(':', 'after a key');
      path.push(key);
      entries.set(key, value());
      path.pop();
      match(whitespace);
      if (text[at] !== ',') break;
      at += 1;
    }
    expect('}', 'in an object');
    return Object.fromEntries(entries);
  };

  try {
    if (text.startsWith('\ufeff')) {
      throw new Stop(
        fault('the file starts with a byte order mark', { hint: 'save the file as UTF-8 without one' }),
      );
    }
    if (text.trim() === '') throw new Stop(fault('the file is empty', { expected: 'a JSON object' }));
    const root = value();
    match(whitespace);
    if (at < text.length)
      throw new Stop(fault(`${found()} after the end of the document`, { expected: 'nothing' }));
    return { value: root, faults };
  } catch (cause) {
    if (!(cause instanceof Stop)) throw cause;
    return { value: undefined, faults: [...faults, cause.fault] };
  }
}
