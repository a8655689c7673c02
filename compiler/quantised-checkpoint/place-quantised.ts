import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { quantisedFormat } from '../checkpoint/quantised-tensors.ts';
import { readSafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ModelInput } from '../frontend/model-schema.ts';
import { tokenizerFileNames } from '../frontend/tokenizer-files.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { moveIntoPlace } from '../support/sealed-folder.ts';
import { type AssembleRequest, assembleQuantised } from './assemble-quantised.ts';
import { weightsFile } from './describe-quantised.ts';

type Faults = readonly Diagnostic[];

/** All that a quantised checkpoint consists of. */
export interface QuantisedFolder extends AssembleRequest {
  readonly document: ModelInput;
  /** By name: the tokenizer's. */
  readonly others: ReadonlyMap<string, Uint8Array>;
}

/**
 * Puts a quantised checkpoint at `output` as a whole: written beside it, renamed into place last; one that is there is replaced.
 * QK171 where the disk takes no more.
 */
export function placeQuantised(output: string, folder: QuantisedFolder): Result<undefined, Faults> {
  let scratch: string | undefined;
  try {
    sweepScratchFolders(dirname(output));
    scratch = makeScratchFolder(dirname(output), 'quantised');
    const fresh = join(scratch, 'new');
    mkdirSync(fresh);
    const written = assembleQuantised(join(fresh, weightsFile), folder);
    if (!written.ok) return written;
    for (const [name, bytes] of folder.others) writeFileSync(join(fresh, name), bytes);
    writeFileSync(join(fresh, 'model.json'), formatDocument(folder.document));
    moveIntoPlace(fresh, output, scratch, () => false);
    return succeed(undefined);
  } catch (cause) {
    return fail([diagnose('QK171', { file: output, message: describeFileError(cause) })]);
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

/** QK184 where something else than a quantised checkpoint, or an empty folder, is at the output. */
export function findOtherOutput(output: string): Diagnostic | undefined {
  const stats = lstatSync(output, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const refuse = (message: string) => diagnose('QK184', { file: output, message });
  if (!stats.isDirectory()) return refuse('this is no folder');
  const names = readdirSync(output);
  if (names.length === 0) return undefined;
  const source = openByteSource(join(output, weightsFile));
  const header = source.ok ? readSafetensorsHeader(source.value) : source;
  if (!header.ok || header.value.metadata.get('format') !== quantisedFormat)
    return refuse('the folder holds something else than a quantised checkpoint');
  const known = new Set([weightsFile, 'model.json', ...tokenizerFileNames]);
  const stranger = names.find((name) => !known.has(name));
  return stranger === undefined ? undefined : refuse(`the folder holds ${JSON.stringify(stranger)} too`);
}

/** Lists of numbers take a line each. */
function formatDocument(document: ModelInput): string {
  const text = JSON.stringify(document, null, 2);
  const lists = /\[\s+(\d+(?:,\s+\d+)*)\s+\]/g;
  return `${text.replace(lists, (_, numbers: string) => `[${numbers.split(/,\s+/).join(', ')}]`)}\n`;
}
