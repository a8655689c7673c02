import type { Check } from '../build/check.ts';
import { doctor as examine } from '../build/doctor.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { type Column, formatTable } from './format-table.ts';
import { interruptible } from './interruptible.ts';

const columns: readonly Column[] = [
  { heading: '', align: 'left' },
  { heading: 'check', align: 'left' },
  { heading: 'found', align: 'left' },
];

/** `quikc doctor`: whether this machine can build kernels, and what to do where it cannot. */
export async function doctor(
  options: OutputOptions & { readonly nvcc?: string },
  context: CommandContext,
): Promise<ExitCode> {
  const outcome = await interruptible((signal) => examine({ env: context.env, nvcc: options.nvcc, signal }));
  if (outcome.interrupted) {
    context.err('interrupted\n');
    return 130;
  }
  const checks = outcome.value;
  const failed = checks.some(({ status }) => status === 'fail');
  if (options.json === true) context.out(`${JSON.stringify(checks, null, 2)}\n`);
  else if (options.quiet !== true || failed) context.out(format(checks));
  return failed ? 3 : 0;
}

function format(checks: readonly Check[]): string {
  const table = formatTable(
    columns,
    checks.map(({ name, status, detail }) => [status, name, detail]),
  );
  const fixes = checks.flatMap(({ name, fix }) => (fix === undefined ? [] : [`${name}: ${fix}\n`]));
  return fixes.length === 0 ? table : `${table}\n${fixes.join('')}`;
}
