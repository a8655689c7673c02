import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import { assert } from '../support/assert.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { gatherStatistics } from './gather-statistics.ts';
import type { LinearGroup, ModelLayer } from './list-layers.ts';
import { neededNodes } from './needed-nodes.ts';
import type { LayerWalk } from './walk-layers.ts';

export interface CalibrateOptions {
  /** What computes Xᵀ X, where that is wanted too: 8 K² bytes for each value of the layer that the walk is at. */
  readonly grams?: Threads<ProductJob>;
  /** Takes the statistics of the linears of a group; a fault ends it. */
  readonly onGroup: (group: LinearGroup, statistics: LinearStatistics) => Result<undefined, Diagnostic>;
  readonly onFraction?: (fraction: number) => void;
}

/** Statistics of the inputs of all linears, layer by layer. Faults: of weights, QK171 of what is written, QK177 not finite. */
export async function calibrateModel(
  walk: LayerWalk,
  { grams, onGroup, onFraction }: CalibrateOptions,
): Promise<Result<undefined, Diagnostic>> {
  const { layers, tokens } = walk;
  const last = layers.findLastIndex(({ groups }) => groups.length > 0);
  const costs = layers.map((layer, at) => costOf(layer, at < last, grams !== undefined));
  const all = costs.reduce((sum, cost) => sum + cost, 0);
  let done = 0;
  for (let at = 0; at <= last; at++) {
    const layer = layers[at];
    const cost = costs[at] ?? 0;
    assert(layer !== undefined && walk.state().at === at, 'a walk stands before its first layer');
    const gathered = layer.groups.map((group) => ({
      group,
      gatherer: gatherStatistics(group.k, grams === undefined ? {} : { grams }),
    }));
    const byInput = new Map(gathered.map(({ group, gatherer }) => [group.input, gatherer]));
    const visit = {
      observe: ({ input }: LinearGroup, rows: Parameters<(typeof gathered)[0]['gatherer']['add']>[0]) =>
        byInput.get(input)?.add(rows),
      onFraction: (fraction: number) => onFraction?.((done + fraction * cost) / all),
    };
    // Behind the last linears there is nothing to be seen: their own products, of a large head above all, are spared.
    const passed = await (at < last ? walk.advance(visit) : walk.look(visit));
    if (!passed.ok) return passed;
    for (const { group, gatherer } of gathered) {
      const statistics = gatherer.finish();
      if (statistics === undefined) {
        const message = `the input of ${group.linears[0]?.name ?? group.input} is not finite after ${tokens.ids.length} tokens`;
        return fail(diagnose('QK177', { message, hint: 'the weights are damaged, or of another model' }));
      }
      const taken = onGroup(group, statistics);
      if (!taken.ok) return taken;
    }
    done += cost;
  }
  return succeed(undefined);
}

/** Multiply-adds of one token, roughly: what takes the time. */
function costOf({ block, groups }: ModelLayer, whole: boolean, grams: boolean): number {
  const goals = groups.map(({ input }) => input);
  const needed = neededNodes(block, whole ? [...goals, block.output] : goals);
  const products = block.nodes.map((node) =>
    node.op === 'linear' && needed.has(node.id) ? node.k * node.parts.reduce((sum, { n }) => sum + n, 0) : 1,
  );
  const squares = groups.map(({ k }) => (grams ? (k * k) / 2 : 0));
  return [...products, ...squares].reduce((sum, cost) => sum + cost, 0);
}
