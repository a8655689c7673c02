import { readCalibration } from '../calibrate/read-calibration.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { openThreads } from '../linear-algebra/open-threads.ts';
import { loadWeightedModel, type WeightedModel } from '../load-weighted-model.ts';
import { performQuantise } from '../quantise/perform-quantise.ts';
import { warnOfWork } from '../quantised-checkpoint/estimate-work.ts';
import { findOtherOutput } from '../quantised-checkpoint/place-quantised.ts';
import { type QuantisedCheckpoint, quantiseCheckpoint } from '../quantised-checkpoint/quantise-checkpoint.ts';
import type { StatisticsSource } from '../quantised-checkpoint/quantise-model.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { CommandContext, ExitCode } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { cutCalibrationWindows } from './cut-calibration-windows.ts';
import { exportQuantiseWork } from './export-quantise-work.ts';
import { formatFrontier } from './format-frontier.ts';
import { interruptible } from './interruptible.ts';
import type { Made } from './made.ts';
import { toLoadRequest } from './model-options.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import { type BudgetMeans, quantizeWithinBudget } from './quantize-within-budget.ts';
import { type BudgetChoices, readBudgetOptions } from './read-budget-options.ts';
import { overridesOf, type QuantizeChoices, readQuantizeOptions } from './read-quantize-options.ts';
import { showFraction } from './show-fraction.ts';
import { formatQuantised, summariseQuantised } from './summarise-quantised.ts';

type Faults = readonly Diagnostic[];

/** `quikc quantize`: a checkpoint's weights as the kernels read them. Workers are quantise-worker and evaluate-worker, bundled. */
export async function quantize(
  path: string,
  options: QuantizeOptions,
  context: CommandContext,
  worker: URL,
  evaluateWorker: URL = worker,
): Promise<ExitCode> {
  const choices = readQuantizeOptions(options);
  const within = choices.ok ? readBudget(options, choices.value) : choices;
  if (!choices.ok || !within.ok) {
    const fault = choices.ok ? within : choices;
    reportDiagnostics(fault.ok ? [] : [fault.error], options, context);
    return 2;
  }
  const occupied = findOtherOutput(options.output);
  if (occupied !== undefined) {
    reportDiagnostics([occupied], options, context);
    return 1;
  }
  const progress = showFraction('quantising', options, context);
  const started = performance.now();
  const outcome = await interruptible((signal) => {
    const workers = { quantise: worker, evaluate: evaluateWorker };
    if (choices.value.work !== undefined)
      return exportQuantiseWork(path, options, choices.value, choices.value.work);
    return within.value === undefined
      ? runOnce(path, options, choices.value, { signal, worker, context, onFraction: progress.onFraction })
      : runWithinBudget(path, options, choices.value, within.value, { signal, workers, context });
  });
  progress.clear();
  if (outcome.interrupted) {
    context.err('quantize was interrupted: the same command goes on from where it was\n');
    return 130;
  }
  if (!outcome.value.ok) {
    reportDiagnostics(outcome.value.error, options, context);
    return exitCodeOf(outcome.value.error);
  }
  const { warnings, report } = outcome.value.value;
  const { json, text } = report((performance.now() - started) / 1000);
  reportResult({ json, text: options.quiet === true ? '' : text }, warnings, options, context);
  return 0;
}

async function runOnce(
  path: string,
  options: QuantizeOptions,
  choices: QuantizeChoices,
  means: Means,
): Promise<Result<Made, Faults>> {
  const made = await run(path, options, choices, means);
  if (!made.ok) return made;
  const { warnings, ...checkpoint } = made.value;
  const report = (seconds: number) => {
    const json = { output: options.output, ...summariseQuantised(checkpoint), seconds };
    return { json, text: formatQuantised(json) };
  };
  return succeed({ warnings, report });
}

async function runWithinBudget(
  path: string,
  options: QuantizeOptions,
  choices: QuantizeChoices,
  budget: BudgetChoices & { readonly calibration: string },
  means: BudgetMeans,
): Promise<Result<Made, Faults>> {
  const made = await quantizeWithinBudget(path, options, choices, budget, means);
  if (!made.ok) return made;
  const { warnings, ...found } = made.value;
  const report = (seconds: number) => {
    const json = { ...found, seconds };
    return { json, text: formatFrontier(json) };
  };
  return succeed({ warnings, report });
}

/** A budget and the calibration that it is searched with. */
function readBudget(
  options: QuantizeOptions,
  { source, sparsity, work }: QuantizeChoices,
): Result<(BudgetChoices & { readonly calibration: string }) | undefined, Diagnostic> {
  const budget = readBudgetOptions(options);
  if (!budget.ok || budget.value === undefined) return budget.ok ? succeed(undefined) : budget;
  const refuse = (message: string, expected: string) => fail(diagnose('QK186', { message, expected }));
  if (source.kind !== 'calibration')
    return refuse(
      '--ppl-budget without --calibration',
      'what quikc calibrate has gathered, which many recipes need',
    );
  if (work !== undefined) return refuse('--export-work with --ppl-budget', 'one of the two');
  if (options.outliers !== undefined)
    return refuse('--outliers with --ppl-budget', 'no count: it is searched for');
  if (sparsity !== undefined && sparsity !== 'dense')
    return refuse(`--sparsity ${sparsity} with --ppl-budget`, 'dense: no recipe prunes');
  return succeed({ ...budget.value, calibration: source.file });
}

interface Means {
  readonly signal: AbortSignal;
  readonly worker: URL;
  readonly context: CommandContext;
  readonly onFraction: (fraction: number) => void;
}

async function run(
  path: string,
  options: QuantizeOptions,
  choices: QuantizeChoices,
  { signal, worker, context, onFraction }: Means,
): Promise<Result<QuantisedCheckpoint & { readonly model: string; readonly warnings: Faults }, Faults>> {
  const loaded = await loadWeightedModel(path, toLoadRequest(path, options).overrides);
  if (!loaded.ok) return loaded;
  const model = loaded.value;
  const { method, threads: count } = choices;
  const source = await openStatistics(path, model, choices.source);
  if (!source.ok) return source;
  const warnings = [...model.warnings];
  const threads = await openThreads(worker, count, performQuantise);
  try {
    const made = await quantiseCheckpoint({
      ...{ path, model, source: source.value, method, threads, signal, onFraction, output: options.output },
      overrides: overridesOf(choices),
      onWork(multiplyAdds) {
        const warning = warnOfWork(multiplyAdds, count);
        if (warning === undefined) return;
        // People are told before it starts; JSON is one document, at the end.
        if (options.json === true) warnings.push(warning);
        else reportDiagnostics([warning], options, context);
      },
    });
    if (!made.ok) return made;
    return succeed({ ...made.value, model: model.graph.name, warnings });
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
