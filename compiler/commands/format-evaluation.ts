import type { LayerError } from '../evaluate/layer-errors.ts';
import type { Loss } from '../evaluate/perplexity.ts';
import type { EvaluationPlace } from './evaluation-options.ts';
import { type Column, formatTable } from './format-table.ts';

/** What came of evaluating a model in one place. */
export interface PlaceResult extends Loss {
  readonly place: EvaluationPlace;
  readonly where: string;
  /** With what had to be compiled or uploaded for it. */
  readonly seconds: number;
}

export interface EvaluationReport {
  readonly model: string;
  readonly dtype: string;
  readonly windows: number;
  readonly tokens: number;
  readonly results: readonly PlaceResult[];
  readonly layers?: readonly LayerError[] | undefined;
}

const columns: readonly Column[] = [
  { heading: 'on', align: 'left' },
  { heading: 'nats/token', align: 'right' },
  { heading: 'perplexity', align: 'right' },
  { heading: 'change', align: 'right' },
  { heading: 'time', align: 'right' },
  { heading: 'computed by', align: 'left' },
];

const layerColumns: readonly Column[] = [
  { heading: 'layer', align: 'left' },
  { heading: 'N', align: 'right' },
  { heading: 'K', align: 'right' },
  { heading: 'bits', align: 'right' },
  { heading: 'outliers', align: 'right' },
  { heading: 'quantised', align: 'right' },
  { heading: 'kernel', align: 'right' },
  { heading: 'outside', align: 'right' },
  { heading: 'worst', align: 'right' },
];

export function formatEvaluation({
  model,
  dtype,
  windows,
  tokens,
  results,
  layers,
}: EvaluationReport): string {
  const [first] = results;
  const rows = results.map(({ place, mean, perplexity, seconds, where }) => {
    const change = perplexity / (first?.perplexity ?? perplexity) - 1;
    return [
      ...[place, mean.toFixed(4), significant(perplexity), place === first?.place ? '-' : percent(change)],
      ...[`${seconds.toFixed(1)} s`, where],
    ];
  });
  const heading = `${model}  ${dtype}  ${tokens} tokens in ${windows} windows, ${first?.tokens ?? 0} foreseen`;
  const note = results.length > 1 ? `change: of perplexity, against ${first?.place}.\n` : '';
  return `${heading}\n\n${formatTable(columns, rows)}\n${note}${formatLayers(layers)}`;
}

function formatLayers(layers: readonly LayerError[] | undefined): string {
  if (layers === undefined || layers.length === 0) return '';
  const rows = layers.map(({ layer, n, k, bits, outliers, quantised, kernels }) => [
    ...[layer, `${n}`, `${k}`, `${bits}`, `${outliers}`],
    quantised === undefined ? '-' : percent(quantised).replace('+', ''),
    ...(kernels === undefined
      ? ['-', '-', '-']
      : [
          percent(kernels.fromOracle).replace('+', ''),
          `${kernels.outside} of ${kernels.compared}`,
          kernels.worst.toFixed(2),
        ]),
  ]);
  const faults = layers.flatMap(({ layer, kernels }) =>
    (kernels?.faults ?? []).map((fault) => `${layer}: ${fault}\n`),
  );
  const notes = [
    "On equal inputs, the oracle's. quantised: y against what the float weights give, root mean square, relative.",
    'kernel: y of the kernels against the oracle’s; outside: values beyond their derived bound (docs/numerics.md);',
    'worst: the largest error of y as a part of its bound.',
  ];
  return `\n${formatTable(layerColumns, rows)}\n${notes.join('\n')}\n${faults.join('')}`;
}

function significant(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 ? '+' : ''}${Math.abs(value) < 0.1 ? value.toPrecision(2) : value.toFixed(2)} %`;
}
