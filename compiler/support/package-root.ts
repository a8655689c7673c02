import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assert } from './assert.ts';

/** quikc's own folder, with templates/ and examples/: found upwards from this module, in the sources and in dist/. */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'templates', 'shared'))) {
    const parent = dirname(folder);
    assert(parent !== folder, 'quikc lies beside its templates');
    folder = parent;
  }
  return folder;
}
