import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TuningRecord } from '../../ir/tuning-record.ts';
import { tuningRecordSchema } from '../../ir/tuning-record-schema.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { tuningFault } from './tuning-fault.ts';

export interface FoundRecords {
  readonly records: readonly TuningRecord[];
  /** Files that are no records, each with the reason: a compile goes on without them. */
  readonly warnings: readonly Diagnostic[];
}

/** A record with all trials of a long search has some 100 kB; what is larger is something else. */
const mostBytes = 16 * 1024 ** 2;
/** Folders below the root: target, device. */
const mostDepth = 3;

/** Every record at `root` or below, in the order of their paths; none where there is no such folder. */
export function readRecords(root: string): FoundRecords {
  const records: TuningRecord[] = [];
  const warnings: Diagnostic[] = [];
  for (const file of recordFiles(root, mostDepth)) {
    const read = readRecord(file);
    if (read.ok) records.push(read.value);
    else warnings.push(read.error);
  }
  return { records, warnings };
}

/** One record. Fails with QK570 where the file is none. */
export function readRecord(file: string): Result<TuningRecord, Diagnostic> {
  try {
    if (statSync(file).size > mostBytes)
      return fail(tuningFault.unreadable(file, 'the file is too large for one'));
    const parsed = tuningRecordSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    if (parsed.success) return succeed(parsed.data);
    const [issue] = parsed.error.issues;
    return fail(
      tuningFault.unreadable(file, `/${issue?.path.join('/') ?? ''}: ${issue?.message ?? 'not valid'}`),
    );
  } catch (error) {
    return fail(tuningFault.unreadable(file, error instanceof SyntaxError ? 'not JSON' : String(error)));
  }
}

function recordFiles(folder: string, depth: number): readonly string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return depth > 0 ? recordFiles(path, depth - 1) : [];
    // Nothing but plain files: a pipe would be waited for. Names with a dot in front are being written.
    return entry.isFile() && entry.name.endsWith('.json') && !entry.name.startsWith('.') ? [path] : [];
  });
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return []; // not there, or not ours to read: there are no records then
  }
}
