import { join } from 'node:path';
import type { Manifest } from '../../ir/manifest.ts';
import type { TargetId } from '../../ir/problem.ts';
import type { Target } from '../../targets/target.ts';
import { type Compilation, compile as compileModel } from '../compile.ts';
import { devicesOf, type PickedRecords, pickTuned } from '../tune/pick-tuned.ts';
import { type FoundRecords, readRecords } from '../tune/read-records.ts';
import { recordsRoot, shippedRecordsRoot } from '../tune/records-root.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { interruptible } from './interruptible.ts';
import type { ModelOptions } from './model-options.ts';
import { toLoadRequest } from './model-options.ts';
import { readTarget } from './read-target.ts';
import { showBuildProgress } from './show-build-progress.ts';
import { summariseBundle } from './summarise-bundle.ts';

export interface CompileOptions extends ModelOptions, OutputOptions {
  readonly target: string;
  readonly output?: string;
  readonly build: boolean;
  readonly nvcc?: string;
  readonly tuned?: string;
  readonly records?: string;
}

/** `quikc compile`: from a model to a bundle of kernels. */
export async function compile(
  file: string,
  options: CompileOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const target = readTarget(options.target);
  if (!target.ok) {
    reportDiagnostics([target.error], options, context);
    return 2;
  }
  const { id, gpu } = target.value;
  const records = readAllRecords(id, context.env, options.records);
  const picked = pickTuned(records.records, { target: id, device: options.tuned, referenceGpu: gpu.name });
  if (!picked.ok) {
    reportDiagnostics([picked.error], options, context);
    return 2;
  }
  const outcome = await interruptible((signal) =>
    run(file, target.value, picked.value, signal, options, context),
  );
  if (outcome.interrupted) {
    context.err('interrupted: what was at the output is as it was\n');
    return 130;
  }
  const compiled = outcome.value;
  if (!compiled.ok) {
    reportDiagnostics(compiled.error, options, context);
    return exitCodeOf(compiled.error);
  }
  return report(compiled.value, records, options, context);
}

/** quikc's own records for a target, and those of this machine or of the folder that was named. */
function readAllRecords(
  target: TargetId,
  env: CommandContext['env'],
  named: string | undefined,
): FoundRecords {
  const found = [join(shippedRecordsRoot(), target), recordsRoot(env, named)].map(readRecords);
  return {
    records: found.flatMap(({ records }) => records),
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}

async function run(
  file: string,
  target: Target,
  picked: PickedRecords,
  signal: AbortSignal,
  options: CompileOptions,
  context: CommandContext,
) {
  const progress = showBuildProgress(options, context);
  try {
    return await compileModel({
      ...toLoadRequest(file, options),
      target,
      outputFor: (model) => options.output ?? join('generated', 'build', `${model}.${target.id}`),
      build: options.build,
      tuned: picked,
      ...(options.nvcc === undefined ? {} : { nvcc: options.nvcc }),
      buildOptions: {
        env: context.env,
        signal,
        onProgress: progress.onProgress,
        onCommand: (command) => {
          if (context.debug >= 5) context.err(`${command.join(' ')}\n`);
        },
      },
      onStage: (name, milliseconds) => {
        if (context.debug >= 1) context.err(`${name}: ${milliseconds.toFixed(1)} ms\n`);
      },
    });
  } finally {
    progress.clear();
  }
}

function report(
  compiled: Compilation,
  records: FoundRecords,
  options: CompileOptions,
  context: CommandContext,
): ExitCode {
  const { manifest, output, reused, noToolchain } = compiled;
  const warnings = [...compiled.warnings, ...records.warnings];
  const diagnostics = noToolchain === undefined ? warnings : [...warnings, noToolchain];
  const state = reused ? 'unchanged, as it was' : manifest.built ? 'written' : 'written, sources only';
  const text =
    options.quiet === true
      ? ''
      : `${summariseBundle(manifest)}${tunedElsewhere(manifest, records)}bundle: ${output ?? 'none'} (${state})\n`;
  reportResult({ json: { bundle: output, reused, manifest }, text }, diagnostics, options, context);
  return noToolchain === undefined ? 0 : 3;
}

/** Of records that were left alone, since they are of other devices than the target's own. */
function tunedElsewhere(manifest: Manifest, { records }: FoundRecords): string {
  const used = new Set(manifest.kernels.flatMap(({ explain }) => explain.map(({ report }) => report.tuned)));
  const devices = devicesOf(records, manifest.target.id).filter(
    ({ name }) => ![...used].some((tuned) => tuned?.device.name === name),
  );
  if (devices.length === 0) return '';
  const names = devices.map(({ name, software }) => `${name}${software ? ' (software)' : ''}`);
  return `tuned elsewhere, not used: ${names.join(', ')}; --tuned names one to use\n`;
}
