import { z } from 'zod';
import { size, weight } from './schema-values.ts';

export const ropeScaling = z
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

export type RopeScalingJson = z.output<typeof ropeScaling>;
export type RopeScalingInput = z.input<typeof ropeScaling>;
