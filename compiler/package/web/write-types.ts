import {
  type InterfaceDeclarationStructure,
  type PropertySignatureStructure,
  type SourceFileStructure,
  StructureKind,
} from 'ts-morph';
import type { BufferArgument } from '../../../ir/call-contract.ts';
import { assert } from '../../support/assert.ts';
import { describeBuffer, describeContents } from './describe-buffer.ts';
import type { WebBundle, WebLaunch, WebLayer, WebSite } from './describe-web.ts';
import { formatKey, formatTable, type Table } from './format-table.ts';
import { type InterfaceNames, interfaceNames } from './interface-names.ts';
import type { PackageNeeds } from './package-needs.ts';
import { functionTypes, writeFunctions } from './write-functions.ts';

type Property = Omit<PropertySignatureStructure, 'kind'>;

const imported =
  'AdapterLike, AmbientDevice, BufferLike, BufferOf, ByteSource, DeviceLike, GpuLike, LanguageLike, PipelineOptions, Pipelines, Site, SiteSizes, Tensor, UploadOptions';

/** index.d.ts: the buffers of every launch with shapes and sizes, and the functions, typed by them. */
export function writeTypes({ sites, variants, layers }: WebBundle, banner: string): SourceFileStructure {
  const names = interfaceNames(sites);
  const [least] = variants;
  assert(least !== undefined, 'a bundle for WebGPU has variants');
  return {
    kind: StructureKind.SourceFile,
    statements: [
      banner,
      `import type { ${imported} } from './types.js';`,
      "export * from './types.js';",
      `\n/** ${variantsDoc} */`,
      `export declare const variants: ${typeOf(
        Object.fromEntries(
          variants.map(({ name, needs }) => [`readonly ${formatKey(name)}`, needsType(needs)]),
        ),
      )};`,
      'export type VariantName = keyof typeof variants;',
      '/** What the variant that asks for least needs: for a device that is to run anywhere. */',
      `export declare const requiredFeatures: (typeof variants)[${quote(least.name)}]["requiredFeatures"];`,
      `export declare const requiredLimits: (typeof variants)[${quote(least.name)}]["requiredLimits"];`,
      ...sites.flatMap((site) => [
        bufferInterface(names.get(site), `Buffers of the quantize of the site ${site.id}.`, site.quantize),
        ...site.linears.map((linear) => {
          const served = linear.layers.map(({ name }) => name).join(', ');
          const doc = `Buffers of the linear ${linear.name} of the site ${site.id}, of ${served}.`;
          return bufferInterface(names.get(linear), doc, linear);
        }),
      ]),
      declareInterface(
        'Sites',
        'Quantizes and the linears that share what they write.',
        sites.map((site) => siteProperty(site, names)),
      ),
      declareInterface(
        'LayerWeights',
        'Packed weights by layer: what uploadWeights makes, and the linear of its site takes.',
        layers.map((layer) => weightsProperty(layer, sites, names)),
      ),
      "/** Where each layer goes, and the numbers of the model's layers that it stands for. */",
      `export declare const layers: ${typeOf(
        Object.fromEntries(
          layers.map((layer) => [`readonly ${formatKey(layer.layer.id)}`, layerType(layer)]),
        ),
      )};`,
      `\n${functionTypes.join('\n')}\n`,
      ...writeFunctions(),
    ],
  };
}

const variantsDoc = [
  'Sets of kernels, from the one that asks for least of a device to the best. Give requestDevice the one that',
  "supportedVariants names first: WGSL's language features are there, or are not. Buffers of many tokens may need",
  'higher limits: see bytes.',
].join('\n * ');

function needsType({ features, languageFeatures, leastSubgroupSize, limits }: PackageNeeds): Table {
  const texts = (values: readonly string[]) => formatTable(values.map(quote)).replace('[', 'readonly [');
  return {
    'readonly requiredFeatures': texts(features),
    'readonly requiredLimits': Object.fromEntries(
      Object.entries(limits).map(([name, limit]) => [`readonly ${name}`, `${limit}`]),
    ),
    'readonly languageFeatures': texts(languageFeatures),
    'readonly leastSubgroupSize': `${leastSubgroupSize}`,
  };
}

function bufferInterface(name: string, doc: string, launch: WebLaunch): InterfaceDeclarationStructure {
  const all = new Map<string, BufferArgument>();
  for (const argument of launch.buckets.flatMap(({ kernel }) => kernel.arguments)) {
    if (argument.kind === 'buffer' && !all.has(argument.name)) all.set(argument.name, argument);
  }
  const properties = [...all.values()].map((argument) => ({
    name: formatKey(argument.name),
    type: `Tensor<B, ${quote(`${argument.name}: ${describeContents(argument)}`)}>`,
    docs: [comment(describeBuffer(argument))],
  }));
  return declareInterface(name, doc, properties);
}

function siteProperty(site: WebSite, names: InterfaceNames): Property {
  const linears = site.linears.map(
    (linear) => [`readonly ${formatKey(linear.name)}`, `${names.get(linear)}<B>`] as const,
  );
  return {
    name: formatKey(site.id),
    type: `Site<${names.get(site)}<B>, ${typeOf(Object.fromEntries(linears))}>`,
  };
}

function weightsProperty(
  { layer, linear }: WebLayer,
  sites: readonly WebSite[],
  names: InterfaceNames,
): Property {
  const linears = sites.find(({ id }) => id === layer.site)?.linears;
  const entry = linears?.find(({ name }) => name === linear);
  assert(entry !== undefined, `${layer.id} is a linear of its site`);
  const packed = layer.arguments.filter(({ bytes }) => bytes > 0).map(({ argument }) => quote(argument));
  const where = `for the linear ${linear} of the site ${layer.site}`;
  return {
    name: formatKey(layer.id),
    type: `Pick<${names.get(entry)}<B>, ${packed.join(' | ')}>`,
    docs: [comment(`${layer.name}: ${layer.n} x ${layer.k}, ${layer.bits} bit, ${where}.`)],
  };
}

function layerType({ layer: { site, repeat }, linear }: WebLayer): Table {
  const numbers =
    repeat === undefined
      ? {}
      : { 'readonly first': `${repeat.first}`, 'readonly last': `${repeat.first + repeat.count - 1}` };
  return { 'readonly site': quote(site), 'readonly linear': quote(linear), ...numbers };
}

function declareInterface(
  name: string,
  doc: string,
  properties: readonly Property[],
): InterfaceDeclarationStructure {
  return {
    kind: StructureKind.Interface,
    name,
    docs: [comment(doc)],
    isExported: true,
    typeParameters: [{ name: 'B', constraint: 'BufferLike', default: 'BufferLike' }],
    properties: properties.map((property) => ({ ...property, isReadonly: true })),
  };
}

/** A table whose keys are property names as they stand in a type. */
function typeOf(table: { readonly [key: string]: Table }): string {
  return formatTable(table, '', (key) => key).replaceAll(/,(\n| (?=readonly))/g, ';$1');
}

/** Names come from a model: they must not end the comment that they stand in. */
function comment(text: string): string {
  return text.replaceAll('*/', '* /');
}

function quote(text: string): string {
  return JSON.stringify(text);
}
