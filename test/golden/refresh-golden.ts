import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compareGolden } from './compare-golden.ts';
import { expectedGoldens } from './expected-goldens.ts';
import { goldenFolder } from './golden-models.ts';

/** Writes generated/golden/ anew, and removes what no model makes any more. */
export async function main(): Promise<number> {
  const expected = await expectedGoldens();
  const changes = compareGolden(goldenFolder, expected);
  rmSync(goldenFolder, { recursive: true, force: true });
  for (const [path, text] of expected) {
    const file = join(goldenFolder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  process.stdout.write(changes.map((change) => `${change}\n`).join(''));
  process.stdout.write(`${goldenFolder}: ${expected.size} files, ${changes.length} of them changed\n`);
  return 0;
}
