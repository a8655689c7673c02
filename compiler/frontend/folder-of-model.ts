import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The folder that weight files are relative to, of a model as it was named: its folder, or its file's. */
export function folderOfModel(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path);
}
