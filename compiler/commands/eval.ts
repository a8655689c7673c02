import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { limitsOf } from '../evaluate/cut-windows.ts';
import { type EvaluatePool, openEvaluatePool } from '../evaluate/evaluate-pool.ts';
import { type LoadedEvaluation, loadEvaluation } from '../open-evaluation/load-evaluation.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { type CommandContext, type ExitCode, reportResult } from './command.ts';
import { cutEvaluationWindows, type TextOptions } from './cut-evaluation-windows.ts';
import {
  type EvaluationOptions,
  type EvaluationPlace,
  readCount,
  readPlaces,
  readThreads,
} from './evaluation-options.ts';
import { formatEvaluation, type PlaceResult } from './format-evaluation.ts';
import { measurePlace } from './measure-place.ts';
import { toLoadRequest } from './model-options.ts';
import { reportEvaluationFaults } from './report-evaluation.ts';

export interface EvalOptions extends EvaluationOptions, TextOptions {
  readonly window?: string;
  readonly maxTokens?: string;
  readonly against?: string;
  readonly layers?: boolean;
}

/** `quikc eval`: perplexity of a quantised model, by the oracle's numerics and by what its kernels compute. `worker`: a thread. */
export async function evaluate(
  file: string,
  options: EvalOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const prepared = await prepare(file, options);
  if (!prepared.ok) return reportEvaluationFaults(prepared.error, options, context);
  const { threads, loaded, windows } = prepared.value;
  const pool = await openEvaluatePool(worker, threads);
  try {
    const measured = await measureAll(prepared.value, pool, file, options, context);
    if (!measured.ok) return reportEvaluationFaults(measured.error, options, context);
    const results = measured.value;
    const { name: model, dtype } = loaded.graph;
    const tokens = windows.reduce((sum, ids) => sum + ids.length, 0);
    const report = { model, dtype, windows: windows.length, tokens, results };
    reportResult({ json: report, text: formatEvaluation(report) }, loaded.warnings, options, context);
    return results.some(isOutside) ? 4 : 0;
  } finally {
    await pool.close();
  }
}

/** Kernels that did not compute what they have to. */
function isOutside({ layers = [] }: PlaceResult): boolean {
  return layers.some(({ kernels }) => kernels !== undefined && kernels.outside > 0);
}

interface Prepared {
  readonly places: readonly EvaluationPlace[];
  readonly threads: number;
  readonly loaded: LoadedEvaluation;
  readonly windows: readonly (readonly number[])[];
}

/** Everything that can be wrong before anything is computed. */
async function prepare(file: string, options: EvalOptions): Promise<Result<Prepared, readonly Diagnostic[]>> {
  const window = readCount('--window', options.window, 2, 256);
  const most = readCount('--max-tokens', options.maxTokens, 2, Number.POSITIVE_INFINITY);
  const threads = readThreads(options.threads);
  const asked = options.on === undefined ? undefined : readPlaces(options.on, true);
  for (const read of [window, most, threads, asked]) if (read?.ok === false) return fail([read.error]);
  if (!window.ok || !most.ok || !threads.ok || asked?.ok === false) return fail([]);

  const own = await loadEvaluation(toLoadRequest(file, options));
  if (!own.ok) return own;
  const loaded = await addFloat(own.value, options);
  if (!loaded.ok) return loaded;
  const places = asked?.value ?? (loaded.value.float === undefined ? ['oracle'] : ['float', 'oracle']);
  if (places.includes('float') && loaded.value.float === undefined) {
    const message = 'the weights are quantised already: there is nothing to evaluate in float';
    return fail([diagnose('QK191', { file, message, hint: 'name the float model with --against' })]);
  }
  const limits = limitsOf(loaded.value.graph);
  if (window.value > limits.longest) {
    const expected = `at most ${limits.longest}, the positions that the model has`;
    return fail([diagnose('QK196', { message: `--window ${window.value}`, expected })]);
  }
  const tokenizerOf = options.tokenizer ?? file;
  const windows = await cutEvaluationWindows(options, tokenizerOf, limits, window.value, most.value);
  if (!windows.ok) return windows;
  return succeed({ places, threads: threads.value, loaded: loaded.value, windows: windows.value });
}

/** The float weights of another model, where there is one to be evaluated against. */
async function addFloat(
  loaded: LoadedEvaluation,
  { against }: EvalOptions,
): Promise<Result<LoadedEvaluation, readonly Diagnostic[]>> {
  if (against === undefined) return succeed(loaded);
  // How it would be quantised is of no account.
  const other = await loadEvaluation({ file: against, overrides: { scheme: 'f16', layers: [] } });
  if (!other.ok) return other;
  const { float } = other.value;
  return succeed(float === undefined ? loaded : { ...loaded, float });
}

async function measureAll(
  { places, loaded, windows }: Prepared,
  pool: EvaluatePool,
  file: string,
  options: EvalOptions,
  context: CommandContext,
): Promise<Result<readonly PlaceResult[], readonly Diagnostic[]>> {
  const results: PlaceResult[] = [];
  for (const place of places) {
    const measurement = { place, loaded, windows, pool, load: toLoadRequest(file, options) };
    const measured = await measurePlace(measurement, options, context);
    if (!measured.ok) return measured;
    results.push(measured.value);
  }
  return succeed(results);
}
