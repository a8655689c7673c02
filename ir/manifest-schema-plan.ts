import { z } from 'zod';
import type { Formula } from './formula.ts';
import { count, digest, size } from './manifest-schema-call.ts';

const hostStep = z.strictObject({
  kind: z.literal('host'),
  node: z.string(),
  op: z.string(),
  reads: z.array(z.strictObject({ buffer: count, offset: count, features: count })),
  output: count,
  meaning: z.string(),
});

/** The launches of each block, with the buffers they use and what the host computes between them. */
export function planSchema<W extends z.ZodType>(formula: z.ZodType<Formula>, weight: W) {
  const quantizeStep = z.strictObject({
    kind: z.literal('quantize'),
    node: z.string(),
    site: z.string(),
    problem: digest,
    input: count,
    codes: count,
    meta: count,
    outliers: count.exactOptional(),
    prologueWeight: weight.exactOptional(),
    columnsOf: z.string(),
  });
  const linearStep = z.strictObject({
    kind: z.literal('linear'),
    node: z.string(),
    site: z.string(),
    problem: digest,
    codes: count,
    meta: count,
    outliers: count.exactOptional(),
    residual: count.exactOptional(),
    output: count,
    layer: z.string(),
  });
  const block = z.strictObject({
    name: z.string(),
    prefix: z.string(),
    origin: z.string(),
    repeat: z.strictObject({ first: count, count: size }).exactOptional(),
    steps: z.array(z.discriminatedUnion('kind', [quantizeStep, linearStep, hostStep])),
    buffers: z.array(
      z.strictObject({ name: z.string(), bytes: formula, slot: count, from: count, to: count }),
    ),
    input: count,
    output: count,
    carry: z.enum(['in-place', 'swap', 'moved']),
    peakBytes: formula,
  });
  return z.strictObject({
    weightFiles: z.array(z.string()),
    slots: z.array(formula),
    peakBytes: formula,
    workspaceBytes: count,
    placeholderLayers: z.array(z.string()),
    blocks: z.array(block),
  });
}
