import { join } from 'node:path';
import type { Target } from '../../targets/target.ts';
import { type Compilation, compile as compileModel } from '../compile.ts';
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
  const outcome = await interruptible((signal) => run(file, target.value, signal, options, context));
  if (outcome.interrupted) {
    context.err('interrupted: what was at the output is as it was\n');
    return 130;
  }
  const compiled = outcome.value;
  if (!compiled.ok) {
    reportDiagnostics(compiled.error, options, context);
    return exitCodeOf(compiled.error);
  }
  return report(compiled.value, options, context);
}

async function run(
  file: string,
  target: Target,
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

function report(compiled: Compilation, options: CompileOptions, context: CommandContext): ExitCode {
  const { manifest, output, reused, warnings, noToolchain } = compiled;
  const diagnostics = noToolchain === undefined ? warnings : [...warnings, noToolchain];
  const state = reused ? 'unchanged, as it was' : manifest.built ? 'written' : 'written, sources only';
  const text =
    options.quiet === true ? '' : `${summariseBundle(manifest)}bundle: ${output ?? 'none'} (${state})\n`;
  reportResult({ json: { bundle: output, reused, manifest }, text }, diagnostics, options, context);
  return noToolchain === undefined ? 0 : 3;
}
