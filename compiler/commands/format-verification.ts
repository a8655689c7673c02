import type { Manifest } from '../../ir/manifest.ts';
import { escapeText } from '../diagnostics/escape-text.ts';
import type { KernelVerification } from '../verify/verification.ts';
import type { Column } from './format-table.ts';
import { formatTable } from './format-table.ts';

const columns: readonly Column[] = [
  { heading: 'kernel', align: 'left' },
  { heading: 'result', align: 'left' },
  { heading: 'M', align: 'left' },
  { heading: 'CTAs', align: 'right' },
  { heading: 'MACs', align: 'right' },
  { heading: 'values', align: 'right' },
  { heading: 'worst', align: 'right' },
  { heading: 'shared', align: 'right' },
  { heading: 'sectors', align: 'right' },
  { heading: 's', align: 'right' },
];

const faultsShown = 6;

/** What was executed and compared, kernel by kernel, and whatever was wrong. */
export function formatVerification(
  manifest: Manifest,
  results: readonly KernelVerification[],
  seconds: number,
  { full }: { readonly full: boolean },
): string {
  const failed = results.filter(({ passed }) => !passed);
  const lines = [formatTable(columns, results.map(row))];
  for (const { id, faults } of failed) {
    lines.push(`\n${id}\n`);
    for (const fault of faults.slice(0, faultsShown)) lines.push(`  ${escapeText(fault)}\n`);
    if (faults.length > faultsShown) lines.push(`  … and ${faults.length - faultsShown} more\n`);
  }
  const macs = sum(results.map((result) => result.macs));
  const executed = sum(results.flatMap(({ cases }) => cases.map(({ executeMs }) => executeMs))) / 1000;
  const compared = sum(results.flatMap(({ cases }) => cases.map(({ oracleMs }) => oracleMs))) / 1000;
  const scope = full ? 'whole grids' : 'sampled CTAs: corners, ragged edges, inside';
  lines.push(
    `\n${manifest.model} on ${manifest.target.id}: ${results.length - failed.length} of ${results.length} kernels passed in ${seconds.toFixed(1)} s\n`,
    `executed on the PTX executor, not on hardware; ${scope}; every check on\n`,
    `${giga(macs)} MACs executed in ${executed.toFixed(1)} s of thread time, oracle ${compared.toFixed(1)} s\n`,
    'worst: largest error as a fraction of its derived bound (docs/numerics.md); shared: wavefronts over the least\n',
    'for the bytes asked for; sectors: the same for 32-byte sectors of global memory. Both counted in the executor.\n',
  );
  return lines.join('');
}

function row(result: KernelVerification): readonly string[] {
  const { cases, accesses } = result;
  const time = sum(cases.map(({ executeMs, oracleMs }) => executeMs + oracleMs)) / 1000;
  const worst = Math.max(0, ...cases.map((entry) => entry.worst));
  return [
    result.id,
    result.passed ? 'pass' : 'FAIL',
    [...new Set(cases.map(({ tokens }) => tokens))].join(','),
    String(sum(cases.map(({ ctas }) => ctas))),
    giga(result.macs),
    sum(cases.map(({ elements }) => elements)).toLocaleString('en-US'),
    worst > 1e6 ? '> 1e6' : worst.toFixed(2),
    ratio(
      sum(accesses.map((access) => access.wavefronts)),
      sum(accesses.map((access) => access.idealWavefronts)),
    ),
    ratio(sum(accesses.map((access) => access.sectors)), sum(accesses.map((access) => access.idealSectors))),
    time.toFixed(1),
  ];
}

function ratio(actual: number, ideal: number): string {
  return ideal === 0 ? '-' : `${(actual / ideal).toFixed(2)}x`;
}

function giga(macs: number): string {
  return `${(macs / 1e9).toFixed(2)} G`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
