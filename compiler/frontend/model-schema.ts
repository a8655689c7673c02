// model.json version 1. Every object is strict: an unknown field is an error, never ignored. Descriptions here are
// what the published JSON Schema (generated/schema/model-v1.schema.json) shows in an editor.
import { z } from 'zod';
import { presetNames } from '../../ir/quant-scheme.ts';

/** Products of two sizes stay exact in a double (2^48), and nothing real comes near. */
export const largestSize = 2 ** 24;
const mostRepetitions = 10_000;

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const name = z.string().min(1).max(128).regex(namePattern);
const size = z.int().min(1).max(largestSize);
const shortText = z.string().min(1).max(512);

const tokens = z
  .strictObject({
    min: z.int().min(1).max(largestSize).optional(),
    max: z.int().min(1).max(largestSize).optional(),
  })
  .describe('numbers of tokens (M) to serve; without max, every M');

const weightScheme = z.strictObject({
  bits: z.literal([2, 4, 8, 16]).optional(),
  format: z.enum(['int', 'fp8']).optional(),
  grouping: z
    .union([z.literal('channel'), z.strictObject({ size: z.int().min(1).max(largestSize) })])
    .optional(),
  zeroPoint: z.boolean().optional(),
  scaleType: z.enum(['f32', 'f16']).optional(),
  order: z.enum(['natural', 'act-order']).optional(),
  clip: z.enum(['none', 'search']).optional(),
});

const activationScheme = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('int'),
    bits: z.literal([4, 8]),
    symmetry: z.enum(['symmetric', 'asymmetric']).default('asymmetric'),
    granularity: z.enum(['token', 'tensor']).default('token'),
    range: z.enum(['dynamic', 'static']).default('dynamic'),
  }),
  z.strictObject({ kind: z.literal('fp8') }),
]);

const scheme = z
  .union([
    z.enum(presetNames),
    z.strictObject({
      preset: z.enum(presetNames).describe('where to start from'),
      weight: weightScheme.optional(),
      activation: activationScheme.optional(),
      transform: z.enum(['none', 'permutation', 'hadamard']).optional(),
    }),
  ])
  .describe('a preset, or a preset with fields changed');

const outliers = z
  .strictObject({
    rule: z.enum(['uniform', 'proportional']).optional().describe('proportional: count x K / hidden'),
    count: z.int().min(0).max(largestSize).optional(),
    hidden: size.optional().describe("the width that count stands for; the model's hidden size unless given"),
    columns: z
      .array(z.union([z.number(), z.array(z.number())]))
      .optional()
      .describe('one list of input features, or under repeat one list per repetition'),
  })
  .describe('input features kept in 16 bit');

const sparsity = z.union([
  z.enum(['dense', '2:4', '4:8-pairs']),
  z.strictObject({ pattern: z.literal('unstructured'), density: z.number().gt(0).max(1) }),
]);

const shard = z.strictObject({
  kind: z.enum(['column', 'row']),
  index: z.int().min(0).max(1024),
  count: z.int().min(1).max(1024),
});

const experts = z
  .strictObject({ count: z.int().min(1).max(4096), perToken: z.int().min(1).max(4096) })
  .describe('reserved: mixture of experts');

const layerFields = {
  scheme: scheme.optional(),
  outliers: outliers.optional(),
  sparsity: sparsity.optional(),
  tokens: tokens.optional(),
};

const layerRule = z.strictObject({
  match: shortText.describe('layer names: * any text, ? one character, {a,b} either, {0..7} a range'),
  ...layerFields,
});

const weight = z.strictObject({
  file: shortText.optional().describe('relative to the folder of model.json'),
  tensor: shortText.describe('{layer} stands for the repetition'),
});

const base = { name };
const reference = z.string().min(1).max(128);
/** In FP32, as kernels have it: what rounds to zero there is no epsilon. */
const eps = z
  .number()
  .min(0)
  .max(1)
  .refine(
    (value) => value === 0 || Math.fround(value) > 0,
    '0, or at least 1.5e-45: kernels hold it in FP32',
  );

const ropeScaling = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('linear'), factor: z.number().gt(0) }),
    z.strictObject({
      kind: z.literal('llama3'),
      factor: z.number().gt(0),
      lowFrequencyFactor: z.number().gt(0),
      highFrequencyFactor: z.number().gt(0),
      originalContext: size,
    }),
    z.strictObject({
      kind: z.literal('yarn'),
      factor: z.number().gt(0),
      originalContext: size,
      betaFast: z.number().gt(0).default(32),
      betaSlow: z.number().gt(0).default(1),
      attentionFactor: z.number().gt(0).optional().describe('1 + ln(factor) / 10 unless given'),
    }),
    z.strictObject({
      kind: z.literal('divisors'),
      weight: weight.optional().describe('headDim / 2 values; by form 1 looked up as rope_freqs'),
    }),
  ])
  .describe('how rotary frequencies are stretched to longer contexts');

