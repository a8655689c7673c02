import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Project } from 'ts-morph';
import { describe, expect, test } from 'vitest';
import { codes } from '../../compiler/diagnostics/codes.ts';
import type { House } from './house-rules.ts';
import {
  findBadNames,
  findCycles,
  findDialectTests,
  findEnvironmentReaders,
  findForbiddenImports,
  findOversized,
  findUnknownCodes,
} from './house-rules.ts';

const root = process.cwd();
/** No rule asks for a type of the language's own, and its declarations are long to read. */
const withoutLibraries = { noLib: true, types: [] };
const known = new Set(Object.keys(codes));

function realHouse(): House {
  const project = new Project({
    skipAddingFilesFromTsConfig: true,
    compilerOptions: { allowImportingTsExtensions: true, ...withoutLibraries },
  });
  project.addSourceFilesAtPaths(
    ['compiler/**/*.ts', 'ir/**/*.ts', 'targets/**/*.ts'].map((glob) => `${root}/${glob}`),
  );
  return { project, root };
}

/** Who may ask for a language by its name: for all else it is data, a member of BackEnd or of the families. */
const dialectTests: Readonly<Record<string, string>> = {
  'compiler/families/index.ts': "gives a language's families",
  'compiler/find-back-end.ts': "gives a language's back end",
  'compiler/commands/describe-resources.ts':
    'prints what a kernel takes of a GPU, which no two languages name alike',
  'compiler/commands/targets.ts': 'prints the limits of a target, which no two languages have alike',
  'compiler/package/web/describe-web.ts': "WGSL's npm package: it refuses any other bundle",
  'compiler/package/web/package-needs.ts': "WGSL's npm package: sizes that WGSL kernels alone have",
};

/** A house in memory with the given files. */
function planted(files: Readonly<Record<string, string>>): House {
  const project = new Project({
    useInMemoryFileSystem: true,
    skipAddingFilesFromTsConfig: true,
    skipLoadingLibFiles: true,
    compilerOptions: withoutLibraries,
  });
  for (const [path, text] of Object.entries(files)) project.createSourceFile(`/${path}`, text);
  return { project, root: '/' };
}

function trackedFiles() {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter(
      (path) => (path.endsWith('.ts') || path.startsWith('templates/')) && !path.startsWith('generated/'),
    )
    .flatMap((path) => {
      try {
        return [{ path, lines: readFileSync(path, 'utf8').split('\n').length - 1 }];
      } catch {
        return []; // deleted, not yet committed
      }
    });
}

describe('the house keeps its rules', () => {
  const house = realHouse();
  test('imports follow the one-way street', () => expect(findForbiddenImports(house)).toEqual([]));
  test('no import goes round in a circle', () => expect(findCycles(house)).toEqual([]));
  test('names say what a file does', () => expect(findBadNames(house)).toEqual([]));
  test('one module reads the environment', () => expect(findEnvironmentReaders(house)).toEqual([]));
  test('none but those listed ask which language they have before them', () =>
    expect([...findDialectTests(house)].sort()).toEqual(Object.keys(dialectTests).sort()));
  test('every code is in the table', () => expect(findUnknownCodes(house, known)).toEqual([]));
  test('files keep to their size', () => expect(findOversized(trackedFiles())).toEqual([]));
  test('there is something to check', () => {
    expect(house.project.getSourceFiles().length).toBeGreaterThan(100);
    expect(trackedFiles().length).toBeGreaterThan(100);
  });
});

