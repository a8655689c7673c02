import type { Manifest } from '../../ir/manifest.ts';
import { printSchedule, printTokens } from '../../ir/print-schedule.ts';
import { readBundle } from '../package/read-bundle.ts';
import { variantsOf } from '../package/variants-of.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { explainKernel } from './explain-kernel.ts';
import { findKernel } from './find-kernels.ts';
import { type Column, formatTable } from './format-table.ts';

/** `quikc explain`: the kernels of a bundle, or one of them and why it is as it is. */
export async function explain(
  folder: string,
  kernel: string | undefined,
  options: OutputOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const read = readBundle(folder);
  if (!read.ok) {
    reportDiagnostics(read.error, options, context);
    return exitCodeOf(read.error);
  }
  const { manifest } = read.value;
  if (kernel === undefined) {
    context.out(options.json === true ? toJson(manifest.kernels) : listKernels(manifest));
    return 0;
  }
  const found = findKernel(manifest, kernel);
  if (!found.ok) {
    reportDiagnostics([found.error], options, context);
    return 2;
  }
  context.out(options.json === true ? toJson(found.value) : explainKernel(manifest, found.value));
  return 0;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const variantColumn: Column = { heading: 'variants', align: 'left' };

const columns: readonly Column[] = [
  { heading: 'kernel', align: 'left' },
  { heading: 'M', align: 'left' },
  { heading: 'schedule', align: 'left' },
  { heading: 'modelled', align: 'right' },
  { heading: 'at M', align: 'right' },
  { heading: 'roofline', align: 'right' },
  { heading: 'serves', align: 'left' },
];

function listKernels(manifest: Manifest): string {
  const hasVariants = manifest.target.variants !== undefined;
  const rows = manifest.kernels.flatMap((kernel) =>
    kernel.explain.map(({ report, ...range }, index) => [
      index === 0 ? kernel.id : '',
      printTokens(range),
      index === 0 ? printSchedule(kernel.spec.schedule) : '',
      `${report.chosen.microseconds.toFixed(1)} us`,
      `${report.tokens}`,
      `${Math.round(100 * report.chosen.rooflineFraction)} %`,
      index === 0 ? kernel.serves.join(', ') : '',
      ...(hasVariants ? [index === 0 ? variantsOf(kernel.id, manifest.sites).join(', ') : ''] : []),
    ]),
  );
  return `${formatTable(hasVariants ? [...columns, variantColumn] : columns, rows)}\nquikc explain <bundle> <kernel> tells why; a unique beginning or ending of its name will do.\n`;
}
