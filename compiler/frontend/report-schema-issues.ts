import type { z } from 'zod';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { toPointer } from '../diagnostics/locate-diagnostics.ts';
import { suggestName } from '../diagnostics/suggest-name.ts';
import { toIdentifier } from '../diagnostics/to-identifier.ts';
import { knownKeys } from './known-keys.ts';
import { architectures } from './model-schema.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What zod found, as diagnostics that point into the document. */
export function reportSchemaIssues(
  schema: z.ZodType,
  document: unknown,
  issues: readonly Issue[],
): readonly Diagnostic[] {
  // A number beyond exact integers also breaks the field's own limit, which says more.
  const telling = issues.filter(
    (issue) => issue.code !== 'too_big' || issue.maximum !== Number.MAX_SAFE_INTEGER,
  );
  // An empty text also breaks the pattern of a name; that it is empty says enough.
  const empty = new Set(
    telling.filter(({ code }) => code === 'too_small').map(({ path }) => toPointer(path)),
  );
  const told = telling.filter(({ code, path }) => code !== 'invalid_format' || !empty.has(toPointer(path)));
  return told.flatMap((issue) => reportIssue(schema, document, issue, []));
}

function reportIssue(
  schema: z.ZodType,
  document: unknown,
  issue: Issue,
  parent: Path,
): readonly Diagnostic[] {
  const path = [...parent, ...issue.path];
  const pointer = toPointer(path);
  const value = valueAt(document, path);
  const found = `${lastSegment(path)} is ${describeValue(value)}`;
  const one = (code: DiagnosticCode, expected: string, hint?: string, message = found) => [
    diagnose(code, { pointer, message, expected, ...(hint === undefined ? {} : { hint }) }),
  ];
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined)
        return one('QK110', issue.expected, undefined, `${lastSegment(path)} is missing`);
      return one('QK104', issue.expected);
    case 'too_small':
      if (issue.origin === 'string')
        return one('QK107', 'a text that is not empty', 'write the name in full');
      return one('QK106', limit(issue, 'at least', 'more than', issue.minimum));
    case 'too_big':
      if (issue.origin === 'string') return one('QK107', `at most ${issue.maximum} characters`, 'shorten it');
      return one('QK106', limit(issue, 'at most', 'less than', issue.maximum));
    case 'invalid_format': {
      const hint =
        typeof value === 'string' ? `for example ${quoteText(toIdentifier(value, 40))}` : undefined;
      return one('QK107', 'letters, digits, "_", "-" and ".", starting with a letter or "_"', hint);
    }
    case 'invalid_value':
      return reportChoice(issue.values, path, value);
    case 'unrecognized_keys':
      return reportUnknownKeys(schema, document, path, issue.keys);
    case 'invalid_union':
      return reportUnion(schema, document, issue, path);
    case 'invalid_key':
      return one('QK107', 'a name', undefined, `the key ${quoteText(String(path.at(-1)))} is not a name`);
    default:
      return one('QK104', issue.message);
  }
}

function limit(
  issue: { readonly origin: string; readonly inclusive?: boolean | undefined },
  inclusive: string,
  strict: string,
  bound: number | bigint,
): string {
  const entries = Number(bound) === 1 ? ' entry' : ' entries';
  const unit = issue.origin === 'array' ? entries : '';
  return `${issue.inclusive === false ? strict : inclusive} ${bound}${unit}`;
}

const laterArchitectures: readonly string[] = [
  'qwen2',
  'qwen3',
  'mistral',
  'mixtral',
  'gemma',
  'phi',
  'gpt2',
];
const llamaLike: readonly string[] = ['mistral', 'qwen2', 'qwen3'];

