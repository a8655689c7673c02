import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compile } from '../../../compiler/commands/compile.ts';
import { inspect } from '../../../compiler/commands/inspect.ts';
import { runCommand } from './run-command.ts';

const model = 'test/fixtures/models/ragged.json';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quikc dump test '));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function dumpTo(dump: string) {
  return runCommand((context) => inspect(model, { dump, json: true }, context));
}

describe('a folder for graphs that cannot be had is one fault', () => {
  test.each([
    ['a file', () => writeFileSync(join(root, 'x'), ''), ''],
    ['below a file', () => writeFileSync(join(root, 'x'), ''), 'y'],
    ['a link that leads nowhere', () => symlinkSync('nowhere', join(root, 'x')), ''],
    ['a link to itself', () => symlinkSync('x', join(root, 'x')), ''],
  ])('%s', async (_, prepare, below) => {
    prepare();
    const dump = join(root, 'x', below);
    const { code, out } = await dumpTo(dump);
    expect(code).toBe(1);
    expect(JSON.parse(out).diagnostics).toMatchObject([{ code: 'QK553', file: dump }]);
  });
});

test('a file is told as one, and a bundle is not written into', async () => {
  writeFileSync(join(root, 'x'), '');
  const file = await dumpTo(join(root, 'x'));
  expect(JSON.parse(file.out).diagnostics[0].message).toMatch(/x is a file$/);
  mkdirSync(join(root, 'bundle'));
  writeFileSync(join(root, 'bundle', 'SHA256SUMS'), '');
  const bundle = await dumpTo(join(root, 'bundle'));
  expect(JSON.parse(bundle.out).diagnostics[0].message).toContain('holds a bundle');
  expect(readdirSync(join(root, 'bundle'))).toEqual(['SHA256SUMS']);
});

test('a graph that cannot be written ends compile before there is a bundle', async () => {
  mkdirSync(join(root, 'ir', '02-annotate-outliers.ir'), { recursive: true });
  const output = join(root, 'bundle');
  const { code, err } = await runCommand((context) =>
    compile(model, { target: 'sm80', build: false, output, dump: join(root, 'ir') }, context),
  );
  expect(code).toBe(1);
  expect(err.match(/^error QK553/gm)).toHaveLength(1);
  expect(err).toContain('02-annotate-outliers.ir');
  expect(readdirSync(root)).toEqual(['ir']);
});
