import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';

/** Tokens in windows of equal length, each of which a model sees by itself, from position 0 on. */
export interface TokenWindows {
  /** Tokens of each. */
  readonly window: number;
  readonly count: number;
  /** [count · window] */
  readonly ids: Uint32Array;
}

/** Where ids come from, and what they may be. */
export interface TokenOrigin {
  /** For diagnostics. */
  readonly file: string;
  readonly vocab: number;
  readonly window: number;
  /** At most so many are taken. */
  readonly most?: number;
}

/** Cuts ids into windows. What is left of them at the end is left out. QK172 for too few of them, or one that is no token. */
export function cutWindows(
  ids: ArrayLike<number>,
  { file, vocab, window, most = Number.POSITIVE_INFINITY }: TokenOrigin,
): Result<TokenWindows, Diagnostic> {
  const given = Math.min(ids.length, most);
  const count = Math.floor(given / window);
  if (count === 0) {
    const message = `${given === 0 ? 'no' : given} tokens, where a window takes ${window}`;
    return fail(diagnose('QK172', { file, message, hint: 'give more tokens, or a smaller --window' }));
  }
  const taken = Uint32Array.from({ length: count * window }, (_, index) => ids[index] ?? 0);
  const strange = taken.findIndex((id) => id >= vocab);
  if (strange >= 0) {
    const message = `token ${strange} is ${taken[strange]}, where the model has ${vocab}`;
    return fail(diagnose('QK172', { file, message, hint: "cut the text by this model's own tokenizer" }));
  }
  return succeed({ window, count, ids: taken });
}
