import { z } from 'zod';
import type { Formula } from './formula.ts';

export const count = z.int().nonnegative();
/** Of what there must be some. */
export const size = z.int().positive();
export const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** Kernel ids and symbols: they name files, so nothing else is let through. */
export const identifier = z
  .string()
  .max(200)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/);
export const targetSchema = z.enum(['sm80', 'sm90', 'webgpu']);
export const dtypeSchema = z.enum(['f16', 'bf16']);

/** A size in terms of the token count M. Recursive: the published JSON Schema names it once. */
export const formulaSchema: z.ZodType<Formula> = z
  .lazy(() =>
    z.union([
      z.strictObject({ const: z.int() }),
      z.strictObject({ M: z.literal(true) }),
      z.strictObject({ add: z.array(formulaSchema) }),
      z.strictObject({ mul: z.array(formulaSchema) }),
      z.strictObject({ ceilDiv: z.tuple([formulaSchema, formulaSchema]) }),
      z.strictObject({ min: z.array(formulaSchema) }),
      z.strictObject({ max: z.array(formulaSchema) }),
    ]),
  )
  .meta({ id: 'Formula', description: 'a size or count that depends on the token count M alone' });

export const layoutSchema = z.enum([
  'row-major',
  'codes-rows',
  'row-meta',
  'weight-blocks-16x64-s4',
  'weight-blocks-16x32-s8',
  'outlier-blocks-16x16',
  'column-meta',
  'sorted-indices',
  'split-k-workspace',
  'slice-shares',
]);

export const argumentSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('buffer'),
    name: z.string(),
    dtype: z.enum(['f16', 'bf16', 'f32', 's4', 's8', 's32', 'u32']),
    layout: layoutSchema,
    access: z.enum(['read', 'write', 'read-write']),
    shape: z.array(formulaSchema),
    rowStrideBytes: count.exactOptional(),
    bytes: formulaSchema,
    alignment: size,
    meaning: z.string(),
  }),
  z.strictObject({ kind: z.literal('token-count'), name: z.string() }),
]);

export const launchSchema = z.strictObject({
  grid: z.tuple([formulaSchema, formulaSchema, formulaSchema]),
  block: z.tuple([size, size, size]),
  /** No GPU has more on an SM than 228 KiB. */
  dynamicSharedBytes: count.max(256 * 1024),
});

export const dispatchSchema = z.strictObject({
  entryPoint: identifier,
  grid: z.tuple([formulaSchema, formulaSchema, formulaSchema]),
  block: z.tuple([size, size, size]),
  uniforms: z.array(z.strictObject({ binding: count, name: identifier, value: formulaSchema })),
  buffers: z.array(
    z.strictObject({
      binding: count,
      argument: z.string(),
      range: z.strictObject({ offset: count, bytes: size }).exactOptional(),
    }),
  ),
});

export const workspaceSchema = z.strictObject({
  argument: z.string(),
  before: z.enum(['zeroed', 'any']),
  after: z.enum(['zeroed', 'any']),
  sharing: z.string(),
});
