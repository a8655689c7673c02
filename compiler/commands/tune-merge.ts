import { lstatSync } from 'node:fs';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { mergeRecords } from '../tune/merge-records.ts';
import { type FoundRecords, readRecord, readRecords } from '../tune/read-records.ts';
import { recordPath } from '../tune/record-path.ts';
import { recordsRoot } from '../tune/records-root.ts';
import { writeRecord } from '../tune/write-record.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';

export interface TuneMergeOptions extends OutputOptions {
  readonly records?: string;
}

/** `quikc tune merge`: records from elsewhere beside one's own. */
export function tuneMerge(
  sources: readonly string[],
  options: TuneMergeOptions,
  context: CommandContext,
): ExitCode {
  const root = recordsRoot(context.env, options.records);
  const found = sources.map(readSource);
  const warnings = found.flatMap((source) => source.warnings);
  const empty = sources.filter((_, index) => found[index]?.records.length === 0);
  if (empty.length > 0) {
    const faults = empty.map((source) =>
      diagnose('QK574', { file: source, message: 'there is no record at this path' }),
    );
    reportDiagnostics([...warnings, ...faults], options, context);
    return 1;
  }
  const incoming = found.flatMap((source) => source.records);
  // Others stay as they are: a search may just be writing one.
  const touched = new Set(incoming.map(recordPath));
  const own = readRecords(root).records.filter((record) => touched.has(recordPath(record)));
  const merged = mergeRecords([...own, ...incoming]);
  const faults: Diagnostic[] = [];
  const written: string[] = [];
  for (const record of merged) {
    const result = writeRecord(root, record);
    if (result.ok) written.push(result.value);
    else faults.push(result.error);
  }
  if (faults.length > 0) {
    reportDiagnostics([...warnings, ...faults], options, context);
    return exitCodeOf(faults);
  }
  const text =
    options.quiet === true ? '' : `${incoming.length} records merged into ${written.length} of ${root}\n`;
  reportResult({ json: { root, records: written }, text }, warnings, options, context);
  return 0;
}

function readSource(path: string): FoundRecords {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return readRecords(path);
  const read = readRecord(path);
  return read.ok ? { records: [read.value], warnings: [] } : { records: [], warnings: [read.error] };
}
