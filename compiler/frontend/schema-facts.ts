// The facts of a model whose architecture quikc knows by name.
import { z } from 'zod';
import { experts } from './schema-layer.ts';
import { ropeScaling } from './schema-rope.ts';
import { eps, mostRepetitions, size } from './schema-values.ts';

export const llamaFacts = z
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

export const optFacts = z
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

export const falconFacts = z
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

export type LlamaFacts = z.output<typeof llamaFacts>;
export type LlamaFactsInput = z.input<typeof llamaFacts>;
export type OptFacts = z.output<typeof optFacts>;
export type OptFactsInput = z.input<typeof optFacts>;
export type FalconFacts = z.output<typeof falconFacts>;
export type FalconFactsInput = z.input<typeof falconFacts>;
