import { readCalibration } from '../calibrate/read-calibration.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { openThreads } from '../linear-algebra/open-threads.ts';
import { loadWeightedModel, type WeightedModel } from '../load-weighted-model.ts';
import { findOtherOutput } from '../place-quantised.ts';
import { performQuantise } from '../quantise/perform-quantise.ts';
import { type QuantisedCheckpoint, quantiseCheckpoint } from '../quantise-checkpoint.ts';
import type { StatisticsSource } from '../quantise-model.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { cutCalibrationWindows } from './cut-calibration-windows.ts';
import { interruptible } from './interruptible.ts';
import { type ModelOptions, toLoadRequest } from './model-options.ts';
import { type QuantizeChoices, type QuantizeTexts, readQuantizeOptions } from './read-quantize-options.ts';
import { showFraction } from './show-fraction.ts';
import { formatQuantised, summariseQuantised } from './summarise-quantised.ts';

export interface QuantizeOptions extends OutputOptions, ModelOptions, QuantizeTexts {
  readonly output: string;
}

type Faults = readonly Diagnostic[];

/** `quikc quantize`: a checkpoint's weights as the kernels read them. `worker`: quantise-worker, bundled. */
export async function quantize(
  path: string,
  options: QuantizeOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const choices = readQuantizeOptions(options);
  if (!choices.ok) {
    reportDiagnostics([choices.error], options, context);
    return 2;
  }
  const occupied = findOtherOutput(options.output);
  if (occupied !== undefined) {
    reportDiagnostics([occupied], options, context);
    return 1;
  }
  const progress = showFraction('quantising', options, context);
  const started = performance.now();
  const outcome = await interruptible((signal) =>
    run(path, options, choices.value, { signal, worker, onFraction: progress.onFraction }).catch(
      (cause: unknown) => {
        if (signal.aborted) return fail<Faults>([]);
        throw cause;
      },
    ),
  );
  progress.clear();
  if (outcome.interrupted) {
    context.err('quantize was interrupted: the same command goes on from where it was\n');
    return 130;
  }
  if (!outcome.value.ok) {
    reportDiagnostics(outcome.value.error, options, context);
    return exitCodeOf(outcome.value.error);
  }
  const { warnings, ...checkpoint } = outcome.value.value;
  const seconds = (performance.now() - started) / 1000;
  const { output } = options;
  const summary = { output, ...summariseQuantised(checkpoint), seconds };
  const text = options.quiet === true ? '' : formatQuantised(summary);
  reportResult({ json: summary, text }, warnings, options, context);
  return 0;
}

interface Means {
  readonly signal: AbortSignal;
  readonly worker: URL;
  readonly onFraction: (fraction: number) => void;
}

async function run(
  path: string,
  options: QuantizeOptions,
  { source: asked, method, sparsity, clip, threads: count }: QuantizeChoices,
  { signal, worker, onFraction }: Means,
): Promise<Result<QuantisedCheckpoint & { readonly model: string; readonly warnings: Faults }, Faults>> {
  const loaded = await loadWeightedModel(path, toLoadRequest(path, options).overrides);
  if (!loaded.ok) return loaded;
  const model = loaded.value;
  const source = await openStatistics(path, model, asked);
  if (!source.ok) return source;
  const threads = await openThreads(worker, count, performQuantise);
  try {
    const made = await quantiseCheckpoint({
      ...{ path, model, source: source.value, method, threads, signal, onFraction, output: options.output },
      overrides: { ...(clip ? {} : { clip }), ...(sparsity === undefined ? {} : { sparsity }) },
    });
    if (!made.ok) return made;
    return succeed({ ...made.value, model: model.graph.name, warnings: model.warnings });
  } finally {
    await threads.close();
  }
}

async function openStatistics(
  path: string,
  model: WeightedModel,
  asked: QuantizeChoices['source'],
): Promise<Result<StatisticsSource, Faults>> {
  if (asked.kind === 'calibration') {
    const calibration = readCalibration(asked.file, model.graph);
    return calibration.ok ? succeed({ kind: 'file', calibration: calibration.value }) : calibration;
  }
  const tokens = await cutCalibrationWindows(path, model, asked.kind, asked);
  return tokens.ok ? succeed({ kind: 'walk', tokens: tokens.value }) : tokens;
}
