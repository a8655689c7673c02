import type { QuantisedCheckpoint } from '../quantised-checkpoint/quantise-checkpoint.ts';
import { type Column, formatTable } from './format-table.ts';

/** Linears of one kind, over all repetitions. */
export interface QuantisedKind {
  /** Without the number of the repetition. */
  readonly name: string;
  readonly count: number;
  readonly n: number;
  readonly k: number;
  readonly bits: readonly number[];
  /** Fewest and most outlier columns. */
  readonly outliers: readonly [number, number];
}

export interface QuantisedSummary {
  readonly output: string;
  readonly model: string;
  readonly linears: readonly QuantisedKind[];
  readonly seconds: number;
}

export function summariseQuantised({
  model,
  plan,
  columns,
}: QuantisedCheckpoint & { readonly model: string }): Omit<QuantisedSummary, 'output' | 'seconds'> {
  const kinds = new Map<string, QuantisedKind>();
  for (const { layer, groups } of plan) {
    for (const { name, n, k, bits } of groups.flatMap(({ linears }) => linears)) {
      const kind = layer.block.repeat === undefined ? name : name.replace(`${layer.name}.`, '');
      const count = columns.get(name)?.length ?? 0;
      const known = kinds.get(kind);
      kinds.set(kind, {
        ...{ name: kind, n, k, count: (known?.count ?? 0) + 1 },
        bits: [...new Set([...(known?.bits ?? []), bits])].sort((a, b) => a - b),
        outliers: [
          Math.min(known?.outliers[0] ?? count, count),
          Math.max(known?.outliers[1] ?? count, count),
        ],
      });
    }
  }
  return { model, linears: [...kinds.values()] };
}

const columns: readonly Column[] = [
  { heading: 'linear', align: 'left' },
  { heading: 'count', align: 'right' },
  { heading: 'N', align: 'right' },
  { heading: 'K', align: 'right' },
  { heading: 'bits', align: 'right' },
  { heading: 'outliers', align: 'right' },
];

export function formatQuantised({ output, model, linears, seconds }: QuantisedSummary): string {
  const rows = linears.map(({ name, count, n, k, bits, outliers: [least, most] }) => [
    name,
    `${count}`,
    `${n}`,
    `${k}`,
    bits.join(', '),
    least === most ? `${least}` : `${least} to ${most}`,
  ]);
  return `${model}\n\n${formatTable(columns, rows)}\n${output}: written in ${seconds.toFixed(1)} s\n`;
}
