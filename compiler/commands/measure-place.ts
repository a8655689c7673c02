import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import { LayerErrors } from '../evaluate/layer-errors.ts';
import { createMeasuringRunner } from '../evaluate/measuring-runner.ts';
import { measureLoss } from '../evaluate/perplexity.ts';
import { createQuantisedModel } from '../evaluate/quantised-model.ts';
import type { LoadRequest } from '../load-graph.ts';
import type { LoadedEvaluation } from '../open-evaluation/load-evaluation.ts';
import { openForward } from '../open-evaluation/open-forward.ts';
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

/** Options of `quikc eval` that this asks. */
export interface MeasureOptions extends EvaluationOptions {
  readonly layers?: boolean;
}

/**
 * The loss of a model in one place, over all windows. With `layers` its linears are measured too: by the oracle over all
 * windows; where there are kernels over the first one, on which the oracle walks and kernels are judged.
 */
export async function measurePlace(
  { place, loaded, windows, pool, load }: Measurement,
  options: MeasureOptions,
  context: CommandContext,
): Promise<Result<PlaceResult, readonly Diagnostic[]>> {
  const { graph, weights } = loaded;
  const started = performance.now();
  const errors = options.layers === true && place !== 'float' ? new LayerErrors() : undefined;
  const measuring =
    errors === undefined ? undefined : { dtype: graph.dtype, pool, errors, float: loaded.float?.read };
  const opened = await openForward({
    ...{ place, loaded, pool, load, bundle: options.bundle, buildOptions: { env: context.env } },
    oracle: measuring && createMeasuringRunner(measuring),
  });
  if (!opened.ok) return opened;
  const { forward, sites, where, close } = opened.value;
  const progress = showFraction(`evaluating, ${place}`, options, context);
  try {
    const loss = await measureLoss(forward, windows, (done) => progress.onFraction(done / windows.length));
    if (!loss.ok) return fail([loss.error]);
    const seconds = (performance.now() - started) / 1000;
    if (measuring !== undefined && sites !== undefined) {
      const runner = createMeasuringRunner({ ...measuring, kernels: sites });
      const walk = createQuantisedModel(graph, weights, runner, pool);
      const walked = await measureLoss(walk.forward, windows.slice(0, 1));
      if (!walked.ok) return fail([walked.error]);
    }
    return succeed({ place, where, ...loss.value, seconds, ...(errors && { layers: errors.report() }) });
  } finally {
    progress.clear();
    await close();
  }
}
