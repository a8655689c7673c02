import { type Bundle, readBundle } from '../package/read-bundle.ts';
import { runTasks } from '../verify/run-tasks.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { formatVerification } from './format-verification.ts';
import { interruptible } from './interruptible.ts';
import { readVerifyOptions, type VerifyChoices, type VerifyNumbers } from './read-verify-options.ts';
import { showFraction } from './show-fraction.ts';
import { verifyShaders } from './verify-shaders.ts';
import { type VerifySelection, verifyTasks } from './verify-tasks.ts';

export interface VerifyCommandOptions extends OutputOptions, VerifySelection, VerifyNumbers {}

/** `quikc verify`: executes a bundle's PTX on the CPU and compares with the float64 oracle. `worker`: its built thread. */
export async function verify(
  folder: string,
  options: VerifyCommandOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const choices = readVerifyOptions(options);
  if (!choices.ok) {
    reportDiagnostics([choices.error], options, context);
    return 2;
  }
  const bundle = readBundle(folder);
  if (!bundle.ok) {
    reportDiagnostics(bundle.error, options, context);
    return exitCodeOf(bundle.error);
  }
  if (bundle.value.manifest.target.dialect === 'wgsl')
    return verifyOnAdapter(bundle.value, options, choices.value, context);
  const tasks = verifyTasks(bundle.value, options, choices.value);
  if (!tasks.ok) {
    reportDiagnostics([tasks.error], options, context);
    return tasks.error.code === 'QK566' ? 2 : 1;
  }
  const progress = showFraction('verifying', options, context);
  const started = performance.now();
  const { threads } = choices.value;
  const outcome = await interruptible((signal) =>
    runTasks(tasks.value, {
      worker,
      signal,
      onProgress: progress.onFraction,
      ...(threads === undefined ? {} : { threads }),
    }).catch((cause: unknown) => {
      if (signal.aborted) return [];
      throw cause;
    }),
  );
  progress.clear();
  if (outcome.interrupted) {
    context.err('verify was interrupted: nothing is proved\n');
    return 130;
  }
  const seconds = (performance.now() - started) / 1000;
  const results = outcome.value;
  const kernels = results.flatMap((task) => (task.kind === 'kernel' ? [task.result] : []));
  const chains = results.flatMap((task) => (task.kind === 'chain' ? [task.result] : []));
  const passed = results.every(({ result }) => result.passed);
  const { manifest } = bundle.value;
  if (options.json === true) {
    const report = { model: manifest.model, target: manifest.target.id, passed, seconds, kernels, chains };
    context.out(`${JSON.stringify(report, null, 2)}\n`);
  } else if (options.quiet !== true || !passed) {
    const where = 'executed on the PTX executor, not on hardware, every check on';
    context.out(
      formatVerification(manifest, { kernels, chains, seconds, where, full: options.full === true }),
    );
  }
  return passed ? 0 : 4;
}

async function verifyOnAdapter(
  bundle: Bundle,
  options: VerifyCommandOptions,
  choices: VerifyChoices,
  context: CommandContext,
): Promise<ExitCode> {
  const progress = showFraction('verifying', options, context);
  const started = performance.now();
  const outcome = await interruptible((signal) =>
    verifyShaders(bundle, options, choices, context, signal, progress.onFraction),
  );
  progress.clear();
  if (outcome.interrupted) {
    context.err('verify was interrupted: nothing is proved\n');
    return 130;
  }
  if (!outcome.value.ok) {
    const fault = outcome.value.error;
    reportDiagnostics([fault], options, context);
    return fault.code === 'QK566' ? 2 : fault.code === 'QK703' ? 3 : exitCodeOf([fault]);
  }
  const { adapter, kernels } = outcome.value.value;
  const seconds = (performance.now() - started) / 1000;
  const passed = kernels.every((result) => result.passed);
  const { manifest } = bundle;
  if (options.json === true) {
    const report = { model: manifest.model, target: manifest.target.id, adapter, passed, seconds, kernels };
    context.out(`${JSON.stringify(report, null, 2)}\n`);
  } else if (options.quiet !== true || !passed) {
    const where = `executed on ${adapter.name}${adapter.fallback ? ', a software adapter' : ''}: whole grids run, numbers compared; WGSL hides races`;
    context.out(
      formatVerification(manifest, { kernels, chains: [], seconds, where, full: options.full === true }),
    );
  }
  return passed ? 0 : 4;
}
