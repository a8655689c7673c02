// A graph as explicit nodes.
import { z } from 'zod';
import { experts, layerFields, shard } from './schema-layer.ts';
import { ropeScaling } from './schema-rope.ts';
import { eps, largestSize, mostRepetitions, name, size, weight } from './schema-values.ts';

const base = { name };
const reference = z.string().min(1).max(128);

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

export const graph = z.strictObject({
  input: z
    .union([z.strictObject({ features: size }), z.strictObject({ tokens: z.literal(true) })])
    .describe('what the first block receives, called "input" in every block'),
  blocks: z.array(block).min(1).max(4096),
});

export type GraphJson = z.output<typeof graph>;
export type BlockJson = z.output<typeof block>;
export type NodeJson = z.output<typeof node>;
