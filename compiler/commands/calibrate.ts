import { existsSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { calibrateModel } from '../calibrate/calibrate-model.ts';
import {
  calibrationFormat,
  createCalibrationFile,
  writeCalibration,
} from '../calibrate/create-calibration-file.ts';
import { listLayers } from '../calibrate/list-layers.ts';
import { readCalibration } from '../calibrate/read-calibration.ts';
import { readText, readTokens } from '../calibrate/read-tokens.ts';
import { cutWindows, type TokenWindows } from '../calibrate/token-windows.ts';
import { walkLayers } from '../calibrate/walk-layers.ts';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { openWeights } from '../checkpoint/open-weights.ts';
import { readSafetensorsHeader } from '../checkpoint/read-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { noOverrides } from '../frontend/layer-rule.ts';
import { openModel } from '../frontend/open-model.ts';
import { openTokenizer } from '../frontend/open-tokenizer.ts';
import { loadWeightedModel, type WeightedModel } from '../load-weighted-model.ts';
import { openMultiplyPool } from '../reference/float-model/multiply-pool.ts';
import { formatCount } from '../support/format-count.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { interruptible } from './interruptible.ts';
import {
  type CalibrateChoices,
  type CalibrateTexts,
  readCalibrateOptions,
} from './read-calibrate-options.ts';
import { showFraction } from './show-fraction.ts';

export interface CalibrateOptions extends OutputOptions, CalibrateTexts {
  readonly output: string;
}

type Faults = readonly Diagnostic[];

interface Calibrated {
  readonly model: string;
  readonly tokens: number;
  readonly window: number;
  readonly linears: number;
  readonly warnings: Faults;
}

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
  const occupied = findOtherFile(output);
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
  const outcome = await interruptible((signal) =>
    run(signal).catch((cause: unknown) => {
      if (signal.aborted) return fail<Faults>([]);
      throw cause;
    }),
  );
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

interface Means {
  readonly signal: AbortSignal;
  readonly worker: URL | undefined;
  readonly onFraction: (fraction: number) => void;
}

async function calibrateWeights(
  path: string,
  output: string,
  choices: CalibrateChoices,
  { signal, worker, onFraction }: Means,
): Promise<Result<Calibrated, Faults>> {
  const loaded = await loadWeightedModel(path, noOverrides);
  if (!loaded.ok) return loaded;
  const { graph, tensors, folder, warnings } = loaded.value;
  const tokens = await readWindows(path, loaded.value, choices);
  if (!tokens.ok) return tokens;
  const groups = listLayers(graph).flatMap((layer) => layer.groups);
  const { window } = tokens.value;
  const facts = { model: graph.name, tokens: tokens.value.ids.length, window };
  const created = createCalibrationFile(output, {
    ...facts,
    grams: choices.grams,
    groups: groups.map(({ k, linears }) => ({ k, names: linears.map(({ name }) => name) })),
  });
  if (!created.ok) return fail([created.error]);
  const writer = created.value;
  const threads = worker === undefined ? 1 : (choices.threads ?? availableParallelism());
  const pool = worker === undefined ? undefined : await openMultiplyPool(worker, threads);
  let spill: string | undefined;
  try {
    const walk = walkLayers({
      ...{ graph, tokens: tokens.value, signal },
      read: openWeights(tensors, folder, { dtype: graph.dtype, keep: false, shared: threads > 1 }),
      ...(pool === undefined ? {} : { multiply: pool.multiply }),
      folder: () => {
        spill ??= makeScratchFolder(dirname(output), 'walk');
        return spill;
      },
    });
    if (!walk.ok) return fail([walk.error]);
    const done = await calibrateModel(walk.value, {
      ...{ grams: choices.grams, onFraction },
      onGroup: ({ linears: [first] }, statistics) => writer.add(first?.name ?? '', statistics),
    });
    walk.value.close();
    const finished = done.ok ? writer.finish() : done;
    if (!finished.ok) return fail([finished.error]);
    return succeed({ ...facts, linears: groups.flatMap(({ linears }) => linears).length, warnings });
  } finally {
    writer.abandon();
    await pool?.close();
    if (spill !== undefined) rmSync(spill, { recursive: true, force: true });
  }
}

/** Ids of a file, or of a text by the model's own tokenizer, in windows that the model has room for. */
async function readWindows(
  path: string,
  { vocab, context }: WeightedModel,
  { source: { kind, file }, window: asked, most }: CalibrateChoices,
): Promise<Result<TokenWindows, Faults>> {
  const window = asked ?? Math.min(512, context ?? 512);
  if (context !== undefined && window > context) {
    const message = `a window of ${window} tokens, where the model takes ${context}`;
    return fail([diagnose('QK173', { option: `--window ${window}`, message })]);
  }
  const ids = kind === 'tokens' ? readTokens(file, most) : await cutText(path, file);
  if (!ids.ok) return 'code' in ids.error ? fail([ids.error]) : fail(ids.error);
  const cut = cutWindows(ids.value, { file, vocab, window, ...(most === undefined ? {} : { most }) });
  return cut.ok ? cut : fail([cut.error]);
}

async function cutText(path: string, file: string): Promise<Result<ArrayLike<number>, Faults>> {
  const text = readText(file);
  if (!text.ok) return fail([text.error]);
  const tokenizer = await openTokenizer(path);
  if (!tokenizer.ok) return tokenizer;
  const ids = tokenizer.value.encode(text.value);
  return ids.ok ? ids : fail([ids.error]);
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

/** QK171 where something else than calibration statistics would be written over. */
function findOtherFile(output: string): Diagnostic | undefined {
  if (!existsSync(output)) return undefined;
  const source = openByteSource(output);
  const header = source.ok ? readSafetensorsHeader(source.value) : source;
  if (header.ok && header.value.metadata.get('format') === calibrationFormat) return undefined;
  return diagnose('QK171', {
    file: output,
    message: 'there is another file',
    hint: 'remove it, or name another with -o',
  });
}
