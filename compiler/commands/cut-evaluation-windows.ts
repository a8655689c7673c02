import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { cutWindows, type ModelLimits } from '../evaluate/cut-windows.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { readIds } from './read-ids.ts';

type Faults = readonly Diagnostic[];

export interface TextOptions {
  readonly tokens?: string;
  readonly text?: string;
}

/** The text of `--tokens` or `--text` in windows that foresee something; QK196 where neither or both are given, QK172, QK150. */
export async function cutEvaluationWindows(
  { tokens, text }: TextOptions,
  tokenizerOf: string,
  { vocab }: ModelLimits,
  window: number,
  most: number,
): Promise<Result<readonly (readonly number[])[], Faults>> {
  const file = tokens ?? text;
  if (file === undefined || (tokens !== undefined && text !== undefined)) {
    const message = file === undefined ? 'there is no text' : 'there are two texts';
    return fail([diagnose('QK196', { message, expected: '--tokens or --text' })]);
  }
  const ids = await readIds({ kind: text === undefined ? 'tokens' : 'text', file, most }, tokenizerOf);
  if (!ids.ok) return ids;
  const windows = cutWindows(ids.value, window, most);
  const stray = windows.flat().findIndex((id) => id >= vocab);
  if (stray >= 0) {
    const message = `token ${stray} is ${ids.value[stray]}, where the model has ${vocab}`;
    return fail([diagnose('QK172', { file, message, hint: "cut the text by this model's own tokenizer" })]);
  }
  if (windows.length > 0) return succeed(windows);
  const message = `a text of ${ids.value.length} tokens has none that another foresees`;
  return fail([diagnose('QK172', { file, message, hint: 'give more tokens' })]);
}
