import { type Matrix, rowOf } from '../reference/float-model/matrix.ts';
import { newSession, type Session } from '../reference/float-model/session.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { logSumExp } from './log-sum-exp.ts';

/** Logits of `ids`, which follow what `session` has seen, or of the rows in `wanted`, as models give them. */
export type Forward<E> = (
  ids: readonly number[],
  session: Session,
  wanted?: readonly number[],
) => Result<Matrix, E> | Promise<Result<Matrix, E>>;

/** How well a model foresees a text: the mean of -ln p of its tokens. */
export interface Loss {
  readonly tokens: number;
  /** nats */
  readonly mean: number;
  readonly perplexity: number;
}

/** Adds up -ln p over windows. Each is a sequence of its own, whose first token nothing foresees. */
export class LossSum {
  private sum = 0;
  private count = 0;

  /** Row r of `logits` foresees token r + 1 of the window. */
  add(ids: readonly number[], logits: Matrix): void {
    for (let position = 1; position < ids.length; position++) {
      const row = rowOf(logits, position - 1);
      this.sum += logSumExp(row) - (row[ids[position] ?? 0] ?? 0);
      this.count++;
    }
  }

  get loss(): Loss {
    const mean = this.sum / Math.max(1, this.count);
    return { tokens: this.count, mean, perplexity: Math.exp(mean) };
  }
}

/** Over all windows, one after the other. `onWindow` hears how many are done. */
export async function measureLoss<E>(
  forward: Forward<E>,
  windows: readonly (readonly number[])[],
  onWindow: (done: number) => void = () => {},
): Promise<Result<Loss, E>> {
  const sum = new LossSum();
  for (const [index, ids] of windows.entries()) {
    const logits = await forward(ids, newSession());
    if (!logits.ok) return fail(logits.error);
    sum.add(ids, logits.value);
    onWindow(index + 1);
  }
  return succeed(sum.loss);
}