const node = z.discriminatedUnion('op', [
  z.strictObject({
    ...base,
    op: z.literal('linear'),
    input: reference,
    in: size.describe('input features, K'),
    out: size.describe('output features, N'),
    weight: weight.optional(),
    bias: z.union([z.boolean(), weight]).optional(),
    shard: shard.optional(),
    experts: experts.optional(),
    ...layerFields,
  }),
  z.strictObject({
    ...base,
    op: z.literal('embedding'),
    input: reference,
    vocab: size,
    features: size,
    weight: weight.optional(),
  }),
  z.strictObject({ ...base, op: z.literal('rms-norm'), input: reference, eps, weight: weight.optional() }),
  z.strictObject({
    ...base,
    op: z.literal('layer-norm'),
    input: reference,
    eps,
    weight: weight.optional(),
    bias: weight.optional(),
  }),
  z.strictObject({
    ...base,
    op: z.literal('position-embedding'),
    input: reference,
    positions: size.describe('rows of the table'),
    offset: z.int().min(0).max(largestSize).default(0).describe('row of position 0'),
    weight: weight.optional(),
  }),
  z.strictObject({
    ...base,
    op: z.literal('head-norm'),
    input: reference,
    headDim: size,
    eps,
    weight: weight.optional(),
  }),
  z.strictObject({
    ...base,
    op: z.literal('rope'),
    input: reference,
    headDim: size,
    theta: z.number().gt(0),
    scaling: ropeScaling.optional(),
  }),
  z.strictObject({
    ...base,
    op: z.literal('attention'),
    q: reference,
    k: reference,
    v: reference,
    heads: size,
    kvHeads: size,
    headDim: size,
    window: size.optional().describe('tokens that a token sees, itself included'),
  }),
  z.strictObject({
    ...base,
    op: z.literal('activation'),
    kind: z.enum(['relu', 'gelu', 'silu']),
    input: reference,
  }),
  z.strictObject({
    ...base,
    op: z.literal('gated-activation'),
    kind: z.literal('silu'),
    gate: reference,
    up: reference,
  }),
  z.strictObject({ ...base, op: z.literal('add'), a: reference, b: reference }),
]);

const block = z.strictObject({
  name: name.optional(),
  repeat: z.int().min(1).max(mostRepetitions).optional(),
  nodes: z.array(node).min(1).max(4096),
  output: reference.optional().describe('the last node unless given'),
});

const graph = z.strictObject({
  input: z
    .union([z.strictObject({ features: size }), z.strictObject({ tokens: z.literal(true) })])
    .describe('what the first block receives, called "input" in every block'),
  blocks: z.array(block).min(1).max(4096),
});

const llamaFacts = z
  .strictObject({
    hidden: size,
    layers: z.int().min(1).max(mostRepetitions),
    heads: size,
    kvHeads: size.optional().describe('heads unless given'),
    headDim: size.optional().describe('hidden / heads unless given'),
    ffn: size,
    vocab: size,
    rmsNormEps: eps,
    ropeTheta: z.number().gt(0).default(10_000),
    tied: z.boolean().default(false).describe('the output head shares the embedding'),
    ropeScaling: ropeScaling.optional(),
    attentionBias: z.boolean().default(false).describe('q, k and v have a bias (Qwen2)'),
    outputBias: z.boolean().default(false).describe("attention's output projection has a bias"),
    mlpBias: z.boolean().default(false).describe('gate, up and down have a bias'),
    qkNorm: z.boolean().default(false).describe('each head of q and k is normalised (Qwen3)'),
    slidingWindow: size.optional().describe('tokens that a token sees, itself included (Mistral)'),
    context: size.optional().describe('longest context the model was trained for'),
    experts: experts.optional(),
  })
  .describe('facts of a LLaMA-like model');

const optFacts = z
  .strictObject({
    hidden: size,
    layers: z.int().min(1).max(mostRepetitions),
    heads: size,
    ffn: size,
    vocab: size,
    positions: size.describe('longest context: learned positions'),
    embedding: size.optional().describe('features of an embedding; hidden unless given'),
    normFirst: z
      .boolean()
      .default(true)
      .describe('norms stand before attention and MLP, and before the head'),
    activation: z.enum(['relu', 'gelu']).default('relu'),
    layerNormEps: eps.default(1e-5),
    bias: z.boolean().default(true).describe('every linear of a layer has a bias'),
    tied: z.boolean().default(true).describe('the output head shares the embedding'),
  })
  .describe('facts of an OPT');

