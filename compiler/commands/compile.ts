import { join } from 'node:path';
import type { Manifest } from '../../ir/manifest.ts';
import { findTarget, targets } from '../../targets/index.ts';
import { compile as compileModel } from '../compile.ts';
import { diagnose } from '../diagnostics/codes.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { dumpGraphs } from './dump-graphs.ts';
import type { ModelOptions } from './model-options.ts';
import { toOverrides } from './model-options.ts';

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
  const target = findTarget(options.target);
  if (target === undefined) {
    const expected = `one of ${targets.map(({ id }) => id).join(', ')}`;
    reportDiagnostics(
      [diagnose('QK302', { message: `${quoteText(options.target)} is no target`, expected })],
      options,
      context,
    );
    return 2;
  }
  const columns = options.columns === 'in-place' ? { columns: 'in-place' as const } : {};
  const compiled = await compileModel({
    file,
    target,
    overrides: toOverrides(options),
    output: options.output ?? join('generated', 'build', 'model'),
    build: options.build,
    ...(options.nvcc === undefined ? {} : { nvcc: options.nvcc }),
    buildOptions: { env: context.env },
    ...columns,
    ...dumpGraphs(options.dump),
    onStage: (name, milliseconds) => {
      if (context.debug >= 1) context.err(`${name}: ${milliseconds.toFixed(1)} ms\n`);
    },
  });
  if (!compiled.ok) {
    reportDiagnostics(compiled.error, options, context);
    return exitCodeOf(compiled.error);
  }
  const { manifest, warnings, noToolchain } = compiled.value;
  reportDiagnostics(noToolchain === undefined ? warnings : [...warnings, noToolchain], options, context);
  if (options.quiet !== true) context.out(summarise(manifest));
  return noToolchain === undefined ? 0 : 3;
}

function summarise(manifest: Manifest): string {
  return `${manifest.model}: ${manifest.kernels.length} kernels, ${manifest.sites.length} sites on ${manifest.target.id}\n`;
}
