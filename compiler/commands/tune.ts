import { join } from 'node:path';
import { findBackEnd } from '../find-back-end.ts';
import { tuneBundle } from '../measure/tune-bundle.ts';
import { readBundle } from '../package/read-bundle.ts';
import { loadTemplates } from '../render/load-templates.ts';
import { packageRoot } from '../support/package-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { recordsRoot } from '../tune/records-root.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { formatTuning } from './format-tuning.ts';
import { interruptible } from './interruptible.ts';
import { readTarget } from './read-target.ts';
import { readTuneOptions, type TuneNumbers } from './read-tune-options.ts';
import { showFraction } from './show-fraction.ts';
import { chooseKernels } from './verify-tasks.ts';

export interface TuneOptions extends OutputOptions, TuneNumbers {
  readonly kernel?: string;
  readonly records?: string;
  readonly nvcc?: string;
}

/** `quikc tune`: tries schedules of a bundle's kernels where they run, and leaves records for compile. */
export async function tune(
  folder: string,
  options: TuneOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const choices = readTuneOptions(options);
  if (!choices.ok) {
    reportDiagnostics([choices.error], options, context);
    return 2;
  }
  const bundle = readBundle(folder);
  if (!bundle.ok) {
    reportDiagnostics(bundle.error, options, context);
    return exitCodeOf(bundle.error);
  }
  const { manifest } = bundle.value;
  const kernels = chooseKernels(bundle.value, options.kernel);
  const target = readTarget(manifest.target.id);
  if (!kernels.ok || !target.ok) {
    const faults = [kernels, target].flatMap((result) => (result.ok ? [] : [result.error]));
    reportDiagnostics(faults, options, context);
    return 2;
  }
  const backEnd = findBackEnd(target.value);
  const templates = loadTemplates(join(packageRoot(), 'templates'));
  const root = recordsRoot(context.env, options.records);
  const progress = showFraction('tuning', options, context);
  const outcome = await interruptible(async (signal) => {
    const { env } = context;
    const { device, budget, most, seed } = choices.value;
    const { nvcc } = options;
    const plane = await backEnd.openPlane({ env, signal, device, nvcc, worker });
    if (!plane.ok) return plane;
    try {
      const tuned = await tuneBundle({
        ...{ kernels: kernels.value, sites: manifest.sites, plane: plane.value },
        families: backEnd.families,
        lockRoot: join(quikcCacheRoot(env), 'tuning'),
        ...{ templates, root, budget, most, seed, signal, onFraction: progress.onFraction },
      });
      return tuned.ok ? { ok: true as const, value: { ...tuned.value, plane: plane.value } } : tuned;
    } finally {
      plane.value.close();
    }
  });
  progress.clear();
  if (outcome.interrupted) {
    context.err('tune was interrupted: what was found is kept, a second call goes on from there\n');
    return 130;
  }
  if (!outcome.value.ok) {
    reportDiagnostics([outcome.value.error], options, context);
    return exitCodeOf([outcome.value.error]);
  }
  const { tuned, unsearched, plane } = outcome.value.value;
  const text = options.quiet === true ? '' : formatTuning(tuned, unsearched, plane.device, root);
  reportResult(
    { json: { records: tuned.map(({ record }) => record), unsearched, root }, text },
    [],
    options,
    context,
  );
  return 0;
}
