import type { BuildOptions } from '../build/build-kernels.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import { createOracleRunner } from '../evaluate/oracle-runner.ts';
import type { Forward } from '../evaluate/perplexity.ts';
import { createQuantisedModel } from '../evaluate/quantised-model.ts';
import type { SiteRunner } from '../evaluate/site-runner.ts';
import type { LoadRequest } from '../load-graph.ts';
import { createFloatModel } from '../reference/float-model/float-model.ts';
import { assert } from '../support/assert.ts';
import { type Result, succeed } from '../support/result.ts';
import type { LoadedEvaluation } from './load-evaluation.ts';
import { type OpenedSites, openSites } from './open-sites.ts';

export interface ForwardRequest {
  readonly place: 'float' | 'oracle' | 'ptx' | 'webgpu';
  readonly loaded: LoadedEvaluation;
  readonly load: LoadRequest;
  readonly pool: EvaluatePool;
  readonly bundle?: string | undefined;
  readonly buildOptions: BuildOptions;
  /** In place of the oracle itself: one that looks at it. */
  readonly oracle?: SiteRunner<unknown> | undefined;
}

export interface OpenedForward {
  readonly forward: Forward<Diagnostic>;
  /** Its kernels, where there are any. */
  readonly sites?: OpenedSites;
  /** What computes, in words. */
  readonly where: string;
  close(): Promise<void>;
}

/** A model, ready to be evaluated in one place. */
export async function openForward(
  request: ForwardRequest,
): Promise<Result<OpenedForward, readonly Diagnostic[]>> {
  const { place, loaded, load, pool, bundle, buildOptions } = request;
  const { graph, weights, float } = loaded;
  const nothing = () => Promise.resolve();
  switch (place) {
    case 'float': {
      assert(float !== undefined, 'a float model has float weights');
      const model = createFloatModel(float.graph, float.read, pool.multiply);
      return succeed({
        forward: (ids, session, wanted) => model.forward(ids, session, wanted),
        where: 'float weights, in float64',
        close: nothing,
      });
    }
    case 'oracle': {
      const runner = request.oracle ?? createOracleRunner(graph.dtype, pool);
      const model = createQuantisedModel(graph, weights, runner, pool);
      return succeed({ forward: model.forward, where: "the oracle's numerics, in float64", close: nothing });
    }
    default: {
      const opened = await openSites({ on: place, load, graph, bundle, pool, buildOptions });
      if (!opened.ok) return opened;
      const sites = opened.value;
      const model = createQuantisedModel(graph, weights, sites.runner, pool);
      return succeed({
        ...{ forward: model.forward, sites, where: sites.where },
        close: () => sites.runner.close(),
      });
    }
  }
}