function reportChoice(values: readonly unknown[], path: Path, value: unknown): readonly Diagnostic[] {
  const pointer = toPointer(path);
  const expected = values.map((choice) => JSON.stringify(choice)).join(' or ');
  const message = `${lastSegment(path)} is ${describeValue(value)}`;
  if (value === undefined)
    return [diagnose('QK110', { pointer, message: `${lastSegment(path)} is missing`, expected })];
  if (pointer === '/quikc') return [diagnose('QK111', { pointer, message, expected })];
  if (pointer === '/architecture') {
    const name = typeof value === 'string' ? value.toLowerCase() : '';
    const slip = suggestName(name, architectures);
    const hint = llamaLike.includes(name)
      ? 'it is llama in shape: write "llama" (with "attentionBias": true for qwen2, "qkNorm": true for qwen3)'
      : slip !== undefined && !laterArchitectures.includes(name)
        ? `did you mean "${slip}"?`
        : 'nearest: describe its linears by explicit nodes ("graph"), which any architecture can be';
    return [diagnose('QK120', { pointer, message, expected, hint })];
  }
  const candidates = values.filter((choice) => typeof choice === 'string');
  const near = typeof value === 'string' ? suggestName(value, candidates) : undefined;
  return [
    diagnose('QK104', {
      pointer,
      message,
      expected,
      ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
    }),
  ];
}

/** Unknown fields of one object that are told one by one; a file with more is not a model that was mistyped. */
const mostUnknownKeys = 20;

function reportUnknownKeys(
  schema: z.ZodType,
  document: unknown,
  path: Path,
  keys: readonly string[],
): readonly Diagnostic[] {
  const known = knownKeys(schema, document, path);
  const owner = path.length === 0 ? 'the model' : lastSegment(path);
  const expected = known.length === 0 ? {} : { expected: `one of ${known.join(', ')}` };
  const told = keys.slice(0, mostUnknownKeys).map((key) => {
    const near = suggestName(key, known);
    const hint = near === undefined ? {} : { hint: `did you mean "${near}"?` };
    const message = `${quoteText(key)} is not a field of ${owner}`;
    return diagnose('QK105', { pointer: toPointer([...path, key]), message, ...expected, ...hint });
  });
  const hidden = keys.length - told.length;
  const rest = `${owner} has ${hidden} more unknown fields`;
  return hidden > 0 ? [...told, diagnose('QK105', { pointer: toPointer(path), message: rest })] : told;
}

/** Of a union's branches, the one that got furthest is what the author meant. */
function reportUnion(
  schema: z.ZodType,
  document: unknown,
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
): readonly Diagnostic[] {
  const value = valueAt(document, path);
  const pointer = toPointer(path);
  if (issue.errors.length === 0) {
    // A discriminated union whose discriminator is unknown, e.g. an op.
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
    return reportChoice(options, path, value);
  }
  const wrongKind = (branch: readonly Issue[]) =>
    branch.some(
      (inner) => inner.path.length === 0 && (inner.code === 'invalid_type' || inner.code === 'invalid_value'),
    );
  const choices = issue.errors
    .flat()
    .flatMap((inner) => (inner.code === 'invalid_value' && inner.path.length === 0 ? inner.values : []));
  const meant = issue.errors.find((branch) => !wrongKind(branch));
  if (meant !== undefined) return meant.flatMap((inner) => reportIssue(schema, document, inner, path));
  if (typeof value === 'string' && choices.length > 0) return reportChoice(choices, path, value);
  const kinds = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) =>
      inner.code === 'invalid_type' && inner.path.length === 0 ? [inner.expected] : [],
    ),
  );
  const expected = [...choices.map((choice) => JSON.stringify(choice)), ...new Set(kinds)].join(' or ');
  return [
    diagnose('QK104', { pointer, message: `${lastSegment(path)} is ${describeValue(value)}`, expected }),
  ];
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, segment)) return undefined;
    value = Reflect.get(value, segment);
  }
  return value;
}

/** The innermost field name, with the index when it is an entry of a list. */
function lastSegment(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the model';
  if (typeof last === 'number') return `${String(path.at(-2) ?? 'entry')}[${last}]`;
  return quoteText(String(last));
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === 'object') return 'an object';
  return typeof value === 'string' ? quoteText(value) : String(value);
}
