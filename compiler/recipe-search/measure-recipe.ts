import type { TokenWindows } from '../calibrate/token-windows.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { divergence } from '../evaluate/divergence.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import { createOracleRunner } from '../evaluate/oracle-runner.ts';
import { type Forward, measureLoss } from '../evaluate/perplexity.ts';
import { createQuantisedModel } from '../evaluate/quantised-model.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';
import { newSession } from '../reference/float-model/session.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { OpenedRecipe } from './open-recipe.ts';

export interface MeasureMeans {
  readonly tokens: TokenWindows;
  readonly pool: EvaluatePool;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

/** Mean of -ln p over all windows, by the oracle. Rejects when the signal is aborted. */
export async function measureRecipe(
  recipe: OpenedRecipe,
  means: MeasureMeans,
): Promise<Result<number, Diagnostic>> {
  const { tokens, onFraction } = means;
  const windows = Array.from({ length: tokens.count }, (_, at) => windowOf(tokens, at));
  const loss = await measureLoss(forwardOf(recipe, means), windows, (done) =>
    onFraction(done / windows.length),
  );
  return loss.ok ? succeed(loss.value.mean) : loss;
}

/** How far the recipe's model is from what `expected` holds of the first windows: the divergence's mean. */
export async function measureDivergence(
  recipe: OpenedRecipe,
  expected: readonly Matrix[],
  means: MeasureMeans,
): Promise<Result<number, Diagnostic>> {
  const forward = forwardOf(recipe, means);
  let sum = 0;
  for (const [at, float] of expected.entries()) {
    const logits = await forward(windowOf(means.tokens, at), newSession());
    if (!logits.ok) return fail(logits.error);
    sum += divergence(float, logits.value);
    means.onFraction((at + 1) / expected.length);
  }
  return succeed(sum / expected.length);
}

function windowOf({ window, ids }: TokenWindows, at: number): readonly number[] {
  return [...ids.subarray(at * window, (at + 1) * window)];
}

/** Lets a signal come in before each window. */
function forwardOf({ graph, weights }: OpenedRecipe, { pool, signal }: MeasureMeans): Forward<Diagnostic> {
  const model = createQuantisedModel(graph, weights, createOracleRunner(graph.dtype, pool), pool);
  return async (ids, session) => {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    return model.forward(ids, session);
  };
}
