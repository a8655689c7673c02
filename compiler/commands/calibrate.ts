import { calibrationFormat, writeCalibration } from '../calibrate/create-calibration-file.ts';
import { readCalibration } from '../calibrate/read-calibration.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { noOverrides } from '../frontend/layer-rule.ts';
import { openModel } from '../frontend/open-model.ts';
import { formatCount } from '../support/format-count.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { type Calibrated, calibrateWeights } from './calibrate-weights.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { findOtherFile } from './find-other-file.ts';
import { interruptible } from './interruptible.ts';
import { type CalibrateTexts, readCalibrateOptions } from './read-calibrate-options.ts';
import { showFraction } from './show-fraction.ts';

export interface CalibrateOptions extends OutputOptions, CalibrateTexts {
  readonly output: string;
}

type Faults = readonly Diagnostic[];

/** `quikc calibrate`: what enters each linear of a model, over some text. `worker`: multiply-worker, bundled. */
export async function calibrate(
  path: string,
  options: CalibrateOptions,
  context: CommandContext,
  worker?: URL,
): Promise<ExitCode> {
  const choices = readCalibrateOptions(options);
  if (!choices.ok) {
    reportDiagnostics([choices.error], options, context);
    return 2;
  }
  const { output } = options;
  const occupied = findOtherFile(output, calibrationFormat);
  if (occupied !== undefined) {
    reportDiagnostics([occupied], options, context);
    return 1;
  }
  const progress = showFraction('calibrating', options, context);
  const started = performance.now();
  const run = (signal: AbortSignal) =>
    choices.value.source.kind === 'scales'
      ? convertScales(path, choices.value.source.file, output)
      : calibrateWeights(path, output, choices.value, { signal, worker, onFraction: progress.onFraction });
  const outcome = await interruptible(run);
  progress.clear();
  if (outcome.interrupted) {
    context.err('calibrate was interrupted: nothing was written\n');
    return 130;
  }
  if (!outcome.value.ok) {
    reportDiagnostics(outcome.value.error, options, context);
    return exitCodeOf(outcome.value.error);
  }
  const { warnings, ...facts } = outcome.value.value;
  const seconds = (performance.now() - started) / 1000;
  const of = facts.tokens === 0 ? '' : `, ${formatCount(facts.tokens)} tokens in windows of ${facts.window}`;
  const text = options.quiet === true ? '' : `${output}: ${facts.linears} linears${of}\n`;
  reportResult({ json: { output, ...facts, seconds }, text }, warnings, options, context);
  return 0;
}

/** SmoothQuant's scales as a calibration file. Needs no weights. */
async function convertScales(
  path: string,
  file: string,
  output: string,
): Promise<Result<Calibrated, Faults>> {
  const opened = await openModel(path);
  if (!opened.ok) return opened;
  const graph = opened.value.toGraph(noOverrides);
  if (!graph.ok) return fail(opened.value.locate(graph.error));
  const read = readCalibration(file, graph.value);
  if (!read.ok) return read;
  const written = writeCalibration(output, graph.value.name, read.value);
  if (!written.ok) return fail([written.error]);
  const { tokens, window, linears } = read.value;
  return succeed({ model: graph.value.name, tokens, window, linears: linears.size, warnings: [] });
}
