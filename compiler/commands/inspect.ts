import { loadGraph } from '../load-graph.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';
import { formatBytes } from './format-bytes.ts';
import type { Column } from './format-table.ts';
import { formatTable } from './format-table.ts';
import { inspectBundle, isBundle } from './inspect-bundle.ts';
import type { ModelOptions } from './model-options.ts';
import { toLoadRequest } from './model-options.ts';
import type { Macs, ModelSummary, OperationSummary } from './summarise-model.ts';
import { summariseModel } from './summarise-model.ts';

/** `quikc inspect`: what a model consists of, and what its scheme makes of it; or what a bundle holds. */
export async function inspect(
  file: string,
  options: ModelOptions & OutputOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (isBundle(file)) return inspectBundle(file, options, context);
  const loaded = await loadGraph(toLoadRequest(file, options));
  if (!loaded.ok) {
    reportDiagnostics(loaded.error, options, context);
    return exitCodeOf(loaded.error);
  }
  const summary = summariseModel(loaded.value.graph);
  const result = { json: summary, text: formatSummary(summary) };
  reportResult(result, loaded.value.warnings, options, context);
  return 0;
}

const columns: readonly Column[] = [
  { heading: 'layer', align: 'left' },
  { heading: 'op', align: 'left' },
  { heading: 'count', align: 'right' },
  { heading: 'N', align: 'right' },
  { heading: 'K', align: 'right' },
  { heading: 'scheme', align: 'left' },
  { heading: 'outliers', align: 'right' },
  { heading: 'sparsity', align: 'left' },
  { heading: 'parameters', align: 'right' },
  { heading: 'before', align: 'right' },
  { heading: 'after', align: 'right' },
  { heading: 'int4', align: 'right' },
  { heading: 'int8', align: 'right' },
  { heading: 'f16', align: 'right' },
];

function formatSummary(summary: ModelSummary): string {
  const { totals } = summary;
  const all = Object.values(totals.macsPerToken).reduce((sum: number, macs) => sum + macs, 0);
  const total = [
    'total',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    millions(totals.parameters),
    formatBytes(totals.bytesBefore),
  ].concat(formatBytes(totals.bytesAfter), shares(totals.macsPerToken, all));
  const table = formatTable(columns, [...summary.operations.map((row) => formatRow(row, all)), total]);
  const notes = [
    'int4, int8, f16: share of the multiply-adds of one token, attention itself not counted.',
    'before, after: bytes of the weights as the model has them and as packed; kB, MB and GB are powers of 1000.',
    ...(summary.placeholderColumns ? ['Outlier columns are placeholders: the model lists none.'] : []),
  ];
  return `${summary.model}  ${summary.dtype}\n\n${table}\n${notes.join('\n')}\n`;
}

function formatRow(row: OperationSummary, allMacs: number): readonly string[] {
  const star = row.placeholderColumns ? '*' : '';
  const outliers = row.outliers === 0 ? '-' : `${row.outliers} (${row.outlierPercent.toFixed(2)} %)${star}`;
  return [
    row.name,
    row.op,
    `${row.count}`,
    `${row.n}`,
    `${row.k}`,
    row.scheme,
    outliers,
    row.sparsity,
    millions(row.parameters),
    formatBytes(row.bytesBefore),
    formatBytes(row.bytesAfter),
    ...shares(row.macsPerToken, allMacs),
  ];
}

function shares(macs: Macs, all: number): readonly string[] {
  return [macs.int4, macs.int8, macs.f16].map((part) =>
    part === 0 ? '-' : `${((100 * part) / all).toFixed(1)} %`,
  );
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(count < 1e7 ? 3 : 1)} M`;
}
