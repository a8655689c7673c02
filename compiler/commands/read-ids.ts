import { readText, readTokens } from '../calibrate/read-tokens.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { openModelTokenizer } from '../frontend/open-model-tokenizer.ts';
import { fail, type Result, succeed } from '../support/result.ts';

export interface TextFile {
  readonly kind: 'tokens' | 'text';
  readonly file: string;
  /** Tokens that are wanted, at most. */
  readonly most?: number | undefined;
}

/** The ids of a file of them, or of a text by the tokenizer of a model. QK150 unreadable, QK172 no such file, those of the tokenizer. */
export async function readIds(
  { kind, file, most }: TextFile,
  tokenizerOf: string,
): Promise<Result<ArrayLike<number>, readonly Diagnostic[]>> {
  if (kind === 'tokens') {
    const ids = readTokens(file, most);
    return ids.ok ? ids : fail([ids.error]);
  }
  const text = readText(file);
  if (!text.ok) return fail([text.error]);
  const tokenizer = await openModelTokenizer(tokenizerOf);
  if (!tokenizer.ok) return tokenizer;
  const ids = tokenizer.value.encode(text.value);
  return ids.ok ? succeed(ids.value) : fail([ids.error]);
}
