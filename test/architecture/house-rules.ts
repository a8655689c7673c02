// The rules of the house as functions of a ts-morph project, so that a test can plant a violation in memory.
import { posix } from 'node:path';
import type { Project, SourceFile } from 'ts-morph';
import { Node } from 'ts-morph';

/** Paths below are relative to `root`, which has no trailing slash. */
export interface House {
  readonly project: Project;
  readonly root: string;
}

const stages = [
  'frontend',
  'passes',
  'lower',
  'schedule',
  'render',
  'build',
  'verify',
  'tune',
  'package',
  'device',
  'calibrate',
];
/** What every stage may import besides its own folder. */
const shared = ['ir/', 'targets/', 'compiler/support/', 'compiler/diagnostics/', 'compiler/reference/'];
/** Readers of weights: no stage, for import, quantiser and oracle read the same files. */
const checkpoint = 'compiler/checkpoint/';
/** Products of float64 and threads to compute them: for whole models, and for what is fitted to them. */
const linearAlgebra = 'compiler/linear-algebra/';
const familyDoor = ['compiler/families/family.ts', 'compiler/families/index.ts'];

/** Folders (or files) and what their modules may import: first match counts. Own folder is always allowed. */
const allowed: readonly { readonly from: RegExp; readonly to: readonly string[] }[] = [
  { from: /^ir\//, to: [] },
  { from: /^targets\//, to: ['ir/'] },
  { from: /^compiler\/support\//, to: [] },
  { from: /^compiler\/executor\//, to: ['compiler/support/'] },
  { from: /^compiler\/diagnostics\//, to: ['ir/', 'compiler/support/'] },
  { from: /^compiler\/checkpoint\//, to: shared },
  { from: /^compiler\/linear-algebra\//, to: ['compiler/support/'] },
  { from: /^compiler\/reference\//, to: ['ir/', 'compiler/support/', linearAlgebra] },
  { from: /^compiler\/quantise\//, to: [...shared, linearAlgebra] },
  { from: /^compiler\/budget\//, to: shared },
  { from: /^compiler\/families\/[^/]+\.ts$/, to: [...shared, 'compiler/families/'] },
  { from: /^compiler\/families\//, to: [...shared, ...familyDoor, 'compiler/families/*.ts'] },
  ...stages.map((stage) => ({ from: new RegExp(`^compiler/${stage}/`), to: [...shared, ...familyDoor] })),
  { from: /^compiler\/evaluate\//, to: shared },
  { from: /^compiler\//, to: ['compiler/', ...shared] },
];
/**
 * verify executes PTX, on the executor or on a GPU; the frontend and calibrate read checkpoints; no other stage does. An
 * evaluation is no stage: it executes what a bundle has, and judges it by the families' oracles.
 */
const alsoAllowed: readonly { readonly from: RegExp; readonly to: readonly string[] }[] = [
  { from: /^compiler\/verify\//, to: ['compiler/executor/', 'compiler/device/'] },
  { from: /^compiler\/frontend\//, to: [checkpoint] },
  { from: /^compiler\/calibrate\//, to: [checkpoint, linearAlgebra] },
  { from: /^compiler\/evaluate\//, to: ['compiler/executor/', 'compiler/families/', linearAlgebra] },
];

interface Import {
  readonly from: string;
  readonly to: string;
}

function relative(house: House, file: SourceFile): string {
  return posix.relative(house.root, file.getFilePath());
}

function sources(house: House): readonly SourceFile[] {
  return house.project
    .getSourceFiles()
    .filter((file) => /^(compiler|ir|targets)\//.test(relative(house, file)));
}

function importsOf(house: House, file: SourceFile): readonly Import[] {
  const from = relative(house, file);
  const specifiers = [
    ...file.getImportDeclarations().map((declaration) => declaration.getModuleSpecifierValue()),
    ...file.getExportDeclarations().flatMap((declaration) => declaration.getModuleSpecifierValue() ?? []),
    // Only where the text has one: going through every node of every file takes seconds.
    ...(/\bimport\s*\(/.test(file.getFullText()) ? file.getDescendants() : []).flatMap((node) => {
      if (!Node.isCallExpression(node) || node.getExpression().getText() !== 'import') return [];
      const [argument] = node.getArguments();
      return Node.isStringLiteral(argument) ? [argument.getLiteralValue()] : [];
    }),
  ];
  return specifiers
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({ from, to: posix.normalize(posix.join(posix.dirname(from), specifier)) }));
}

/** Imports that go against the one-way street. */
export function findForbiddenImports(house: House): readonly string[] {
  return sources(house)
    .flatMap((file) => importsOf(house, file))
    .filter((edge) => !isAllowed(edge))
    .map(({ from, to }) => `${from} imports ${to}`);
}

function isAllowed({ from, to }: Import): boolean {
  if (ownFolder(from) !== undefined && ownFolder(from) === ownFolder(to)) return true;
  const rule = allowed.find((candidate) => candidate.from.test(from));
  const extra = alsoAllowed
    .filter((candidate) => candidate.from.test(from))
    .flatMap((candidate) => candidate.to);
  return [...(rule?.to ?? []), ...extra].some((pattern) => reaches(pattern, to));
}

function reaches(pattern: string, to: string): boolean {
  if (pattern === 'compiler/families/*.ts') return /^compiler\/families\/[^/]+\.ts$/.test(to);
  return pattern.endsWith('/') ? to.startsWith(pattern) : to === pattern;
}

/** ir, targets, compiler/<stage> or compiler/families/<family>; undefined for files straight in compiler/. */
function ownFolder(path: string): string | undefined {
  const [top, second, third, ...rest] = path.split('/');
  if (top !== 'compiler') return top;
  if (second === 'families') return rest.length > 0 ? `compiler/families/${third}` : 'compiler/families';
  return third === undefined ? undefined : `compiler/${second}`;
}

/** Cycles of imports, types included: each as the files on it. */
export function findCycles(house: House): readonly string[] {
  const edges = new Map<string, readonly string[]>(
    sources(house).map((file) => [relative(house, file), importsOf(house, file).map(({ to }) => to)]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      cycles.push([...trail.slice(start), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of edges.keys()) walk(file, []);
  return cycles;
}

const bannedWords = /(^|-)(utils?|helpers?|common|misc|stuff|manager)(-|\.|$)/;

/** Names that say nothing, are not kebab-case, or do not fit the one function that their file exports. */
export function findBadNames(house: House): readonly string[] {
  return sources(house).flatMap((file) => {
    const path = relative(house, file);
    const name = file.getBaseNameWithoutExtension();
    const findings: string[] = [];
    if (path.split('/').some((segment) => bannedWords.test(segment)))
      findings.push(`${path}: the name says nothing`);
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) findings.push(`${path}: not kebab-case`);
    if (file.getDefaultExportSymbol() !== undefined) findings.push(`${path}: has a default export`);
    const [first, ...others] = file.getExportedDeclarations();
    if (first !== undefined && others.length === 0 && first[1].every(Node.isFunctionDeclaration)) {
      if (!sharesStem(path, first[0]))
        findings.push(`${path}: exports only ${first[0]}, which is about something else`);
    }
    return findings;
  });
}

/** True if some word of the file's name begins like one of the function's: reject.ts may export rejectLinear. */
function sharesStem(path: string, exported: string): boolean {
  const words = posix.basename(path, '.ts').split('-');
  const spoken = exported.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(' ');
  return words.some((word) => spoken.some((other) => other.slice(0, 4) === word.slice(0, 4)));
}

/** Who reads process.env: one module may. */
export function findEnvironmentReaders(house: House): readonly string[] {
  return sources(house)
    .filter((file) => relative(house, file) !== 'compiler/options.ts')
    .filter((file) => /\benv\b/.test(file.getFullText()))
    .filter((file) =>
      file
        .getDescendants()
        .some((node) => Node.isPropertyAccessExpression(node) && node.getText() === 'process.env'),
    )
    .map((file) => `${relative(house, file)} reads process.env`);
}

const equality = new Set(['===', '!==', '==', '!=']);

/** Files that ask which language they have before them. What lies in a language's own folder of a family has one. */
export function findDialectTests(house: House): readonly string[] {
  return sources(house)
    .filter((file) => !/^compiler\/families\/[^/]+\/(cuda|wgsl)\//.test(relative(house, file)))
    .filter((file) => /['"](cuda|wgsl)['"]/.test(file.getFullText()))
    .filter((file) => file.getDescendants().some(isDialectTest))
    .map((file) => relative(house, file));
}

function isDialectTest(node: Node): boolean {
  if (!Node.isStringLiteral(node) || !['cuda', 'wgsl'].includes(node.getLiteralValue())) return false;
  const parent = node.getParent();
  if (Node.isCaseClause(parent)) return true;
  return Node.isBinaryExpression(parent) && equality.has(parent.getOperatorToken().getText());
}

/** QK codes written anywhere in the compiler that the table does not have. */
export function findUnknownCodes(house: House, known: ReadonlySet<string>): readonly string[] {
  return sources(house).flatMap((file) =>
    [...new Set(file.getFullText().match(/\bQK[0-9]{3}\b/g) ?? [])]
      .filter((code) => !known.has(code))
      .map((code) => `${relative(house, file)} uses ${code}`),
  );
}

export interface SizedFile {
  readonly path: string;
  readonly lines: number;
}

/** Files over their size: 500 lines for TypeScript, 150 for a template, 60 for a part or slot. */
export function findOversized(files: readonly SizedFile[]): readonly string[] {
  return files.flatMap(({ path, lines }) => {
    const limit = limitOf(path);
    return limit !== undefined && lines > limit ? [`${path}: ${lines} lines, at most ${limit}`] : [];
  });
}

function limitOf(path: string): number | undefined {
  if (path.endsWith('.ts')) return 500;
  if (!path.startsWith('templates/') || path.endsWith('.md')) return undefined;
  return /\/(parts|slots)\//.test(path) ? 60 : 150;
}