describe('each rule finds a planted violation', () => {
  const plantedImports: readonly (readonly [string, string])[] = [
    ['compiler/frontend/a.ts', '../passes/b.ts'],
    ['compiler/passes/a.ts', '../frontend/b.ts'],
    ['compiler/lower/a.ts', '../schedule/b.ts'],
    ['compiler/calibrate/a.ts', '../frontend/b.ts'],
    ['compiler/lower/a.ts', '../compile.ts'],
    ['compiler/tune/a.ts', '../build/b.ts'],
    ['compiler/build/a.ts', '../executor/b.ts'],
    ['compiler/schedule/a.ts', '../families/linear/b.ts'],
    ['compiler/families/linear/a.ts', '../quantize/b.ts'],
    ['compiler/families/linear/a.ts', '../../lower/b.ts'],
    ['compiler/evaluate/a.ts', '../package/b.ts'],
    ['compiler/evaluate/a.ts', '../verify/b.ts'],
    ['compiler/passes/a.ts', '../evaluate/b.ts'],
    ['compiler/executor/a.ts', '../../ir/b.ts'],
    ['compiler/executor/a.ts', '../reference/b.ts'],
    ['compiler/passes/a.ts', '../checkpoint/b.ts'],
    ['compiler/checkpoint/a.ts', '../frontend/b.ts'],
    ['compiler/support/a.ts', '../../ir/b.ts'],
    ['compiler/linear-algebra/a.ts', '../reference/b.ts'],
    ['compiler/quantise/a.ts', '../checkpoint/b.ts'],
    ['compiler/quantise/a.ts', '../frontend/b.ts'],
    ['compiler/quantise/a.ts', '../quantised-checkpoint/b.ts'],
    ['compiler/evaluate/a.ts', '../open-evaluation/b.ts'],
    ['compiler/calibrate/a.ts', '../recipe-search/b.ts'],
    ['compiler/frontend/a.ts', '../linear-algebra/b.ts'],
    ['ir/a.ts', '../compiler/support/b.ts'],
    ['targets/a.ts', '../compiler/support/b.ts'],
  ];
  test.each(plantedImports)('%s importing %s', (file, specifier) => {
    for (const text of [
      `import { b } from '${specifier}';`,
      `import type { B } from '${specifier}';`,
      `export { b } from '${specifier}';`,
      `const b = await import('${specifier}');`,
    ]) {
      expect(findForbiddenImports(planted({ [file]: text }))).toHaveLength(1);
    }
  });

  const goodImports: readonly (readonly [string, string])[] = [
    ['compiler/frontend/a.ts', './b.ts'],
    ['compiler/lower/a.ts', '../../ir/b.ts'],
    ['compiler/lower/a.ts', '../../targets/b.ts'],
    ['compiler/lower/a.ts', '../families/family.ts'],
    ['compiler/lower/a.ts', '../reference/b.ts'],
    ['compiler/frontend/a.ts', '../checkpoint/b.ts'],
    ['compiler/checkpoint/a.ts', '../reference/b.ts'],
    ['compiler/verify/a.ts', '../executor/run/b.ts'],
    ['compiler/reference/float-model/a.ts', '../../linear-algebra/b.ts'],
    ['compiler/quantise/a.ts', '../linear-algebra/b.ts'],
    ['compiler/evaluate/a.ts', '../executor/b.ts'],
    ['compiler/evaluate/a.ts', '../families/linear/b.ts'],
    ['compiler/executor/run/a.ts', '../parse/b.ts'],
    ['compiler/families/index.ts', './linear/b.ts'],
    ['compiler/families/linear/a.ts', '../family.ts'],
    ['compiler/compile.ts', './lower/b.ts'],
    ['compiler/commands/a.ts', '../compile.ts'],
  ];
  test.each(goodImports)('%s may import %s', (file, specifier) => {
    expect(findForbiddenImports(planted({ [file]: `import { b } from '${specifier}';` }))).toEqual([]);
  });

  test('a cycle of three, closed by a type', () => {
    const house = planted({
      'ir/a.ts': "import { b } from './b.ts';",
      'ir/b.ts': "import { c } from './c.ts';",
      'ir/c.ts': "import type { A } from './a.ts';",
    });
    expect(findCycles(house)).toEqual(['ir/a.ts → ir/b.ts → ir/c.ts → ir/a.ts']);
  });

  test('names', () => {
    const bad = (path: string, text = 'export const a = 1;') => findBadNames(planted({ [path]: text }));
    expect(bad('compiler/frontend/utils.ts')).toHaveLength(1);
    expect(bad('compiler/helpers/read-model.ts')).toHaveLength(1);
    expect(bad('compiler/frontend/readModel.ts')).toHaveLength(1);
    expect(bad('compiler/frontend/read-model.ts', 'export default 1;')).toHaveLength(1);
    expect(bad('compiler/frontend/read-model.ts', 'export function expandBlock() {}')).toHaveLength(1);
    expect(bad('compiler/frontend/read-model.ts', 'export function readModel() {}')).toEqual([]);
    expect(bad('compiler/families/linear/reject.ts', 'export function rejectLinear() {}')).toEqual([]);
  });

  test('the environment', () => {
    expect(
      findEnvironmentReaders(planted({ 'compiler/build/a.ts': "const a = process.env['CUDA_HOME'];" })),
    ).toHaveLength(1);
    expect(findEnvironmentReaders(planted({ 'compiler/options.ts': 'const a = process.env;' }))).toEqual([]);
  });

  test('a language that is asked for by its name', () => {
    const found = (text: string, path = 'compiler/package/a.ts') =>
      findDialectTests(planted({ [path]: text }));
    expect(found("const a = target.dialect === 'cuda' ? 'cu' : 'wgsl';")).toHaveLength(1);
    expect(found("if ('wgsl' !== dialect) stop();")).toHaveLength(1);
    expect(found("switch (dialect) { case 'wgsl': stop(); }")).toHaveLength(1);
    expect(found("const a = dialect === 'cuda';", 'compiler/families/linear/cuda/a.ts')).toEqual([]);
    expect(found("const a = { dialect: 'cuda' }; type A = SpecOf<'linear', 'cuda'>;")).toEqual([]);
  });

  test('a code that is not in the table', () => {
    expect(findUnknownCodes(planted({ 'compiler/build/a.ts': "diagnose('QK999', {})" }), known)).toHaveLength(
      1,
    );
  });

  test('sizes', () => {
    const file = (path: string, lines: number) => findOversized([{ path, lines }]);
    expect(file('compiler/a.ts', 501)).toHaveLength(1);
    expect(file('templates/cuda/linear/kernel.cu.hbs', 151)).toHaveLength(1);
    expect(file('templates/cuda/parts/mma.cuh.hbs', 61)).toHaveLength(1);
    expect(file('templates/cuda/slots/prologue/none.hbs', 61)).toHaveLength(1);
    expect(file('compiler/a.ts', 500)).toEqual([]);
    expect(file('templates/cuda/parts/mma.cuh.hbs', 60)).toEqual([]);
  });
});
