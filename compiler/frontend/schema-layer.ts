// What is said of a layer: its scheme, outliers, sparsity and numbers of tokens.
import { z } from 'zod';
import { presetNames } from '../../ir/quant-scheme.ts';
import { largestSize, shortText, size } from './schema-values.ts';

export const tokens = z
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

export const scheme = z
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

export const outliers = z
  .strictObject({
    rule: z.enum(['uniform', 'proportional']).optional().describe('proportional: count x K / hidden'),
    count: z.int().min(0).max(largestSize).optional(),
    hidden: size.optional().describe("the width that count stands for; the model's hidden size unless given"),
    columns: z
      .array(z.union([z.number(), z.array(z.number())]))
      .optional()
      .describe('one list of input features, or under repeat one list per repetition'),
    mode: z
      .enum(['compact', 'in-place'])
      .optional()
      .describe('cut out of the integer part, or left in it with weight code 0; compact unless given'),
  })
  .describe('input features kept in 16 bit');

export const sparsity = z.union([
  z.enum(['dense', '2:4', '4:8-pairs']),
  z.strictObject({ pattern: z.literal('unstructured'), density: z.number().gt(0).max(1) }),
]);

export const shard = z.strictObject({
  kind: z.enum(['column', 'row']),
  index: z.int().min(0).max(1024),
  count: z.int().min(1).max(1024),
});

export const experts = z
  .strictObject({ count: z.int().min(1).max(4096), perToken: z.int().min(1).max(4096) })
  .describe('reserved: mixture of experts');

export const layerFields = {
  scheme: scheme.optional(),
  outliers: outliers.optional(),
  sparsity: sparsity.optional(),
  tokens: tokens.optional(),
};

export const layerRule = z.strictObject({
  match: shortText.describe('layer names: * any text, ? one character, {a,b} either, {0..7} a range'),
  ...layerFields,
});

export type SchemeJson = z.output<typeof scheme>;
export type OutliersJson = z.output<typeof outliers>;
export type SparsityJson = z.output<typeof sparsity>;
export type TokensJson = z.output<typeof tokens>;
