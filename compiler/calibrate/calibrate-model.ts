import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import { assert } from '../support/assert.ts';
import type { Result } from '../support/result.ts';
import { succeed } from '../support/result.ts';
import { countProducts } from './count-products.ts';
import { gatherLayer } from './gather-layer.ts';
import type { LinearGroup } from './list-layers.ts';
import type { LayerWalk } from './walk-layers.ts';

export interface CalibrateOptions {
  /** What computes Xᵀ X, where that is wanted too. */
  readonly grams?: Threads<ProductJob>;
  /** Takes the statistics of the linears of a group, whose memory is used again; a fault ends it. */
  readonly onGroup: (group: LinearGroup, statistics: LinearStatistics) => Result<undefined, Diagnostic>;
  readonly onFraction?: (fraction: number) => void;
}

/** Statistics of the inputs of all linears, layer by layer. Faults: of weights, QK171 of what is written, QK177 not finite. */
export async function calibrateModel(
  walk: LayerWalk,
  { grams, onGroup, onFraction }: CalibrateOptions,
): Promise<Result<undefined, Diagnostic>> {
  const { layers } = walk;
  const last = layers.findLastIndex(({ groups }) => groups.length > 0);
  const costs = layers.map((layer, at) => countProducts(layer, at < last, grams !== undefined));
  const all = costs.reduce((sum, cost) => sum + cost, 0);
  let done = 0;
  for (let at = 0; at <= last; at++) {
    const layer = layers[at];
    const cost = costs[at] ?? 0;
    assert(layer !== undefined && walk.state().at === at, 'a walk stands before its first layer');
    // Behind the last linears there is nothing to be seen: their own products, of a large head above all, are spared.
    const gathered = await gatherLayer(walk, layer.groups, {
      ...{ groupOf: (group: LinearGroup) => group, onGroup, advance: at < last, shareOfWindows: 1 },
      ...(grams === undefined ? {} : { grams }),
      onFraction: (fraction) => onFraction?.((done + fraction * cost) / all),
    });
    if (!gathered.ok) return gathered;
    if (walk.state().at === at && at < last) {
      const passed = await walk.advance();
      if (!passed.ok) return passed;
    }
    done += cost;
  }
  return succeed(undefined);
}