const falconFacts = z
  .strictObject({
    hidden: size,
    layers: z.int().min(1).max(mostRepetitions),
    heads: size,
    kvHeads: size.optional().describe('heads unless given; 1 for multi-query attention'),
    ffn: size.optional().describe('4 x hidden unless given'),
    vocab: size,
    layerNormEps: eps.default(1e-5),
    norms: z.literal([1, 2]).default(1).describe('1: attention and MLP read the same norm; 2: each its own'),
    ropeTheta: z.number().gt(0).default(10_000),
    ropeScaling: ropeScaling.optional(),
    bias: z.boolean().default(false).describe('every linear of a layer has a bias'),
    tied: z.boolean().default(true).describe('the output head shares the embedding'),
    context: size.optional().describe('longest context the model was trained for'),
  })
  .describe('facts of a Falcon, whose attention and MLP run side by side');

export const architectures = ['llama', 'opt', 'falcon'] as const;
export type Architecture = (typeof architectures)[number];

const common = {
  $schema: z.string().optional(),
  quikc: z.literal(1).describe('version of this format'),
  name,
  dtype: z.enum(['f16', 'bf16']).default('f16').describe('activations'),
  tokens: tokens.optional(),
  scheme: scheme.default('quik-4b'),
  outliers: outliers.optional(),
  sparsity: sparsity.optional(),
  layers: z.array(layerRule).max(4096).default([]).describe('rules for some layers; a later rule wins'),
  weights: z
    .strictObject({
      files: z.array(shortText).max(4096),
      tensors: z.record(name, shortText).optional().describe('node name to tensor name, with {layer}'),
      rows: z
        .enum(['paired'])
        .optional()
        .describe('paired: rows of q and k that rope turns together lie side by side, as in GGUF of LLaMA'),
    })
    .optional(),
  parallel: z
    .strictObject({ tensor: z.int().min(1).max(1024) })
    .optional()
    .describe('reserved: tensor parallelism'),
  graph: graph.optional(),
};

/** By the architecture that a model names, so that its facts are checked as what they are meant for. */
const variants = {
  llama: z.strictObject({
    ...common,
    architecture: z.literal('llama'),
    facts: llamaFacts.optional(),
  }),
  opt: z.strictObject({ ...common, architecture: z.literal('opt'), facts: optFacts.optional() }),
  falcon: z.strictObject({ ...common, architecture: z.literal('falcon'), facts: falconFacts.optional() }),
};
/** Of a model that names none, or one that there is not. */
const unnamed = z.strictObject({
  ...common,
  architecture: z.enum(architectures).optional(),
  facts: llamaFacts.optional(),
});

/** Any model: what the published schema says. */
export const modelSchema = z
  .strictObject({
    ...common,
    architecture: z.enum(architectures).optional(),
    facts: z.union([llamaFacts, optFacts, falconFacts]).optional(),
  })
  .describe('quikc model description, version 1');

type Model = z.output<typeof unnamed>;

export type ModelJson =
  | z.output<(typeof variants)[Architecture]>
  | (Omit<Model, 'architecture'> & { readonly architecture?: undefined });
/** A model.json as it is written: what has a default may be left out. */
export type ModelInput = z.input<(typeof variants)[Architecture]>;

/** A document as a model, or what is wrong with it by the schema that it was held against. */
export function checkModel(
  document: unknown,
):
  | { readonly ok: true; readonly model: ModelJson }
  | { readonly ok: false; readonly schema: z.ZodType; readonly issues: readonly z.core.$ZodIssue[] } {
  const named =
    document !== null && typeof document === 'object' ? Reflect.get(document, 'architecture') : undefined;
  const architecture = architectures.find((known) => known === named);
  if (architecture === undefined) {
    const checked = unnamed.safeParse(document);
    if (!checked.success) return { ok: false, schema: unnamed, issues: checked.error.issues };
    const { architecture: _none, ...model } = checked.data;
    return { ok: true, model };
  }
  const schema = variants[architecture];
  const checked = schema.safeParse(document);
  return checked.success
    ? { ok: true, model: checked.data }
    : { ok: false, schema, issues: checked.error.issues };
}

export type SchemeJson = z.output<typeof scheme>;
export type OutliersJson = z.output<typeof outliers>;
export type SparsityJson = z.output<typeof sparsity>;
export type TokensJson = z.output<typeof tokens>;
export type LlamaFacts = z.output<typeof llamaFacts>;
export type LlamaFactsInput = z.input<typeof llamaFacts>;
export type OptFacts = z.output<typeof optFacts>;
export type OptFactsInput = z.input<typeof optFacts>;
export type FalconFacts = z.output<typeof falconFacts>;
export type FalconFactsInput = z.input<typeof falconFacts>;
export type GraphJson = z.output<typeof graph>;
export type BlockJson = z.output<typeof block>;
export type NodeJson = z.output<typeof node>;
export type RopeScalingJson = z.output<typeof ropeScaling>;
export type RopeScalingInput = z.input<typeof ropeScaling>;
export type WeightJson = z.output<typeof weight>;
