import { type Matrix, rowOf } from '../reference/float-model/matrix.ts';
import { newSession } from '../reference/float-model/session.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { Forward } from './perplexity.ts';

export interface GenerateOptions<E> {
  readonly forward: Forward<E>;
  readonly prompt: readonly number[];
  readonly mostTokens: number;
  /** Ends the text, and is no part of it. */
  readonly end: number | undefined;
  /** Hears of each token as it comes. */
  readonly onToken: (ids: readonly number[]) => void;
}

/** What follows the prompt if the likeliest token is taken each time. */
export async function generateText<E>(options: GenerateOptions<E>): Promise<Result<readonly number[], E>> {
  const { forward, prompt, mostTokens, end, onToken } = options;
  const session = newSession();
  const ids: number[] = [];
  let given = prompt;
  while (ids.length < mostTokens) {
    const logits = await forward(given, session, [given.length - 1]);
    if (!logits.ok) return fail(logits.error);
    const next = likeliest(logits.value);
    if (next === end) break;
    ids.push(next);
    onToken(ids);
    given = [next];
  }
  return succeed(ids);
}

function likeliest(logits: Matrix): number {
  const row = rowOf(logits, 0);
  let best = 0;
  for (let id = 1; id < row.length; id++) if ((row[id] ?? 0) > (row[best] ?? 0)) best = id;
  return best;
}
