import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileFixture } from '../compile-fixture.ts';

const ragged = 'test/fixtures/models/ragged.json';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-layers-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The rule that the manifest has for a model's only linear. */
async function ruleOf(scheme: object): Promise<string> {
  const file = join(folder, 'model.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(ragged, 'utf8')), scheme }));
  const { manifest } = await compileFixture(file);
  return manifest.layers.map(({ scale }) => scale.rule).join();
}

// Whoever has the manifest alone packs by these: every rounding, constant and comparison is in them.
test('the rule of a scale without clipping', async () => {
  expect(await ruleOf({ preset: 'quik-8b', weight: { clip: 'none' } })).toBe(
    's_w = max(fl32(max |w| over base columns / 127), 2^-64); ' +
      'code = clamp(rne(fl32(w / s_w))); R = fl32(s_w * sum of the base codes)',
  );
});

test('the rule of a clip search states its candidates, its norm and which of equals wins', async () => {
  expect(await ruleOf({ preset: 'quik-4b' })).toBe(
    's_w = the clipped scale of least error: s_i = max(fl32(s_0 * (1 - i / 100)), 2^-64) for i = 0, 1 ... 79, ' +
      'with s_0 = max(fl32(max |w| over base columns / 7), 2^-64); its error is the sum over base columns of ' +
      '|w - s_i * clamp(rne(fl32(w / s_i)))|^2.4; in the order of i, a scale replaces the best so far ' +
      "if its error is below (1 - 2^-30) times that one's; all in float64 but for fl32; " +
      'code = clamp(rne(fl32(w / s_w))); R = fl32(s_w * sum of the base codes)',
  );
});
