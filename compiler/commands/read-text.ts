import { readFileSync } from 'node:fs';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ModelLimits } from '../evaluate/cut-windows.ts';
import { openModelTokenizer } from '../frontend/open-model-tokenizer.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import { fail, type Result, succeed } from '../support/result.ts';

type Faults = readonly Diagnostic[];

export interface TextOptions {
  readonly tokens?: string;
  readonly text?: string;
}

/** The token ids of `--tokens` or `--text`; QK194 where the file is no such text, QK196 where neither or both are given. */
export async function readText(
  { tokens, text }: TextOptions,
  tokenizerOf: string,
  { vocab }: ModelLimits,
): Promise<Result<ArrayLike<number>, Faults>> {
  if ((tokens === undefined) === (text === undefined)) {
    const message = tokens === undefined ? 'there is no text' : 'there are two texts';
    return fail([diagnose('QK196', { message, expected: '--tokens or --text' })]);
  }
  const file = tokens ?? text ?? '';
  const bytes = readBytes(file);
  if (!bytes.ok) return bytes;
  if (text !== undefined) return encodeText(file, bytes.value, tokenizerOf);
  if (bytes.value.length % 2 !== 0)
    return fail([diagnose('QK194', { file, message: `${bytes.value.length} bytes are no 16-bit numbers` })]);
  const ids = Uint16Array.from({ length: bytes.value.length / 2 }, (_, i) => bytes.value.readUInt16LE(2 * i));
  const stray = ids.findIndex((id) => id >= vocab);
  if (stray < 0) return succeed(ids);
  const message = `token ${stray} is ${ids[stray]}, the model has ${vocab}`;
  return fail([diagnose('QK194', { file, message })]);
}

function readBytes(file: string): Result<Buffer, Faults> {
  try {
    return succeed(readFileSync(file));
  } catch (cause) {
    return fail([diagnose('QK194', { file, message: describeFileError(cause) })]);
  }
}

async function encodeText(
  file: string,
  bytes: Buffer,
  path: string,
): Promise<Result<readonly number[], Faults>> {
  const tokenizer = await openModelTokenizer(path);
  if (!tokenizer.ok) return tokenizer;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const ids = tokenizer.value.encode(text);
    return ids.ok ? ids : fail([ids.error]);
  } catch {
    return fail([diagnose('QK194', { file, message: 'the file is not UTF-8' })]);
  }
}
