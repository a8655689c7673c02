import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printTokens } from '../../ir/print-schedule.ts';
import { diagnose } from '../diagnostics/codes.ts';
import { manifestFile } from '../package/make-bundle.ts';
import { readBundle } from '../package/read-bundle.ts';
import { formatCount } from '../support/format-count.ts';
import { type BundleContents, bundleContents } from './bundle-contents.ts';
import {
  type CommandContext,
  type ExitCode,
  exitCodeOf,
  type OutputOptions,
  reportDiagnostics,
  reportResult,
} from './command.ts';
import { formatBytes } from './format-bytes.ts';
import { formatNeeds } from './format-needs.ts';
import { type Column, formatTable } from './format-table.ts';
import type { ModelOptions } from './model-options.ts';

/** A folder that is no model and has a manifest. */
export function isBundle(path: string): boolean {
  const has = (name: string) => existsSync(join(path, name));
  return has(manifestFile) && !has('model.json') && !has('config.json');
}

/** `quikc inspect` of a bundle: what it holds. Why its kernels are as they are is what explain tells. */
export function inspectBundle(
  folder: string,
  options: ModelOptions & OutputOptions,
  context: CommandContext,
): ExitCode {
  const given = (['scheme', 'outliers', 'layer', 'columns', 'dump'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (given !== undefined) {
    const message = `--${given} changes what a model is compiled to, and this is a bundle`;
    reportDiagnostics([diagnose('QK568', { file: folder, message })], options, context);
    return 2;
  }
  const read = readBundle(folder);
  if (!read.ok) {
    reportDiagnostics(read.error, options, context);
    return exitCodeOf(read.error);
  }
  const contents = bundleContents(read.value);
  reportResult({ json: contents, text: formatContents(contents) }, [], options, context);
  return 0;
}

const variantColumns: readonly Column[] = [
  { heading: 'variant', align: 'left' },
  { heading: 'needs', align: 'left' },
  { heading: 'kernels', align: 'right' },
];

const launchColumns: readonly Column[] = [
  { heading: 'site', align: 'left' },
  { heading: 'M', align: 'left' },
  { heading: 'kernel', align: 'left' },
  { heading: 'bytes', align: 'right' },
];

const dispatchColumns: readonly Column[] = [
  { heading: 'dispatches', align: 'right' },
  { heading: 'shards', align: 'right' },
  { heading: 'tokens at once', align: 'right' },
];

const launchVariants: Column = { heading: 'variants', align: 'left' };

const layerColumns: readonly Column[] = [
  { heading: 'layer', align: 'left' },
  { heading: 'site', align: 'left' },
  { heading: 'N', align: 'right' },
  { heading: 'K', align: 'right' },
  { heading: 'bits', align: 'right' },
  { heading: 'outliers', align: 'right' },
  { heading: 'count', align: 'right' },
  { heading: 'packed', align: 'right' },
];

function formatContents(contents: BundleContents): string {
  const { model, dtype, target, built, toolchain, provenance, kernels, variants, bytes, files } = contents;
  const passed = toolchain === undefined ? '' : `passed by ${toolchain.tool} ${toolchain.version}`;
  const { file, sha256 } = provenance.model;
  const activations = bytes.activations.map(
    (most) => `${formatBytes(most.bytes)} at M = ${formatCount(most.tokens)}`,
  );
  return [
    `${model}  ${dtype}  for ${target.id}, modelled as ${target.referenceGpu}: ${kernels} kernels, ${built ? passed : 'sources only, not built'}\n`,
    `of ${file}, sha256 ${sha256.slice(0, 16)}, by quikc ${provenance.quikc}\n`,
    ...(variants.length === 0 ? [] : ['\n', formatTable(variantColumns, variants.map(variantRow))]),
    '\n',
    formatLaunches(contents),
    '\n',
    formatTable(layerColumns, contents.layers.map(layerRow)),
    '\n',
    `weights ${formatBytes(bytes.weights)} once packed; activations ${activations.join(', ')}; workspace ${formatBytes(bytes.workspace)}\n`,
    `${formatCount(files)} files of ${formatBytes(bytes.files)}; kB, MB and GB are powers of 1000\n`,
    'quikc explain <bundle> [kernel] tells why the kernels are as they are\n',
  ].join('');
}

function formatLaunches({ sites, variants }: BundleContents): string {
  const rows = sites.flatMap(({ id, launches }) =>
    launches.map((launch, index) => ({ ...launch, site: index === 0 ? id : '' })),
  );
  const dispatched = rows.some(({ dispatches }) => dispatches !== undefined);
  const columns = [
    ...launchColumns,
    ...(dispatched ? dispatchColumns : []),
    ...(variants.length === 0 ? [] : [launchVariants]),
  ];
  return formatTable(
    columns,
    rows.map((row) => [
      row.site,
      printTokens(row),
      row.kernel,
      formatCount(row.bytes),
      ...(dispatched
        ? [row.dispatches, row.shards, row.tokensAtOnce].map((value) => formatCount(value ?? 1))
        : []),
      ...(variants.length === 0 ? [] : [row.variants.join(', ')]),
    ]),
  );
}

function variantRow(variant: BundleContents['variants'][number]): readonly string[] {
  return [variant.name, formatNeeds(variant), `${variant.kernels}`];
}

function layerRow({ name, site, n, k, bits, outliers, count, bytes }: BundleContents['layers'][number]) {
  return [name, site, `${n}`, `${k}`, `${bits}`, `${outliers}`, `${count}`, formatBytes(bytes)];
}
