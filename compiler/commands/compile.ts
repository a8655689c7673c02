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
}

/** `quikc compile`: from a model to its kernels. */
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
    supports: () => ({ supported: true }),
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
  const { plan, problems, warnings } = compiled.value;
  reportDiagnostics(warnings, options, context);
  if (options.json === true) context.out(`${JSON.stringify({ problems, plan }, null, 2)}\n`);
  else if (options.quiet !== true) {
    context.out(`${plan.model}: ${problems.length} problems, ${plan.sites.length} sites on ${target.id}\n`);
  }
  return 0;
}
