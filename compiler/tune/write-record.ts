import { renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { TuningRecord } from '../../ir/tuning-record.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { removeQuietly } from '../support/remove-quietly.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { recordPath } from './record-path.ts';
import { tuningFault } from './tuning-fault.ts';

/** Puts a record in its place below `root` as a whole: a reader finds the old one or the new one. Returns its path. */
export function writeRecord(root: string, record: TuningRecord): Result<string, Diagnostic> {
  const path = join(root, recordPath(record));
  const scratch = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    ensureFolder(dirname(path));
    writeFileSync(scratch, `${JSON.stringify(record, null, 1)}\n`);
    renameSync(scratch, path);
    return succeed(path);
  } catch (error) {
    removeQuietly(scratch);
    return fail(tuningFault.cannotWrite(path, error));
  }
}
