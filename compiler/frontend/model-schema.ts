// model.json version 1. Every object is strict: an unknown field is an error, never ignored. Descriptions here and in the
// other schema-*.ts are what the published JSON Schema (generated/schema/model-v1.schema.json) shows in an editor.
import { z } from 'zod';
import { falconFacts, llamaFacts, optFacts } from './schema-facts.ts';
import { graph } from './schema-graph.ts';
import { layerRule, outliers, scheme, sparsity, tokens } from './schema-layer.ts';
import { name, shortText } from './schema-values.ts';

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
