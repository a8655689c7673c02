import { readText, readTokens } from '../calibrate/read-tokens.ts';
import { cutWindows, type TokenWindows } from '../calibrate/token-windows.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { openTokenizer } from '../frontend/open-tokenizer.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import type { Result } from '../support/result.ts';
import { fail } from '../support/result.ts';
import type { CalibrateChoices } from './read-calibrate-options.ts';

type Faults = readonly Diagnostic[];

/** Ids of a file, or of a text by the model's own tokenizer, in windows that the model has room for. */
export async function cutCalibrationWindows(
  path: string,
  { vocab, context }: WeightedModel,
  { source: { kind, file }, window: asked, most }: CalibrateChoices,
): Promise<Result<TokenWindows, Faults>> {
  const window = asked ?? Math.min(512, context ?? 512);
  if (context !== undefined && window > context) {
    const message = `a window of ${window} tokens, where the model takes ${context}`;
    return fail([diagnose('QK173', { option: `--window ${window}`, message })]);
  }
  const ids = kind === 'tokens' ? readTokens(file, most) : await cutText(path, file);
  if (!ids.ok) return 'code' in ids.error ? fail([ids.error]) : fail(ids.error);
  const cut = cutWindows(ids.value, { file, vocab, window, ...(most === undefined ? {} : { most }) });
  return cut.ok ? cut : fail([cut.error]);
}

async function cutText(path: string, file: string): Promise<Result<ArrayLike<number>, Faults>> {
  const text = readText(file);
  if (!text.ok) return fail([text.error]);
  const tokenizer = await openTokenizer(path);
  if (!tokenizer.ok) return tokenizer;
  const ids = tokenizer.value.encode(text.value);
  return ids.ok ? ids : fail([ids.error]);
}
