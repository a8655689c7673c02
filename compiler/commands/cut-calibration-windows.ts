import { cutWindows, type TokenWindows } from '../calibrate/token-windows.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import type { Result } from '../support/result.ts';
import { fail } from '../support/result.ts';
import type { WindowChoices } from './read-calibrate-options.ts';
import { readIds } from './read-ids.ts';

type Faults = readonly Diagnostic[];

/** Ids of a file, or of a text by the model's own tokenizer, in windows that the model has room for. */
export async function cutCalibrationWindows(
  path: string,
  { vocab, context }: WeightedModel,
  kind: 'tokens' | 'text',
  { file, window: asked, most }: WindowChoices,
): Promise<Result<TokenWindows, Faults>> {
  const window = asked ?? Math.min(512, context ?? 512);
  if (context !== undefined && window > context) {
    const message = `a window of ${window} tokens, where the model takes ${context}`;
    return fail([diagnose('QK173', { option: `--window ${window}`, message })]);
  }
  const ids = await readIds({ kind, file, most }, path);
  if (!ids.ok) return ids;
  const cut = cutWindows(ids.value, { file, vocab, window, ...(most === undefined ? {} : { most }) });
  return cut.ok ? cut : fail([cut.error]);
}
