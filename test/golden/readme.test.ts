import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileFixture, llama7b } from '../compiler/compile-fixture.ts';

/** The phases of a tiled linear that README.md shows: each from its comment to the next phase's. */
const phases = [
  ['  // multiply: ', '  // load_meta: '],
  ['  // dequantise: ', '  // Calls move('],
  ['  // Hands out the stage ', undefined],
] as const;

function cut(text: string, from: string, to: string | undefined): string {
  const start = text.indexOf(from);
  const end = to === undefined ? text.length : text.indexOf(to, start);
  if (start < 0 || end < 0) throw new Error(`the kernel has no "${start < 0 ? from : to}": see phases above`);
  return text.slice(start, end).trimEnd();
}

/** Ids by what is readable of them, without the hash. */
function byReadableName(ids: readonly string[]): ReadonlyMap<string, string> {
  return new Map(ids.map((id) => [id.slice(0, -'_01234567'.length), id]));
}

test("README.md shows today's kernel under today's ids; if they are meant to change: npm run golden", async () => {
  const readme = readFileSync('README.md', 'utf8');
  const { manifest, files } = await compileFixture(llama7b);
  const known = byReadableName(manifest.kernels.map(({ id }) => id));
  const idNow = (id: string): string => {
    const now = known.get(id.slice(0, -'_01234567'.length));
    if (now === undefined) throw new Error(`LLaMA-2-7B no longer has ${id}: print README.md's tables anew`);
    return now;
  };
  const explained = /^quik_linear\w+$/m.exec(readme)?.[0] ?? '';
  const kernel = manifest.kernels.find(({ id }) => id === idNow(explained));
  const text = Buffer.from(files.get(kernel?.files.source.path ?? '') ?? '').toString('utf8');
  const excerpt = phases.map(([from, to]) => cut(text, from, to)).join('\n\n  // …\n\n');
  const expected = readme
    .replaceAll(/\bquik_[a-z0-9_]+_sm80_[0-9a-f]{8}\b/g, idNow)
    .replace(/(quikc explain \S+ )[0-9a-f]{8}/, (_, command) => `${command}${idNow(explained).slice(-8)}`)
    .replace(/```cuda\n[\s\S]*?\n```/, () => `\`\`\`cuda\n${excerpt}\n\`\`\``);
  expect(expected).toContain(excerpt);
  await expect(expected).toMatchFileSnapshot('../../README.md');
});
