import type { Graph } from '../../ir/graph.ts';
import { gatherStatistics } from '../calibrate/gather-statistics.ts';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import type { TokenWindows } from '../calibrate/token-windows.ts';
import { type LayerWalk, walkLayers } from '../calibrate/walk-layers.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import { multiplyOn } from '../reference/float-model/multiply-pool.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { PlannedGroup, PlannedLayer } from './plan-quantisation.ts';
import { type NamedLinear, type QuantiseMethod, quantiseGroup } from './quantise-group.ts';
import type { QuantiseWorkspace } from './quantise-workspace.ts';
import { statisticsOfGroup } from './statistics-of-group.ts';

/** Where statistics come from: a file, or the model itself, run over tokens. */
export type StatisticsSource =
  | { readonly kind: 'file'; readonly calibration: CalibrationFile }
  | { readonly kind: 'walk'; readonly tokens: TokenWindows };

export interface QuantiseRequest {
  /** As it was imported, with its shapes. */
  readonly graph: Graph;
  readonly plan: readonly PlannedLayer[];
  readonly source: StatisticsSource;
  readonly method: QuantiseMethod;
  /** Of the model's own weights, rounded to its format, forgotten as soon as they are read. */
  readonly read: ReadWeight<Diagnostic>;
  readonly threads: Threads<QuantiseJob>;
  readonly workspace: QuantiseWorkspace;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

/** Grams that are gathered in one pass through a layer: beyond it, groups have passes of their own. */
const mostGramBytes = 2 ** 31;

/**
 * Quantises all linears of a plan, layer by layer, into the workspace; those that are there already are left as they are. The
 * statistics are those of the float model: no layer sees what became of those before it. Rejects when the signal is aborted.
 */
export async function quantiseModel(request: QuantiseRequest): Promise<Result<undefined, Diagnostic>> {
  const { plan, source } = request;
  const last = plan.findLastIndex(({ groups }) => groups.length > 0);
  const shares = plan.slice(0, last + 1).map(costOf);
  const progress = makeProgress(shares, request.onFraction);
  if (source.kind === 'file') return quantiseByFile(request, source.calibration, progress);
  const walk = startWalk(request, source.tokens);
  if (!walk.ok) return walk;
  try {
    for (let at = walk.value.state().at; at <= last; at++) {
      const done = await quantiseNext(request, walk.value, progress, at === last);
      if (!done.ok) return done;
    }
    return succeed(undefined);
  } finally {
    walk.value.close();
  }
}

async function quantiseByFile(
  request: QuantiseRequest,
  calibration: CalibrationFile,
  progress: Progress,
): Promise<Result<undefined, Diagnostic>> {
  const { plan, workspace, method, signal } = request;
  for (const [at, planned] of plan.entries()) {
    if (planned.groups.length === 0 || workspace.layerFile(at) !== undefined) continue;
    const made: NamedLinear[] = [];
    for (const [index, group] of planned.groups.entries()) {
      await breathe(signal);
      const [first] = group.group.linears;
      const statistics = statisticsOfGroup(calibration, first?.name ?? '', method.method);
      if (!statistics.ok) return statistics;
      const linearsOf = quantiseWith(request, planned, group, statistics.value);
      if (!linearsOf.ok) return linearsOf;
      made.push(...linearsOf.value);
      progress.at(at, (index + 1) / planned.groups.length);
    }
    const saved = workspace.saveLayer(at, made);
    if (!saved.ok) return saved;
  }
  return succeed(undefined);
}

function startWalk(
  { graph, read, threads, workspace, signal }: QuantiseRequest,
  tokens: TokenWindows,
): Result<LayerWalk, Diagnostic> {
  const folder = () => workspace.folder;
  const options = { graph, tokens, read, multiply: multiplyOn(threads), folder, signal };
  return walkLayers(options, workspace.readWalk(tokens));
}

/** Gathers what the next layer's linears read, quantises them, and goes on behind the layer. */
async function quantiseNext(
  request: QuantiseRequest,
  walk: LayerWalk,
  progress: Progress,
  isLast: boolean,
): Promise<Result<undefined, Diagnostic>> {
  const { plan, workspace, method, threads } = request;
  const { at } = walk.state();
  const planned = plan[at];
  const isDone =
    planned === undefined || planned.groups.length === 0 || workspace.layerFile(at) !== undefined;
  const passes = isDone ? [] : splitPasses(planned.groups, method);
  const made: NamedLinear[] = [];
  for (const [index, groups] of passes.entries()) {
    const goesOn = index === passes.length - 1 && !isLast && !method.propagate;
    const grams = method.method === 'gptq' ? { grams: threads } : {};
    const gatherers = new Map(groups.map(({ group }) => [group.input, gatherStatistics(group.k, grams)]));
    const visit = {
      observe: ({ input }: { input: PlannedGroup['group']['input'] }, rows: Parameters<Gatherer['add']>[0]) =>
        gatherers.get(input)?.add(rows),
      onFraction: (fraction: number) => progress.at(at, (index + 0.6 * fraction) / passes.length),
    };
    const passed = await (goesOn ? walk.advance(visit) : walk.look(visit));
    if (!passed.ok) return passed;
    for (const group of groups) {
      await breathe(request.signal);
      const statistics = gatherers.get(group.group.input)?.finish();
      if (statistics === undefined) {
        const message = `the input of ${group.linears[0]?.name} is not finite`;
        return fail(diagnose('QK177', { message, hint: 'the weights are damaged, or of another model' }));
      }
      const linears = quantiseWith(request, planned as PlannedLayer, group, statistics);
      if (!linears.ok) return linears;
      made.push(...linears.value);
    }
  }
  const saved = isDone ? succeed(undefined) : workspace.saveLayer(at, made);
  if (!saved.ok || isLast) return saved;
  if (walk.state().at === at) {
    const read = method.propagate ? workspace.readLayer(at, planned, request.read) : succeed(request.read);
    if (!read.ok) return read;
    const passed = await walk.advance({
      read: read.value,
      onFraction: (fraction) => progress.at(at, 0.6 + 0.4 * fraction),
    });
    if (!passed.ok) return passed;
  }
  progress.at(at, 1);
  return workspace.saveWalk(walk);
}

type Gatherer = ReturnType<typeof gatherStatistics>;

/** Groups whose Grams are in memory at once. */
function splitPasses(groups: readonly PlannedGroup[], { method }: QuantiseMethod): PlannedGroup[][] {
  const passes: PlannedGroup[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const group of groups) {
    const own = method === 'gptq' ? 8 * group.group.k ** 2 : 0;
    if (bytes + own > mostGramBytes) {
      passes.push([]);
      bytes = 0;
    }
    bytes += own;
    passes.at(-1)?.push(group);
  }
  return passes;
}

function quantiseWith(
  { method, graph, read, threads }: QuantiseRequest,
  { layer }: PlannedLayer,
  group: PlannedGroup,
  statistics: LinearStatistics,
): Result<readonly NamedLinear[], Diagnostic> {
  return quantiseGroup(group, layer.index, statistics, method, { dtype: graph.dtype, read, threads });
}

interface Progress {
  /** So much of a layer is done, and all before it. */
  at(layer: number, fraction: number): void;
}

function makeProgress(shares: readonly number[], onFraction: (fraction: number) => void): Progress {
  const all = shares.reduce((sum, share) => sum + share, 0);
  const before = shares.map((_, at) => shares.slice(0, at).reduce((sum, share) => sum + share, 0));
  return {
    at: (layer, fraction) => onFraction(((before[layer] ?? 0) + fraction * (shares[layer] ?? 0)) / all),
  };
}

/** Roughly in proportion to the time that a layer takes. */
function costOf({ groups }: PlannedLayer): number {
  const weights = groups.flatMap(({ linears }) => linears.map(({ n, k }) => n * k));
  return 1 + weights.reduce((sum, count) => sum + count, 0);
}

/** Lets a signal come in. */
async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
