import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cudaFamilies as families } from '../../compiler/families/index.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { renderKernels } from '../../compiler/render/render-kernels.ts';
import { version } from '../../compiler/support/version.ts';
import { targets } from '../../targets/index.ts';
import { compareGolden, listFiles } from './compare-golden.ts';
import { expectedGoldens } from './expected-goldens.ts';
import { emitModel } from './golden-files.ts';
import { goldenFolder, goldenModels } from './golden-models.ts';
import { maskProvenance } from './mask-provenance.ts';

let expected: ReadonlyMap<string, string>;
const scratch = mkdtempSync(join(tmpdir(), 'quikc-golden-'));

beforeAll(async () => {
  expected = await expectedGoldens();
});
afterAll(() => rmSync(scratch, { recursive: true }));

test('generated/golden is what the compiler emits; if it is meant to change: npm run golden', () => {
  expect(compareGolden(goldenFolder, expected)).toEqual([]);
});

test('the set stays small enough to be reviewed', () => {
  for (const target of targets) {
    const texts = [...expected].flatMap(([path, text]) => (path.includes(`.${target.id}/`) ? [text] : []));
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(texts.length).toBeGreaterThanOrEqual(12);
    expect(texts.length).toBeLessThan(40);
    expect(bytes).toBeLessThan(270_000);
  }
});

test('a stale, a missing and a changed golden are each found', () => {
  const folder = join(scratch, 'golden');
  for (const [path, text] of expected) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  expect(compareGolden(folder, expected)).toEqual([]);
  const [first = '', second = ''] = listFiles(folder).filter((path) => path.endsWith('.cu'));
  writeFileSync(
    join(folder, 'ragged.sm80', 'kernels', 'quik_linear_of_yesterday.cu'),
    '// nobody makes me\n',
  );
  rmSync(join(folder, first));
  writeFileSync(join(folder, second), `${expected.get(second)?.replace('__syncthreads', '__syncwarp')}`);
  const found = compareGolden(folder, expected);
  expect(found).toHaveLength(3);
  expect(found[0]).toContain('quik_linear_of_yesterday.cu: stale');
  expect(found).toContainEqual(`${first}: missing`);
  expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${second}: line \\d+ is .*__syncthreads`)));
  expect(compareGolden(join(scratch, 'absent'), expected)).toHaveLength(expected.size);
});

test.each(goldenModels)('$name: the order in which kernels are rendered changes nothing', async (model) => {
  const { kernels, texts } = await emitModel(model);
  const templates = loadTemplates('templates');
  const backwards = renderKernels([...kernels].reverse(), families, templates);
  expect([...backwards].reverse()).toEqual([...texts]);
  for (const kernel of kernels)
    expect(renderKernels([kernel], families, templates).get(kernel.id)).toBe(texts.get(kernel.id));
});

test('only version and templates digest are masked, in a banner that has both', async () => {
  const { texts } = await emitModel({ name: 'ragged', file: 'test/fixtures/models/ragged.json' });
  const { digest } = loadTemplates('templates');
  for (const text of texts.values()) {
    expect(text).toContain(`// made by    quikc ${version}, templates ${digest.slice(0, 12)}, spec `);
    const [before, after] = [text.split('\n'), maskProvenance(text).split('\n')];
    expect(after.filter((line, index) => line !== before[index])).toEqual([
      expect.stringMatching(/^\/\/ made by {4}quikc <version>, templates <digest>, spec [0-9a-f]{12}$/),
    ]);
  }
});
