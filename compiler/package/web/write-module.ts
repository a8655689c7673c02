import { type SourceFileStructure, StructureKind } from 'ts-morph';
import type { DispatchContract } from '../../../ir/call-contract.ts';
import type { Formula } from '../../../ir/formula.ts';
import type { ManifestKernel } from '../../../ir/manifest.ts';
import { tokenStride } from '../../../ir/plan-dispatches.ts';
import { assert } from '../../support/assert.ts';
import type { WebBundle, WebLaunch, WebLayer, WebVariant } from './describe-web.ts';
import { dependsOnTokens, formatFormula } from './format-formula.ts';
import { formatAccess, formatTable, type Table } from './format-table.ts';
import type { PackageNeeds } from './package-needs.ts';

/** index.js: tables of kernels, sites and layers, and the functions that work by them. */
export function writeModule(
  { model, dtype, variants, layers }: WebBundle,
  kernels: readonly ManifestKernel[],
  banner: string,
): SourceFileStructure {
  const [least] = variants;
  assert(least !== undefined, 'a bundle for WebGPU has variants');
  const given = `{ model: ${JSON.stringify(model)}, dtype: '${dtype}', variants, kernels, sites, layers }`;
  return {
    kind: StructureKind.SourceFile,
    statements: [
      banner,
      importing('makeApi', './make-api.js'),
      importing('shaders', './shaders.js'),
      "export { BundleError } from './bundle-error.js';",
      '',
      '// Sets of kernels, from the one that asks for least of a device to the best.',
      define('variants', keyed(variants.map(({ name, needs }) => [name, needsTable(needs)])), 'export '),
      `export const { requiredFeatures, requiredLimits } = variants${formatAccess(least.name)};`,
      '\n// Buffers, the first at binding 1; dispatches in order; sizes and workgroups for M tokens.',
      define('kernels', keyed(kernels.map((kernel) => [kernel.id, kernelTable(kernel)]))),
      '\n// Kernels by range of M, for each variant.',
      define('sites', keyed(variants.map((variant) => [variant.name, sitesTable(variant)]))),
      '',
      define('layers', keyed(layers.map((layer) => [layer.layer.id, layerTable(layer)])), 'export '),
      '\n// index.d.ts says what each does.',
      `const tables = ${given};`,
      'export const { open, supportedVariants, unsupported, createPipelines, bytes, uploadWeights, openSafetensors } = makeApi(tables, shaders);',
    ],
  };
}

/** shaders.js: the text of each kernel, as kernels/<id>.wgsl beside it has it: no way to load a file is the same in Node and in a page. */
export function writeShaders(texts: ReadonlyMap<string, string>, banner: string): SourceFileStructure {
  const quoted = (text: string) => `/* wgsl */ \`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``;
  const shaders = keyed([...texts].map(([id, text]) => [id, quoted(text)]));
  return { kind: StructureKind.SourceFile, statements: [banner, define('shaders', shaders, 'export ')] };
}

function kernelTable({ arguments: all, dispatches = [], tokensAtOnce = 0 }: ManifestKernel): Table {
  const buffers = all.flatMap((argument) => (argument.kind === 'buffer' ? [argument] : []));
  const names = buffers.map(({ name }) => name);
  return {
    arguments: buffers.map((buffer) => ({
      name: JSON.stringify(buffer.name),
      access: JSON.stringify(buffer.access),
      bytes: inTokens([buffer.bytes], formatFormula(buffer.bytes)),
      ...(tokenStride(buffer) > 0 ? { rowBytes: `${tokenStride(buffer)}` } : {}),
    })),
    tokensAtOnce: `${tokensAtOnce}`,
    dispatches: dispatches.map((dispatch) => dispatchTable(dispatch, names)),
  };
}

function dispatchTable(
  { entryPoint, grid, uniforms, buffers }: DispatchContract,
  names: readonly string[],
): Table {
  const places = buffers.map(({ argument, range }) => ({ place: names.indexOf(argument), range }));
  const ranges = places.flatMap(({ place, range }) =>
    range === undefined ? [] : [[`${place}`, [`${range.offset}`, `${range.bytes}`]] as const],
  );
  const firstBlock = uniforms.find(({ name }) => name === 'first_block')?.value;
  return {
    entryPoint: JSON.stringify(entryPoint),
    binds: places.map(({ place }) => `${place}`),
    ...(ranges.length === 0 ? {} : { ranges: keyed(ranges) }),
    ...(firstBlock === undefined ? {} : { firstBlock: formatFormula(firstBlock) }),
    workgroups: inTokens(grid, `[${grid.map(formatFormula).join(', ')}]`),
  };
}

/** A function of M, which it does not name where nothing depends on it. */
function inTokens(formulas: readonly Formula[], expression: string): string {
  return `${formulas.some(dependsOnTokens) ? '(M)' : '()'} => ${expression}`;
}

function needsTable({ features, languageFeatures, leastSubgroupSize, limits }: PackageNeeds): Table {
  const texts = (values: readonly string[]) => values.map((value) => JSON.stringify(value));
  return {
    requiredFeatures: texts(features),
    requiredLimits: keyed(Object.entries(limits).map(([name, limit]) => [name, `${limit}`])),
    languageFeatures: texts(languageFeatures),
    leastSubgroupSize: `${leastSubgroupSize}`,
  };
}

function sitesTable({ sites }: WebVariant): Table {
  return keyed(
    sites.map(({ id, quantize, linears }) => {
      const table = {
        quantize: launchTable(quantize),
        linears: keyed(linears.map((linear) => [linear.name, launchTable(linear)])),
      };
      return [id, table];
    }),
  );
}

function launchTable({ buckets }: WebLaunch): Table {
  return buckets.map(({ from, to, kernel }) => ({
    from: `${from}`,
    to: `${to ?? 'Infinity'}`,
    kernel: JSON.stringify(kernel.id),
  }));
}

function layerTable({ layer, linear, name, spec }: WebLayer): Table {
  const { site, repeat } = layer;
  const packed = layer.arguments.filter(({ bytes }) => bytes > 0);
  return {
    site: JSON.stringify(site),
    linear: JSON.stringify(linear),
    ...(repeat === undefined ? {} : { first: `${repeat.first}`, last: `${repeat.first + repeat.count - 1}` }),
    name: name.map((part) => JSON.stringify(part)),
    spec: JSON.stringify(spec),
    bytes: keyed(packed.map(({ argument, bytes }) => [argument, `${bytes}`])),
  };
}

function importing(name: string, moduleSpecifier: string) {
  return { kind: StructureKind.ImportDeclaration as const, namedImports: [name], moduleSpecifier };
}

function define(name: string, table: Table, prefix = ''): string {
  return `${prefix}const ${name} = ${formatTable(table)};`;
}

function keyed(entries: readonly (readonly [string, Table])[]): Table {
  return Object.fromEntries(entries);
}
