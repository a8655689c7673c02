import { escapeText } from '../diagnostics/escape-text.ts';
import { formatCount } from '../support/format-count.ts';
import type { ChainVerification, KernelVerification, UnrunKernel } from '../verify/verification.ts';
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
];

/** What only the executor counts. */
const accessColumns: readonly Column[] = [
  { heading: 'shared', align: 'right' },
  { heading: 'of least', align: 'right' },
  { heading: 'sectors', align: 'right' },
];

const seconds: Column = { heading: 's', align: 'right' };

const chainColumns: readonly Column[] = [
  { heading: 'chain', align: 'left' },
  { heading: 'result', align: 'left' },
  { heading: 'quantize, then', align: 'left' },
  { heading: 'M', align: 'right' },
  { heading: 'values', align: 'right' },
  { heading: 'worst', align: 'right' },
  { heading: 's', align: 'right' },
];

const faultsShown = 6;

/** What the report names: a manifest has it. */
interface Verified {
  readonly model: string;
  readonly target: { readonly id: string };
}

export interface VerificationReport {
  readonly kernels: readonly KernelVerification[];
  /** Not counted among those that passed. */
  readonly notRun: readonly UnrunKernel[];
  readonly chains: readonly ChainVerification[];
  readonly seconds: number;
  /** What ran the kernels, as a sentence begins. */
  readonly where: string;
  /** Whole grids were run, not a sample. */
  readonly full: boolean;
}

/** What was executed and compared, kernel by kernel and site by site, and whatever was wrong. */
export function formatVerification(manifest: Verified, report: VerificationReport): string {
  const { kernels, notRun, chains, where, full } = report;
  const counted = kernels.some(({ accesses }) => accesses.length > 0);
  const all = [...columns, ...(counted ? accessColumns : []), seconds];
  const rows = kernels.map((result) => [
    ...row(result),
    ...(counted ? accessCells(result) : []),
    secondsOf(result),
  ]);
  const lines = [formatTable(all, rows)];
  if (chains.length > 0) lines.push('\n', formatTable(chainColumns, chains.map(chainRow)));
  for (const { id, faults } of kernels) lines.push(...faultLines(id, faults));
  for (const { site, linear, faults } of chains) lines.push(...faultLines(`${site}, ${linear}`, faults));
  const macs = sum(kernels.map((result) => result.macs));
  const executed = sum(kernels.flatMap(({ cases }) => cases.map(({ executeMs }) => executeMs))) / 1000;
  const compared = sum(kernels.flatMap(({ cases }) => cases.map(({ oracleMs }) => oracleMs))) / 1000;
  const scope = full ? 'whole grids' : 'sampled CTAs: corners, ragged edges, inside';
  const passed = (results: readonly { readonly passed: boolean }[]): string =>
    `${results.filter((result) => result.passed).length} of ${results.length}`;
  const chained = chains.length === 0 ? '' : `, ${passed(chains)} chains`;
  lines.push(...unrunLines(notRun));
  const ran =
    notRun.length === 0 ? '' : `${kernels.length} of ${kernels.length + notRun.length} kernels ran here; `;
  lines.push(
    `\n${manifest.model} on ${manifest.target.id}: ${ran}${passed(kernels)} ${notRun.length === 0 ? 'kernels' : 'of these'}${chained} passed in ${report.seconds.toFixed(1)} s\n`,
    `${where}; ${scope}\n`,
    `${giga(macs)} MACs executed in ${executed.toFixed(1)} s, oracle ${compared.toFixed(1)} s\n`,
    worstLine(kernels),
    `worst: largest error as a fraction of its derived bound (docs/numerics.md)${chains.length === 0 ? '' : ", for chains of the scheme's own error\nplus that bound"}\n`,
    ...(counted
      ? [
          'shared: wavefronts of shared memory over the least for the bytes asked for, then over the least for the bytes that\n',
          'the tile must move once; sectors: 32-byte sectors of global memory. All counted in the executor.\n',
        ]
      : []),
  );
  return lines.join('');
}

/** What was not run, by reason: nothing is known of it. */
function unrunLines(notRun: readonly UnrunKernel[]): readonly string[] {
  const reasons = [...new Set(notRun.map(({ reason }) => reason))];
  return reasons.flatMap((reason) => [
    `\nnot run: ${escapeText(reason, 400)}\n`,
    ...notRun
      .filter((kernel) => kernel.reason === reason)
      .map(({ id, variants }) => `  ${id} (${variants.join(', ')})\n`),
  ]);
}

/** The largest error of all, and where it is. */
function worstLine(kernels: readonly KernelVerification[]): string {
  const all = kernels.flatMap(({ id, cases }) => cases.map((entry) => ({ id, ...entry })));
  const worst = all.reduce<(typeof all)[number] | undefined>(
    (found, entry) => (entry.worst > (found?.worst ?? 0) ? entry : found),
    undefined,
  );
  if (worst === undefined) return '';
  const { id, tokens, dataset, worstAt } = worst;
  return `worst of all: ${id}, M = ${tokens}, ${dataset}: ${escapeText(worstAt, 200)}\n`;
}

function faultLines(what: string, faults: readonly string[]): readonly string[] {
  if (faults.length === 0) return [];
  const rest = faults.length - faultsShown;
  return [
    `\n${what}\n`,
    ...faults.slice(0, faultsShown).map((fault) => `  ${escapeText(fault, 400)}\n`),
    ...(rest > 0 ? [`  … and ${rest} more\n`] : []),
  ];
}

function chainRow(chain: ChainVerification): readonly string[] {
  return [
    chain.site,
    chain.passed ? 'pass' : 'FAIL',
    chain.linear,
    String(chain.tokens),
    formatCount(chain.elements),
    chain.worst.toFixed(3),
    (chain.milliseconds / 1000).toFixed(1),
  ];
}

function row(result: KernelVerification): readonly string[] {
  const { cases } = result;
  const worst = Math.max(0, ...cases.map((entry) => entry.worst));
  return [
    result.id,
    result.passed ? 'pass' : 'FAIL',
    [...new Set(cases.map(({ tokens }) => tokens))].join(','),
    String(sum(cases.map(({ ctas }) => ctas))),
    giga(result.macs),
    formatCount(sum(cases.map(({ elements }) => elements))),
    worst > 1e6 ? '> 1e6' : worst.toFixed(2),
  ];
}

function accessCells({ accesses, leastWavefronts }: KernelVerification): readonly string[] {
  return [
    ratio(
      sum(accesses.map((access) => access.wavefronts)),
      sum(accesses.map((access) => access.idealWavefronts)),
    ),
    ratio(sum(accesses.map((access) => access.wavefronts)), leastWavefronts),
    ratio(sum(accesses.map((access) => access.sectors)), sum(accesses.map((access) => access.idealSectors))),
  ];
}

function secondsOf({ cases }: KernelVerification): string {
  return (sum(cases.map(({ executeMs, oracleMs }) => executeMs + oracleMs)) / 1000).toFixed(1);
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
