import type { Graph } from '../../ir/graph.ts';
import { gatherLayer } from '../calibrate/gather-layer.ts';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import type { TokenWindows } from '../calibrate/token-windows.ts';
import { type LayerWalk, walkLayers } from '../calibrate/walk-layers.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import { multiplyOn } from '../reference/float-model/multiply-pool.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { assert } from '../support/assert.ts';
import { type Result, succeed } from '../support/result.ts';
import type { PlannedLayer } from './plan-quantisation.ts';
import { quantiseGroup } from './quantise-group.ts';
import type { QuantiseMethod } from './quantise-method.ts';
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
  const { plan, workspace, method, threads, signal } = request;
  for (const [at, { groups }] of plan.entries()) {
    for (const [index, { group }] of groups.entries()) {
      if (workspace.hasGroup(at, index)) continue;
      await breathe(signal);
      const memory = () => threads.room.take64('grams', group.k ** 2);
      const name = group.linears[0]?.name ?? '';
      const statistics = statisticsOfGroup(calibration, name, method.method, memory);
      if (!statistics.ok) return statistics;
      const saved = quantiseNumbered(request, at, index, statistics.value);
      if (!saved.ok) return saved;
      progress.at(at, (index + 1) / groups.length);
    }
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

/** Gathers what the next layer's linears read, quantises those that are not there yet, and goes on behind the layer. */
async function quantiseNext(
  request: QuantiseRequest,
  walk: LayerWalk,
  progress: Progress,
  isLast: boolean,
): Promise<Result<undefined, Diagnostic>> {
  const { plan, workspace, method, threads } = request;
  const { at } = walk.state();
  const planned = plan[at];
  const missing = [...(planned?.groups ?? []).entries()].filter(([index]) => !workspace.hasGroup(at, index));
  const gathered = await gatherLayer(walk, missing, {
    groupOf: ([, { group }]) => group,
    ...(method.method === 'gptq' ? { grams: threads } : {}),
    advance: !isLast && !method.propagate,
    async onGroup([index], statistics) {
      await breathe(request.signal);
      return quantiseNumbered(request, at, index, statistics);
    },
    shareOfWindows: 0.6,
    onFraction: (fraction) => progress.at(at, fraction),
  });
  if (!gathered.ok || isLast) return gathered;
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

/** Quantises a group of a layer, by their numbers in the plan, and saves it. */
function quantiseNumbered(
  { plan, method, graph, read, threads, workspace }: QuantiseRequest,
  at: number,
  index: number,
  statistics: LinearStatistics,
): Result<undefined, Diagnostic> {
  const { layer, groups } = plan[at] ?? {};
  const group = groups?.[index];
  assert(layer !== undefined && group !== undefined, 'the group is of the plan');
  const made = quantiseGroup(group, layer.index, statistics, method, { dtype: graph.dtype, read, threads });
  return made.ok ? workspace.saveGroup(at, index, made.value) : made;
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
