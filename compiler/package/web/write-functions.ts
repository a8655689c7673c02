import { type FunctionDeclarationStructure, StructureKind } from 'ts-morph';

/** The types that functions are written with, by the interfaces Sites and LayerWeights that are declared beside them. */
export const functionTypes: readonly string[] = [
  '/** Pipelines of the sites that were named, and the variant whose kernels they have. */',
  'export type PipelinesOf<D extends DeviceLike, S extends keyof Sites> = Pipelines<D, Pick<Sites<BufferOf<D>>, S>> & {',
  '  readonly variant: VariantName;',
  '};',
  "/** Where a layer's packed weights come from. */",
  'export type WeightSources<L extends keyof LayerWeights> = { readonly [A in keyof LayerWeights[L]]: ByteSource };',
  '/** A file of packed weights. */',
  'export interface PackedFile {',
  '  readonly model: string;',
  '  /** Of a layer, of its number in the model where `layers` has a range: to be read by uploadWeights. */',
  '  weights<L extends keyof LayerWeights>(layer: L, number?: number): WeightSources<L>;',
  '}',
];

/** The functions of index.d.ts. */
export function writeFunctions(): FunctionDeclarationStructure[] {
  const declared = { kind: StructureKind.Function as const, isExported: true, hasDeclareKeyword: true };
  const device = { name: 'D', constraint: 'DeviceLike' };
  const site = { name: 'S', constraint: 'keyof Sites' };
  const layer = { name: 'L', constraint: 'keyof LayerWeights' };
  const adapter = { name: 'adapter', type: 'AdapterLike | null' };
  const gpu = { name: 'gpu', hasQuestionToken: true, type: 'LanguageLike' };
  return [
    {
      ...declared,
      name: 'supportedVariants',
      docs: ['The variants that the adapter can run, the best first.'],
      parameters: [adapter, gpu],
      returnType: 'VariantName[]',
    },
    {
      ...declared,
      name: 'unsupported',
      docs: [
        'What the adapter lacks to run this bundle, or a variant of it, in sentences; empty if nothing.',
      ],
      parameters: [adapter, gpu, { name: 'variant', hasQuestionToken: true, type: 'VariantName' }],
      returnType: 'string[]',
    },
    {
      ...declared,
      name: 'createPipelines',
      docs: ['Compiles the kernels of a device, at once and asynchronously.'],
      typeParameters: [device, { ...site, default: 'keyof Sites' }],
      parameters: [
        { name: 'device', type: 'D' },
        { name: 'options', hasQuestionToken: true, type: 'PipelineOptions<S, VariantName>' },
      ],
      returnType: 'Promise<PipelinesOf<D, S>>',
    },
    {
      ...declared,
      name: 'open',
      docs: [
        'Asks for an adapter and a device of it, and makes pipelines. Rejects where there is no adapter, or it lacks something.',
      ],
      typeParameters: [
        { ...device, default: 'AmbientDevice' },
        { ...site, default: 'keyof Sites' },
      ],
      parameters: [
        { name: 'options', hasQuestionToken: true, type: 'PipelineOptions<S, VariantName, GpuLike<D>>' },
      ],
      returnType: 'Promise<PipelinesOf<D, S>>',
    },
    {
      ...declared,
      name: 'bytes',
      docs: ['Bytes that each buffer of a site takes for up to M tokens.'],
      typeParameters: [site],
      parameters: [
        { name: 'site', type: 'S' },
        { name: 'M', type: 'number' },
      ],
      returnType: 'SiteSizes<Sites[S]>',
    },
    {
      ...declared,
      name: 'uploadWeights',
      docs: [
        "Makes buffers of a layer's packed weights and fills them, piece by piece.\nRejects, and keeps nothing, where the weights are truncated or of another layer.",
      ],
      typeParameters: [device, layer],
      parameters: [
        { name: 'device', type: 'D' },
        { name: 'layer', type: 'L' },
        { name: 'source', type: 'WeightSources<L>' },
        { name: 'options', hasQuestionToken: true, type: 'UploadOptions' },
      ],
      returnType: 'Promise<LayerWeights<BufferOf<D>>[L]>',
    },
    {
      ...declared,
      name: 'openSafetensors',
      docs: [
        'Opens a safetensors file of packed weights: a File or Blob, bytes, or an address that answers requests for a range.',
      ],
      parameters: [{ name: 'source', type: 'Blob | ArrayBuffer | ArrayBufferView | string | URL' }],
      returnType: 'Promise<PackedFile>',
    },
  ];
}
