import { type Column, formatTable } from './format-table.ts';
import type { ChosenGroup, FrontierSummary } from './summarise-frontier.ts';

export interface BudgetReport extends FrontierSummary {
  readonly output: string;
  readonly model: string;
  readonly budget: number;
  readonly target: string;
  readonly gpu: string;
  readonly rows: number;
  readonly minimised: 'time' | 'size';
  /** Of the text. */
  readonly windows: number;
  readonly window: number;
  readonly seconds: number;
}

const columns: readonly Column[] = [
  { heading: 'recipe', align: 'left' },
  { heading: 'foreseen', align: 'right' },
  { heading: 'measured', align: 'right' },
  { heading: 'change', align: 'right' },
  { heading: 'bits/weight', align: 'right' },
  { heading: 'modelled', align: 'right' },
  { heading: '', align: 'left' },
];

const kindColumns: readonly Column[] = [
  { heading: 'linears', align: 'left' },
  { heading: 'recipe: how many', align: 'left' },
];

export function formatFrontier(report: BudgetReport): string {
  const { model, budget, floatPerplexity, frontier, uniform, groups, target, gpu, rows } = report;
  const perplexity = (value: number) => (value >= 1000 ? value.toExponential(1) : value.toPrecision(4));
  const change = (value: number) => `${(100 * (value / floatPerplexity - 1)).toFixed(1)} %`;
  const lines = frontier.map((row) => [
    ...[`${row.point}`, perplexity(row.foreseen)],
    ...(row.perplexity === undefined
      ? ['', change(row.foreseen)]
      : [perplexity(row.perplexity), change(row.perplexity)]),
    ...[row.bits.toFixed(2), `${row.microseconds.toFixed(1)} us`],
    row.chosen
      ? 'chosen'
      : row.perplexity === undefined || row.perplexity <= budget * floatPerplexity
        ? ''
        : 'beyond',
  ]);
  const alike = uniform.map(({ recipe, foreseen, bits, microseconds }) => [
    ...[
      recipe,
      perplexity(foreseen),
      '',
      change(foreseen),
      bits.toFixed(2),
      `${microseconds.toFixed(1)} us`,
      'all alike',
    ],
  ]);
  const { windows, window, output, seconds, minimised } = report;
  return [
    `${model}  float ${perplexity(floatPerplexity)}, at most ${perplexity(budget * floatPerplexity)}; ${windows * window} tokens in ${windows} windows\n`,
    formatTable(columns, [...lines, ...alike]),
    `least ${minimised}; modelled: all quantised linears with their quantizes, ${rows} rows, ${target} (${gpu}); foreseen: corrected by what was measured\n`,
    formatTable(kindColumns, countKinds(groups)),
    `${output}: written in ${seconds.toFixed(1)} s\n`,
  ].join('\n');
}

/** How often each recipe was taken, by linears that differ in the number of their layer alone. */
function countKinds(groups: readonly ChosenGroup[]): readonly (readonly string[])[] {
  const kinds = new Map<string, Map<string, number>>();
  for (const { linears, bits, outliers, columns: mode } of groups) {
    const kind = linears.map((name) => name.replace(/\b\d+\b/g, '*')).join(', ');
    const recipe = `w${bits} f${outliers}${mode === 'in-place' ? ' in place' : ''}`;
    const counts = kinds.get(kind) ?? new Map<string, number>();
    kinds.set(kind, counts.set(recipe, (counts.get(recipe) ?? 0) + 1));
  }
  return [...kinds].map(([kind, counts]) => [
    kind,
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([recipe, count]) => `${recipe}: ${count}`)
      .join(', '),
  ]);
}
