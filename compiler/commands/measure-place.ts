import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import type { LayerErrors } from '../evaluate/layer-errors.ts';
import { createMeasuringRunner } from '../evaluate/measuring-runner.ts';
import { measureLoss } from '../evaluate/perplexity.ts';
import { createQuantisedModel } from '../evaluate/quantised-model.ts';
import type { LoadedEvaluation } from '../load-evaluation.ts';
import type { LoadRequest } from '../load-graph.ts';
import { openForward } from '../open-forward.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { CommandContext } from './command.ts';
import type { EvaluationOptions, EvaluationPlace } from './evaluation-options.ts';
import type { PlaceResult } from './format-evaluation.ts';
import { showFraction } from './show-fraction.ts';

export interface Measurement {
  readonly place: EvaluationPlace;
  readonly loaded: LoadedEvaluation;
  readonly windows: readonly (readonly number[])[];
  readonly pool: EvaluatePool;
  readonly load: LoadRequest;
}

/**
 * The loss of a model in one place, over all windows. With `errors` the layers are measured too: in the oracle's place
 * against float weights; in a place with kernels on the first window, where the oracle walks and kernels are judged.
 */
export async function measurePlace(
  { place, loaded, windows, pool, load }: Measurement,
  errors: LayerErrors | undefined,
  options: EvaluationOptions,
  context: CommandContext,
): Promise<Result<PlaceResult, readonly Diagnostic[]>> {
  const { graph, float } = loaded;
  const started = performance.now();
  const buildOptions = { env: context.env };
  const opened = await openForward({
    ...{ place, loaded, pool, load, bundle: options.bundle, buildOptions },
    ...(errors === undefined || place !== 'oracle'
      ? {}
      : { runner: createMeasuringRunner({ dtype: graph.dtype, pool, errors, float: float?.read }) }),
  });
  if (!opened.ok) return opened;
  const { forward, sites, where, close } = opened.value;
  const progress = showFraction(`evaluating, ${place}`, options, context);
  try {
    const loss = await measureLoss(forward, windows, (done) => progress.onFraction(done / windows.length));
    if (!loss.ok) return fail([loss.error]);
    const seconds = (performance.now() - started) / 1000;
    if (errors !== undefined && sites !== undefined) {
      const runner = createMeasuringRunner({ dtype: graph.dtype, pool, errors, kernels: sites });
      const { forward: walk } = createQuantisedModel(graph, loaded.weights, runner, pool);
      const walked = await measureLoss(walk, windows.slice(0, 1));
      if (!walked.ok) return fail([walked.error]);
    }
    return succeed({ place, where, ...loss.value, seconds });
  } finally {
    progress.clear();
    await close();
  }
}
