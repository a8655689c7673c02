import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { gatherStatistics } from './gather-statistics.ts';
import type { LinearGroup } from './list-layers.ts';
import type { LayerWalk } from './walk-layers.ts';

export interface GatherLayerOptions<G> {
  readonly groupOf: (wanted: G) => LinearGroup;
  /** What computes Xᵀ X, where that is wanted too. */
  readonly grams?: Threads<ProductJob>;
  /** Whether the walk goes on behind the layer. */
  readonly advance: boolean;
  /** Takes the statistics of a group, Xᵀ X to be used up; a fault ends it. */
  readonly onGroup: (
    wanted: G,
    statistics: LinearStatistics,
  ) => Result<undefined, Diagnostic> | Promise<Result<undefined, Diagnostic>>;
  /** Of the time that a pass takes, what goes by until its groups are handed out. */
  readonly shareOfWindows: number;
  /** How much of the layer is done, from 0 to 1. */
  readonly onFraction: (fraction: number) => void;
}

/** Values of Grams that are gathered at once, if the largest of the layer has no more. */
const fewValues = 2 ** 24;

/**
 * Statistics of what `wanted` linears of the walk's next layer read, in as many passes as it takes for no more than the largest Xᵀ X of
 * the layer, or 128 MiB, to be in memory. Faults: of weights, QK171, QK177 not finite. Takes the threads' room for `grams`.
 */
export async function gatherLayer<G>(
  walk: LayerWalk,
  wanted: readonly G[],
  { groupOf, grams, advance, onGroup, shareOfWindows, onFraction }: GatherLayerOptions<G>,
): Promise<Result<undefined, Diagnostic>> {
  const sizeOf = (own: G) => (grams === undefined ? 0 : groupOf(own).k ** 2);
  const passes = splitPasses(wanted, sizeOf);
  const room = grams?.room.take64('grams', Math.max(0, ...passes.map((pass) => sumOf(pass, sizeOf))));
  for (const [index, pass] of passes.entries()) {
    const gathered = pass.map((own, place) => {
      const from = sumOf(pass.slice(0, place), sizeOf);
      const gram = room?.subarray(from, from + sizeOf(own));
      return { own, gatherer: gatherStatistics(groupOf(own).k, grams && gram && { threads: grams, gram }) };
    });
    const byInput = new Map(gathered.map(({ own, gatherer }) => [groupOf(own).input, gatherer]));
    const visit = {
      observe: ({ input }: LinearGroup, rows: Matrix) => byInput.get(input)?.add(rows),
      onFraction: (fraction: number) => onFraction((index + shareOfWindows * fraction) / passes.length),
    };
    const isLast = index === passes.length - 1;
    const passed = await (advance && isLast ? walk.advance(visit) : walk.look(visit));
    if (!passed.ok) return passed;
    for (const { own, gatherer } of gathered) {
      const statistics = gatherer.finish();
      if (statistics === undefined) {
        const { linears, input } = groupOf(own);
        const message = `the input of ${linears[0]?.name ?? input} is not finite`;
        return fail(diagnose('QK177', { message, hint: 'the weights are damaged, or of another model' }));
      }
      const taken = await onGroup(own, statistics);
      if (!taken.ok) return taken;
    }
  }
  return succeed(undefined);
}

function splitPasses<G>(wanted: readonly G[], sizeOf: (own: G) => number): readonly G[][] {
  const most = Math.max(fewValues, ...wanted.map(sizeOf));
  const passes: G[][] = [];
  for (const own of wanted) {
    const last = passes.at(-1);
    if (last !== undefined && sumOf(last, sizeOf) + sizeOf(own) <= most) last.push(own);
    else passes.push([own]);
  }
  return passes;
}

function sumOf<G>(pass: readonly G[], sizeOf: (own: G) => number): number {
  return pass.reduce((sum, own) => sum + sizeOf(own), 0);
}
