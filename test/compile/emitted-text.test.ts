import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildKernels } from '../../compiler/build/build-kernels.ts';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { llama7b } from '../compiler/compile-fixture.ts';
import { emitModel } from '../golden/golden-files.ts';
import { goldenModels } from '../golden/golden-models.ts';
import { clangFormatVersion, findClangFormat } from '../support/clang-format.ts';

// What is asked of emitted files: short, formatted, without a compiler warning.

const toolchain = await findToolchain({ env: process.env });
const clangFormat = await findClangFormat(process.env);
const without = clangFormat.ok ? '' : ` (skipped: ${clangFormat.error})`;
// A machine that tests changes must have both tools: there, their absence fails.
const needsNvcc = describe.skipIf(!toolchain.ok && !process.env['CI']);
const needsClangFormat = describe.skipIf(!clangFormat.ok && !process.env['CI']);

const scratch = mkdtempSync(join(tmpdir(), 'quikc-text-'));
const texts = new Map<string, string>();

beforeAll(async () => {
  const models = [...goldenModels, { name: 'llama-2-7b', file: llama7b }];
  for (const model of models) for (const [id, text] of (await emitModel(model)).texts) texts.set(id, text);
});
afterAll(() => rmSync(scratch, { recursive: true }));

test('every kernel of the golden models and of LLaMA-2-7B has fewer than 300 lines', () => {
  expect(texts.size).toBeGreaterThan(50);
  const long = [...texts].map(([id, text]) => `${id}: ${text.split('\n').length - 1}`);
  expect(long.filter((entry) => Number(entry.split(': ')[1]) >= 300)).toEqual([]);
});

needsClangFormat(`clang-format ${clangFormatVersion}${without}`, () => {
  const program = () => {
    if (!clangFormat.ok) throw new Error(clangFormat.error);
    return clangFormat.value;
  };
  /** The first lines that clang-format would change. */
  const complaints = (entries: Iterable<readonly [string, string]>) => {
    const files = [...entries].map(([id, text]) => {
      const file = join(scratch, `${id}.cu`);
      writeFileSync(file, text);
      return file;
    });
    writeFileSync(join(scratch, '.clang-format'), readFileSync('templates/.clang-format'));
    const { stderr } = spawnSync(program(), ['--dry-run', '--Werror', ...files], { encoding: 'utf8' });
    return stderr.split('\n').filter((line) => line.includes('error:'));
  };

  test('is the pinned one', () => {
    expect(execFileSync(program(), ['--version'], { encoding: 'utf8' })).toContain(clangFormatVersion);
  });

  test('leaves every emitted kernel as it is', () => {
    expect(complaints(texts)).toEqual([]);
  });

  test('would see one blank too many', () => {
    const [[id = '', text = ''] = []] = texts;
    const crooked = text.replace(/^ {2}const /m, '     const ');
    expect(crooked).not.toBe(text);
    expect(complaints([[id, crooked]])).toHaveLength(1);
  });
});

needsNvcc(`nvcc${toolchain.ok ? '' : ` (skipped: ${toolchain.error.message})`}`, () => {
  const faults = async (entries: Iterable<readonly [string, string]>) => {
    if (!toolchain.ok) throw new Error(toolchain.error.message);
    const sources = [...entries].map(([id, text]) => ({
      ...{ id, text, virtualArch: 'compute_80', realArchs: [], gate: 'none' as const },
    }));
    const report = await buildKernels(sources, toolchain.value, { env: process.env });
    return report.failed.flatMap(({ id, diagnostics }) =>
      diagnostics.map(({ code, line }) => `${id}:${line} ${code}`),
    );
  };

  test('has no warning about any of them', async () => {
    expect(await faults(texts)).toEqual([]);
  });

  test('would warn of an unused variable', async () => {
    const [[id = '', text = ''] = []] = texts;
    const unused = text.replace(/^( *)__syncthreads\(\);/m, '$1int unused = 3;\n$&');
    expect(unused).not.toBe(text);
    expect(await faults([[id, unused]])).toEqual([expect.stringMatching(/QK621$/)]);
  });
});
