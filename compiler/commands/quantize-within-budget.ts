import { readCalibration } from '../calibrate/read-calibration.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { openEvaluatePool } from '../evaluate/evaluate-pool.ts';
import { openThreads } from '../linear-algebra/open-threads.ts';
import { loadWeightedModel } from '../load-weighted-model.ts';
import { performQuantise } from '../quantise/perform-quantise.ts';
import { quantiseWithinBudget } from '../recipe-search/quantise-within-budget.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { CommandContext } from './command.ts';
import { cutCalibrationWindows } from './cut-calibration-windows.ts';
import type { BudgetReport } from './format-frontier.ts';
import { toLoadRequest } from './model-options.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import type { BudgetChoices } from './read-budget-options.ts';
import type { QuantizeChoices } from './read-quantize-options.ts';
import { showFraction } from './show-fraction.ts';
import { summariseFrontier } from './summarise-frontier.ts';

type Faults = readonly Diagnostic[];

export interface BudgetMeans {
  readonly signal: AbortSignal;
  /** quantise-worker and evaluate-worker, bundled. */
  readonly workers: { readonly quantise: URL; readonly evaluate: URL };
  readonly context: CommandContext;
}

/** `quikc quantize --ppl-budget`: the cheapest recipe within a budget. */
export async function quantizeWithinBudget(
  path: string,
  options: QuantizeOptions,
  { method, clip, threads: count }: QuantizeChoices,
  choices: BudgetChoices & { readonly calibration: string },
  { signal, workers, context }: BudgetMeans,
): Promise<Result<Omit<BudgetReport, 'seconds'> & { readonly warnings: Faults }, Faults>> {
  const { overrides, columns } = toLoadRequest(path, options);
  // How many outlier columns are kept is searched for; the model's own count may be more than it has.
  const loaded = await loadWeightedModel(path, { ...overrides, outliers: '0' });
  if (!loaded.ok) return loaded;
  const model = loaded.value;
  const calibration = readCalibration(choices.calibration, model.graph);
  if (!calibration.ok) return calibration;
  const cut = await cutCalibrationWindows(path, model, choices.text.kind, choices.text);
  if (!cut.ok) return cut;
  const text = cut.value;
  const stages = showStages(options, context);
  const threads = await openThreads(workers.quantise, count, performQuantise);
  const pool = await openEvaluatePool(workers.evaluate, count);
  try {
    const { budget, target, rows, objective, most } = choices;
    const found = await quantiseWithinBudget({
      ...{ path, model, calibration: calibration.value, method, clip, text, output: options.output },
      ...{ threads, pool, signal, budget, target, rows, columns, objective, most },
      onStage: stages.onStage,
    });
    if (!found.ok) return fail(found.error);
    return succeed({
      ...summariseFrontier(found.value),
      ...{ output: options.output, model: model.graph.name, budget, rows, minimised: objective },
      ...{ target: target.id, gpu: target.gpu.name, windows: text.count, window: text.window },
      warnings: model.warnings,
    });
  } finally {
    stages.clear();
    await threads.close();
    await pool.close();
  }
}

/** A line for each stage, which takes the place of the one before. */
function showStages(options: QuantizeOptions, context: CommandContext) {
  let shown:
    | { readonly stage: string; readonly line: ReturnType<typeof showFraction>; last: number }
    | undefined;
  return {
    onStage(stage: string, fraction: number) {
      if (shown?.stage !== stage || fraction < shown.last) {
        shown?.line.clear();
        shown = { stage, line: showFraction(stage, options, context), last: fraction };
      }
      shown.last = fraction;
      shown.line.onFraction(fraction);
    },
    clear: () => shown?.line.clear(),
  };
}
