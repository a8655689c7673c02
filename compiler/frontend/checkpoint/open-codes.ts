import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasCodes, openQuantised } from '../../checkpoint/quantised/open-quantised.ts';
import type { Quantisation } from '../../checkpoint/quantised/quantisation.ts';
import type { StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { locateDiagnostics, toPointer } from '../../diagnostics/locate-diagnostics.ts';
import { parseJson } from '../../diagnostics/parse-json.ts';
import { describeFileError } from '../../support/describe-file-error.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';
import { FieldReader, isFields } from './field-reader.ts';
import { readQuantisation } from './read-quantisation.ts';

type Faults = readonly Diagnostic[];
type Tensors = ReadonlyMap<string, StoredTensor>;

/** Tensors as a model reads them, and what is to be told of that. */
export interface OpenedCodes {
  readonly tensors: Tensors;
  readonly warnings: Faults;
}

/**
 * The tensors of a folder, with weights in place of codes where its config.json, or quantize_config.json beside it, says that they are
 * quantised; as they are where none of them is. Faults, with their places: QK100 to QK103 a config cannot be read, those of readQuantisation
 * and openQuantised.
 */
export function openCodes(folder: string, tensors: Tensors): Result<OpenedCodes, Faults> {
  if (!hasCodes(tensors)) return succeed({ tensors, warnings: [] });
  const found = findQuantisation(folder);
  if (!found.ok) return found;
  return found.value === undefined ? succeed({ tensors, warnings: [] }) : openQuantised(tensors, found.value);
}

/** Where the config of weight files is: beside the first of them. */
export function codesFolder(folder: string, [first = '']: readonly string[]): string {
  return dirname(join(folder, first));
}

/** Of either file; what config.json says counts where both are there. */
function findQuantisation(folder: string): Result<Quantisation | undefined, Faults> {
  const config = readFile(join(folder, 'config.json'), (reader) => {
    const quantised = reader.within('quantization_config');
    return quantised === undefined ? undefined : readQuantisation(quantised);
  });
  if (!config.ok || config.value !== undefined) return config;
  return readFile(join(folder, 'quantize_config.json'), (reader) => readQuantisation(reader, 'gptq'));
}

/** A few kilobytes are usual. */
const largestConfig = 16 * 1024 * 1024;

function readFile(
  file: string,
  read: (reader: FieldReader) => Quantisation | undefined,
): Result<Quantisation | undefined, Faults> {
  const text = readText(file);
  if (!text.ok) return text;
  if (text.value === undefined) return succeed(undefined);
  const source = { file, text: text.value };
  const { value, faults } = parseJson(source.text);
  if (faults.length > 0) {
    const told = faults.map(({ code, path, message }) =>
      diagnose(code, { file, pointer: toPointer(path), message }),
    );
    return fail(locateDiagnostics(source, told));
  }
  if (!isFields(value)) return succeed(undefined);
  const reader = new FieldReader(value, file);
  const quantisation = read(reader);
  return reader.faults.length > 0 ? fail(locateDiagnostics(source, reader.faults)) : succeed(quantisation);
}

/** Undefined where there is no such file. */
function readText(file: string): Result<string | undefined, Faults> {
  try {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined) return succeed(undefined);
    if (!stats.isFile() || stats.size > largestConfig) {
      const message = stats.isFile() ? `the file has ${stats.size} bytes` : 'this is not a file';
      return fail([diagnose('QK100', { file, message })]);
    }
    return succeed(readFileSync(file, 'utf8'));
  } catch (cause) {
    return fail([diagnose('QK100', { file, message: describeFileError(cause) })]);
  }
}
