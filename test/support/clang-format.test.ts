import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { clangFormatVersion, findClangFormat } from './clang-format.ts';

const root = mkdtempSync(join(tmpdir(), 'quikc-format-'));
const QUIKC_CACHE = join(root, 'cache');
afterAll(() => rmSync(root, { recursive: true }));

/** A python3 that runs a line of shell instead of pip. */
function fakePython(line: string): string {
  const folder = mkdtempSync(join(root, 'bin-'));
  writeFileSync(join(folder, 'python3'), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return `${folder}:/usr/bin:/bin`;
}

test('says why it cannot be had, and leaves nothing behind', async () => {
  const nothing = await findClangFormat({ QUIKC_CACHE, PATH: '/nonexistent' });
  expect(nothing).toMatchObject({ ok: false, error: expect.stringContaining('no python3 on PATH') });
  const PATH = fakePython('echo "no such index" >&2; exit 1');
  const refused = await findClangFormat({ QUIKC_CACHE, PATH });
  expect(refused).toEqual({
    ok: false,
    error: `clang-format ${clangFormatVersion} cannot be had: pip install failed (no such index)`,
  });
  expect(existsSync(join(QUIKC_CACHE, 'clang-format'))).toBe(false);
  expect(readdirSync(join(QUIKC_CACHE, 'tmp'))).toEqual([]);
});

test('is fetched once', async () => {
  const bin = 'clang_format/data/bin';
  const PATH = fakePython(
    `while [ "$1" != --target ]; do shift; done; mkdir -p "$2/${bin}"; echo x > "$2/${bin}/clang-format"`,
  );
  const first = await findClangFormat({ QUIKC_CACHE, PATH });
  expect(first).toMatchObject({ ok: true, value: expect.stringContaining(clangFormatVersion) });
  expect(await findClangFormat({ QUIKC_CACHE, PATH: '/nonexistent' })).toEqual(first);
});
