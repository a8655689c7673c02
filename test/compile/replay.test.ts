import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareEmitted, printChanges } from '../support/replay-compare.ts';

describe('compareEmitted', () => {
  const before = new Map([
    ['m.json/same', 'a\n'],
    ['m.json/gone', 'a\nb\n'],
    ['m.json/edited', 'a\nb\nc\n'],
  ]);
  const after = new Map([
    ['m.json/same', 'a\n'],
    ['m.json/edited', 'a\nx\ny\nc\n'],
    ['n.json/new', 'a\n'],
  ]);
  test('tells added, removed and changed kernels, with lines', () => {
    const changes = compareEmitted(before, after);
    expect(changes).toEqual([
      { kernel: 'm.json/edited', kind: 'changed', plus: 2, minus: 1 },
      { kernel: 'm.json/gone', kind: 'removed', plus: 0, minus: 2 },
      { kernel: 'n.json/new', kind: 'added', plus: 1, minus: 0 },
    ]);
    expect(printChanges(changes, after, 'abc')).toBe(
      'm.json\n  changed  +2 -1  edited\n  removed  +0 -2  gone\nn.json\n  added    +1 -0  new\n' +
        'against abc: 1 added, 1 removed, 1 changed, 1 the same\n',
    );
  });
  test('finds nothing between equals', () => {
    expect(compareEmitted(before, before)).toEqual([]);
  });
});

describe('npm run replay, in a clone', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc replay ')));
  const clone = join(root, 'clone');
  const git = (...args: string[]) => execFileSync('git', args, { cwd: clone, encoding: 'utf8' });
  const replay = (...args: string[]) => {
    const program = ['test/support/run-typescript.mjs', 'test/support/replay.ts'];
    return spawnSync(process.execPath, [...program, ...args], {
      cwd: clone,
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: root },
    });
  };
  const template = () => join(clone, 'templates', 'cuda', 'quantize', 'row.cu.hbs');

  beforeAll(() => {
    // The working tree as one commit: what is tested is this replay, not the one of the last commit.
    execFileSync('git', ['init', '--quiet', clone]);
    const names = ['compiler', 'ir', 'targets', 'templates', 'test', 'build.mjs', 'package.json'];
    for (const name of names) cpSync(name, join(clone, name), { recursive: true });
    // Fewer models, in the interest of time.
    rmSync(join(clone, 'test', 'fixtures', 'models', 'tiny-llama.json'));
    rmSync(join(clone, 'test', 'golden', 'models'), { recursive: true });
    writeFileSync(join(clone, '.gitignore'), 'node_modules\ndist/\n.cache/\n');
    git('add', '.');
    git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '--quiet', '-m', 'All of it');
    symlinkSync(resolve('node_modules'), join(clone, 'node_modules'));
  }, 60_000);
  afterAll(() => rmSync(root, { recursive: true }));

  test('nothing changed: the banner alone does not count', () => {
    writeFileSync(
      template(),
      `{{! a comment: another templates digest, the same kernels }}\n${readFileSync(template())}`,
    );
    const { status, stdout, stderr } = replay('HEAD', '--same');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^against [0-9a-f]{12}: 0 added, 0 removed, 0 changed, [1-9]\d* the same\n$/);
    expect(status).toBe(0);
  }, 120_000);

  test('an edited template: its kernels in every model, and nothing left behind', () => {
    writeFileSync(template(), `${readFileSync(template())}\n// one line more\n`);
    const { status, stdout } = replay('HEAD', '--same');
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^(test\/fixtures\/models\/(narrow-896|ragged).json\n( {2}changed {2}\+2 -0 {2}quik_quantize_\w+\.cu\n)+){2}against /,
    );
    expect(stdout).toMatch(/ 0 added, 0 removed, [1-9]\d* changed, [1-9]\d* the same\n$/);
    expect(git('worktree', 'list').trim().split('\n')).toHaveLength(1);
  }, 120_000);

  test('a tree that does not build is told, not thrown', () => {
    writeFileSync(join(clone, 'compiler', 'cli.ts'), 'import "./nothing.ts";\n');
    const { status, stderr } = replay('HEAD');
    expect(status).toBe(1);
    expect(stderr).toContain('quikc itself does not compile at the working tree');
    expect(stderr).toContain('./nothing.ts');
    expect(git('worktree', 'list').trim().split('\n')).toHaveLength(1);
  }, 120_000);

  test.each([[], ['nonsense'], ['HEAD', 'HEAD'], ['HEAD', '--sane'], ['--upload-pack=x']])(
    'usage: %j',
    (...args) => {
      const { status, stderr } = replay(...args);
      expect(status).toBe(2);
      expect(stderr).toContain('usage: npm run replay -- <commit> [--same]');
    },
  );
});
