import { type FunctionDeclarationStructure, StructureKind } from 'ts-morph';

/** The functions of index.d.ts, typed by the interfaces Sites and LayerWeights that are declared beside them. */
export function writeFunctions(): FunctionDeclarationStructure[] {
  const declared = { kind: StructureKind.Function as const, isExported: true, hasDeclareKeyword: true };
  const device = { name: 'D', constraint: 'DeviceLike' };
  const layer = { name: 'L', constraint: 'keyof LayerWeights' };
  const source = '{ readonly [A in keyof LayerWeights[L]]: ByteSource }';
  const adapter = { name: 'adapter', type: 'AdapterLike | null' };
  const gpu = { name: 'gpu', hasQuestionToken: true, type: 'LanguageLike' };
  const given =
    '`gpu` is navigator.gpu unless given: where there is none, give what the adapter was asked of.';
  return [
    {
      ...declared,
      name: 'supportedVariants',
      docs: [`The variants that the adapter can run, the best first.\n${given}`],
      parameters: [adapter, gpu],
      returnType: 'VariantName[]',
    },
    {
      ...declared,
      name: 'unsupported',
      docs: [
        `What the adapter lacks to run this bundle, or a variant of it, in sentences; empty if nothing.\n${given}`,
      ],
      parameters: [adapter, gpu, { name: 'variant', hasQuestionToken: true, type: 'VariantName' }],
      returnType: 'string[]',
    },
    {
      ...declared,
      name: 'createPipelines',
      docs: [
        `Compiles the kernels of all sites, or of those named, at once and asynchronously: those of the variant named,\nor of the best that the device was made for. ${given}\n\`checkFinite: false\` leaves out the look at what each quantize was given: see Pipelines.assertFinite.`,
      ],
      typeParameters: [device, { name: 'S', constraint: 'keyof Sites', default: 'keyof Sites' }],
      parameters: [
        { name: 'device', type: 'D' },
        {
          name: 'options',
          hasQuestionToken: true,
          type: '{ readonly sites?: readonly S[]; readonly variant?: VariantName; readonly gpu?: LanguageLike; readonly checkFinite?: boolean }',
        },
      ],
      returnType: 'Promise<Pipelines<D, Pick<Sites<BufferOf<D>>, S>> & { readonly variant: VariantName }>',
    },
    {
      ...declared,
      name: 'open',
      docs: [
        `Asks for an adapter and a device of it, and makes pipelines of the best variant that the adapter can run, or of the\none named. Rejects where there is no adapter, or it lacks something. ${given}`,
      ],
      typeParameters: [
        { ...device, default: 'AmbientDevice' },
        { name: 'S', constraint: 'keyof Sites', default: 'keyof Sites' },
      ],
      parameters: [
        {
          name: 'options',
          hasQuestionToken: true,
          type: '{ readonly sites?: readonly S[]; readonly variant?: VariantName; readonly gpu?: GpuLike<D>; readonly checkFinite?: boolean }',
        },
      ],
      returnType: 'Promise<Pipelines<D, Pick<Sites<BufferOf<D>>, S>> & { readonly variant: VariantName }>',
    },
    {
      ...declared,
      name: 'bytes',
      docs: ['Bytes that each buffer of a site takes for up to M tokens.'],
      typeParameters: [{ name: 'S', constraint: 'keyof Sites' }],
      parameters: [
        { name: 'site', type: 'S' },
        { name: 'M', type: 'number' },
      ],
      returnType:
        'Sites[S] extends Site<infer Q, infer Ls> ? { readonly buffers: Sizes<Q>; readonly linears: { readonly [L in keyof Ls]: Sizes<Ls[L]> } } : never',
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
        { name: 'source', type: source },
        { name: 'options', hasQuestionToken: true, type: 'UploadOptions' },
      ],
      returnType: 'Promise<LayerWeights<BufferOf<D>>[L]>',
    },
    {
      ...declared,
      name: 'openSafetensors',
      docs: [
        'Opens a safetensors file of packed weights: a File or Blob, bytes, or an address that answers requests for a range.\n`weights` gives the sources of a layer, of its number in the model where `layers` has a range. They are read by uploadWeights.',
      ],
      parameters: [{ name: 'source', type: 'Blob | ArrayBuffer | ArrayBufferView | string | URL' }],
      returnType: `Promise<{ readonly model: string; weights<L extends keyof LayerWeights>(layer: L, number?: number): ${source} }>`,
    },
  ];
}
