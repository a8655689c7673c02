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
  readonly layers?: readonly LayerError[];
}

export interface EvaluationReport {
  readonly model: string;
  readonly dtype: string;
  readonly windows: number;
  readonly tokens: number;
  readonly results: readonly PlaceResult[];
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
];

const kernelColumns: readonly Column[] = [
  { heading: 'kernel', align: 'right' },
  { heading: 'outside', align: 'right' },
  { heading: 'worst', align: 'right' },
];

export function formatEvaluation({ model, dtype, windows, tokens, results }: EvaluationReport): string {
  const [first] = results;
  const rows = results.map(({ place, mean, perplexity, seconds, where }) => {
    const change = perplexity / (first?.perplexity ?? perplexity) - 1;
    return [
      ...[place, mean.toFixed(4), significant(perplexity), place === first?.place ? '-' : signed(change)],
      ...[`${seconds.toFixed(1)} s`, where],
    ];
  });
  const heading = `${model}  ${dtype}  ${tokens} tokens in ${windows} windows, ${first?.tokens ?? 0} foreseen`;
  const note = results.length > 1 ? `change: of perplexity, against ${first?.place}.\n` : '';
  return `${heading}\n\n${formatTable(columns, rows)}\n${note}${results.map(formatLayers).join('')}`;
}

function formatLayers({ place, layers = [] }: PlaceResult): string {
  if (layers.length === 0) return '';
  const rows = layers.map(({ layer, n, k, bits, outliers, quantised, kernels }) => [
    ...[layer, `${n}`, `${k}`, `${bits}`, `${outliers}`, quantised === undefined ? '-' : percent(quantised)],
    ...(kernels === undefined
      ? []
      : [percent(kernels.fromOracle), `${kernels.outside} of ${kernels.compared}`, kernels.worst.toFixed(2)]),
  ]);
  const judged = layers.some(({ kernels }) => kernels !== undefined);
  const faults = layers.flatMap(({ layer, kernels }) =>
    (kernels?.faults ?? []).map((fault) => `${layer}: ${fault}\n`),
  );
  const notes = [
    "quantised: y against what the float weights give, on the oracle's inputs; root mean square, relative.",
    ...(judged
      ? [
          "kernel: y of the kernels on the same inputs against the oracle's; of the first window alone.",
          'outside: values beyond their derived bound (docs/numerics.md). worst: of y, the largest error as a part of its bound.',
        ]
      : []),
  ];
  const shown = judged ? [...layerColumns, ...kernelColumns] : layerColumns;
  return `\n${place}\n\n${formatTable(shown, rows)}\n${notes.join('\n')}\n${faults.join('')}`;
}

function significant(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

function signed(share: number): string {
  return `${share > 0 ? '+' : ''}${percent(share)}`;
}

function percent(share: number): string {
  const value = 100 * share;
  return `${Math.abs(value) < 0.1 ? value.toPrecision(2) : value.toFixed(2)} %`;
}
