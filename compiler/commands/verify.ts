import { diagnose } from '../diagnostics/codes.ts';
import { type Bundle, readBundle } from '../package/read-bundle.ts';
import { runTasks } from '../verify/run-tasks.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { findGpu } from './find-gpu.ts';
import { formatVerification } from './format-verification.ts';
import { interruptible } from './interruptible.ts';
import { readVerifyOptions, type VerifyChoices, type VerifyNumbers } from './read-verify-options.ts';
import { showFraction } from './show-fraction.ts';
import { verifyShaders } from './verify-shaders.ts';
import { type VerifySelection, verifyTasks } from './verify-tasks.ts';

export interface VerifyCommandOptions extends OutputOptions, VerifySelection, VerifyNumbers {}

/** `quikc verify`: executes a bundle's PTX on the CPU, or on a GPU, and compares with the float64 oracle. `worker`: its built thread. */
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
  const isWgsl = bundle.value.manifest.target.dialect === 'wgsl';
  if (isWgsl && options.device !== undefined) {
    const message = 'a webgpu bundle runs on the adapter at hand: --device numbers a GPU for CUDA';
    reportDiagnostics([diagnose('QK701', { message })], options, context);
    return 2;
  }
  if (isWgsl) return verifyOnAdapter(bundle.value, options, choices.value, context);
  const tasks = verifyTasks(bundle.value, options, choices.value);
  if (!tasks.ok) {
    reportDiagnostics([tasks.error], options, context);
    return tasks.error.code === 'QK566' ? 2 : 1;
  }
  const gpu = await findGpu(options.device, context);
  if (!gpu.ok) {
    reportDiagnostics([gpu.error], options, context);
    return gpu.error.code === 'QK701' ? 2 : exitCodeOf([gpu.error]);
  }
  const place = gpu.value?.place;
  const progress = showFraction('verifying', options, context);
  const started = performance.now();
  const { threads } = choices.value;
  const outcome = await interruptible((signal) =>
    runTasks(place === undefined ? tasks.value : tasks.value.map((task) => ({ ...task, gpu: place })), {
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
    const device = gpu.value === undefined ? {} : { device: gpu.value.device };
    const report = { model: manifest.model, target: manifest.target.id, ...device };
    context.out(`${JSON.stringify({ ...report, passed, seconds, kernels, chains }, null, 2)}\n`);
  } else if (options.quiet !== true || !passed) {
    const where =
      gpu.value === undefined
        ? 'executed on the PTX executor, not on hardware, every check on'
        : `executed on ${gpu.value.name}: whole grids run, numbers compared; a GPU hides races`;
    context.out(
      formatVerification(manifest, {
        kernels,
        notRun: [],
        chains,
        seconds,
        where,
        full: options.full === true,
      }),
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
    return fault.code === 'QK566' ? 2 : exitCodeOf([fault]);
  }
  const { adapter, kernels, notRun } = outcome.value.value;
  const seconds = (performance.now() - started) / 1000;
  const passed = kernels.every((result) => result.passed);
  const { manifest } = bundle;
  if (options.json === true) {
    const report = {
      model: manifest.model,
      target: manifest.target.id,
      adapter,
      passed,
      seconds,
      kernels,
      notRun,
    };
    context.out(`${JSON.stringify(report, null, 2)}\n`);
  } else if (options.quiet !== true || !passed) {
    const where = `executed on ${adapter.name}${adapter.fallback ? ', a software adapter' : ''}: whole grids run, numbers compared, beside seams between dispatches too; WGSL hides races`;
    context.out(
      formatVerification(manifest, {
        kernels,
        notRun,
        chains: [],
        seconds,
        where,
        full: options.full === true,
      }),
    );
  }
  return passed ? 0 : 4;
}
