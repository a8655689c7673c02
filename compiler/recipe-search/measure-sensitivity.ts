import type { Graph } from '../../ir/graph.ts';
import type { Candidate } from '../budget/candidate.ts';
import { candidateKey } from '../budget/candidate.ts';
import { type RowSample, sampleRows } from '../calibrate/sample-rows.ts';
import type { TokenWindows } from '../calibrate/token-windows.ts';
import { type LayerWalk, walkLayers } from '../calibrate/walk-layers.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { LossSum } from '../evaluate/perplexity.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import { outputErrors } from '../quantise/output-errors.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import { chooseColumnsOf } from '../quantised-checkpoint/group-by-factor.ts';
import type { PlannedGroup, PlannedLayer, PlannedLinear } from '../quantised-checkpoint/plan-quantisation.ts';
import { describeFault } from '../quantised-checkpoint/quantise-group.ts';
import type { QuantiseMethod } from '../quantised-checkpoint/quantise-method.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import { type Matrix, makeMatrix } from '../reference/float-model/matrix.ts';
import { multiplyOn } from '../reference/float-model/multiply-pool.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';

export interface SensitivityRequest {
  /** As it was imported, with its shapes. */
  readonly graph: Graph;
  readonly plan: readonly PlannedLayer[];
  readonly tokens: TokenWindows;
  /** So many of the first windows' logits are kept. */
  readonly keptWindows: number;
  /** Of a group of linears. */
  readonly candidatesOf: (group: PlannedGroup) => readonly Candidate[];
  readonly statisticsOf: (linear: string) => LinearStatistics;
  readonly method: Pick<QuantiseMethod, 'score' | 'threshold'>;
  readonly read: ReadWeight<Diagnostic>;
  readonly threads: Threads<QuantiseJob>;
  readonly folder: () => string;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

/** What one walk of the float model over a text tells. */
export interface Sensitivity {
  /** Mean of -ln p of the float model. */
  readonly loss: number;
  /** By a group's first linear, then by candidate: what its outputs are off by, added up over its linears. */
  readonly errors: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Logits of the first windows. */
  readonly logits: readonly Matrix[];
}

const sampledRows = 64;
/** Of a linear, evenly spread: with as many rows, thousands of outputs of each candidate. */
const sampledChannels = 128;

/**
 * Runs the float model over a text, once: its loss, and for every group of linears what its outputs are off by for each candidate, on
 * sampled rows and channels. Rejects when the signal is aborted.
 */
export async function measureSensitivity(
  request: SensitivityRequest,
): Promise<Result<Sensitivity, Diagnostic>> {
  const { graph, plan, tokens, read, threads, folder, signal, onFraction } = request;
  const walked = walkLayers({ graph, tokens, read, multiply: multiplyOn(threads), folder, signal });
  if (!walked.ok) return walked;
  const walk = walked.value;
  const errors = new Map<string, ReadonlyMap<string, number>>();
  try {
    for (const [at, planned] of plan.entries()) {
      const report = (fraction: number) => onFraction((at + 0.8 * fraction) / plan.length);
      if (at === plan.length - 1) {
        const { loss, logits, samples } = await passLast(walk, planned, request, report);
        if (!samples.ok) return samples;
        const measured = measureLayer(request, planned, samples.value, errors);
        return measured.ok ? succeed({ loss: loss.loss.mean, errors, logits }) : measured;
      }
      const samples = startSamples(planned, tokens);
      const passed = await walk.advance({ observe: observe(samples), onFraction: report });
      if (!passed.ok) return passed;
      const measured = measureLayer(request, planned, samples, errors);
      if (!measured.ok) return measured;
    }
    assert(false, 'a model has a layer');
  } finally {
    walk.close();
  }
}

type Samples = ReadonlyMap<PlannedGroup['group']['input'], RowSample>;

function startSamples({ groups }: PlannedLayer, tokens: TokenWindows): Samples {
  return new Map(groups.map(({ group }) => [group.input, sampleRows(tokens, group.k, sampledRows)]));
}

function observe(samples: Samples) {
  return ({ input }: { input: PlannedGroup['group']['input'] }, rows: Matrix, window: number) =>
    samples.get(input)?.add(rows, window);
}

/** The last layer puts out logits, which are too many to be kept as activations are. */
async function passLast(
  walk: LayerWalk,
  planned: PlannedLayer,
  { tokens, keptWindows }: SensitivityRequest,
  onFraction: (fraction: number) => void,
) {
  const samples = startSamples(planned, tokens);
  const loss = new LossSum();
  const logits: Matrix[] = [];
  const passed = await walk.look({
    observe: observe(samples),
    output(rows, window) {
      loss.add([...tokens.ids.subarray(window * tokens.window, (window + 1) * tokens.window)], rows);
      if (window >= keptWindows) return;
      const copy = makeMatrix(rows.rows, rows.columns);
      copy.data.set(rows.data);
      logits.push(copy);
    },
    onFraction,
  });
  return { loss, logits, samples: passed.ok ? succeed(samples) : passed };
}

function measureLayer(
  request: SensitivityRequest,
  { layer, groups }: PlannedLayer,
  samples: Samples,
  errors: Map<string, ReadonlyMap<string, number>>,
): Result<undefined, Diagnostic> {
  for (const group of groups) {
    const [first] = group.linears;
    const rows = samples.get(group.group.input)?.finish();
    if (first === undefined || rows === undefined) continue;
    const candidates = request.candidatesOf(group);
    const sums = new Map<string, number>();
    for (const planned of group.linears) {
      const weights = request.read(planned.weight, layer.index);
      if (!weights.ok) return weights;
      const measured = measureLinear(request, planned, weights.value, rows, candidates);
      if (!measured.ok) return measured;
      candidates.forEach((candidate, index) => {
        const key = candidateKey(candidate);
        sums.set(key, (sums.get(key) ?? 0) + (measured.value[index] ?? 0));
      });
    }
    errors.set(first.name, sums);
  }
  return succeed(undefined);
}

function measureLinear(
  { graph, threads, statisticsOf, method }: SensitivityRequest,
  { name, n, k, clip }: PlannedLinear,
  weights: Float32Array,
  rows: Matrix,
  candidates: readonly Candidate[],
): Result<readonly number[], Diagnostic> {
  const channels = Math.min(n, sampledChannels);
  const sampled = new Float32Array(channels * k);
  for (let row = 0; row < channels; row++) {
    const from = Math.floor((row * n) / channels) * k;
    sampled.set(weights.subarray(from, from + k), row * k);
  }
  const statistics = statisticsOf(name);
  const sample = { rows: rows.data, weights: sampled, channels, k, dtype: graph.dtype, clip };
  const errors = outputErrors(
    threads,
    sample,
    candidates.map(({ bits, outliers }) => ({
      bits,
      outlierColumns: chooseColumnsOf(statistics, outliers, method, bits),
    })),
  );
  return errors.ok ? errors : fail(describeFault(name, errors.error));
}
