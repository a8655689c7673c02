import { z } from 'zod';
import { count, digest, dtypeSchema, size, targetSchema } from './manifest-schema-call.ts';

const bits = z.literal([4, 8]);
const columns = z.enum(['compact', 'in-place']);

const tiledSchema = z.strictObject({
  kind: z.literal('tiled'),
  tileN: size,
  tileM: size,
  tileKBytes: z.literal([32, 64, 128]),
  warpsN: size,
  warpsM: size,
  stages: size,
  ctasPerSm: size,
});

const splitKSchema = z.strictObject({
  kind: z.literal('split-k'),
  tileN: size,
  tileM: z.literal([8, 16]),
  warps: size,
  slices: size,
  ctasPerSm: size,
});

const rowSchema = z.strictObject({ kind: z.literal('row'), threads: size, ctasPerSm: size });

const integerDot = z.enum(['packed', 'scalar']);
const halves = z.enum(['words', 'vectors']);

const registerTileSchema = z.strictObject({
  kind: z.literal('register-tile'),
  channelThreads: size,
  tokenThreads: size,
  tokensPerThread: size,
  dot: integerDot,
  halves,
});

const broadcastTileSchema = z.strictObject({
  kind: z.literal('broadcast-tile'),
  threads: size,
  tokens: size,
  lanes: z.literal([4, 8, 16]),
  dot: z.enum(['packed', 'floats']),
  halves,
});

const laneSplitSchema = z.strictObject({
  kind: z.literal('lane-split'),
  lanes: size,
  channelThreads: size,
  tokens: size,
  dot: integerDot,
  halves,
});

const sliceSplitSchema = z.strictObject({
  kind: z.literal('slice-split'),
  slices: size,
  channelThreads: size,
  tokens: size,
  dot: integerDot,
  halves,
});

const workgroupRowSchema = z.strictObject({
  kind: z.literal('workgroup-row'),
  threads: size,
  reduce: z.enum(['workgroup', 'subgroup']),
});

/** All that determines a kernel's text. */
export const specSchema = z.discriminatedUnion('family', [
  z.strictObject({
    family: z.literal('linear'),
    problem: z.strictObject({
      family: z.literal('linear'),
      target: targetSchema,
      n: size,
      k: size,
      outliers: count,
      weightBits: bits,
      activationBits: bits,
      dtype: dtypeSchema,
      columns,
      epilogue: z.array(z.strictObject({ op: z.literal('residual') })),
    }),
    schedule: z.discriminatedUnion('kind', [
      tiledSchema,
      splitKSchema,
      registerTileSchema,
      broadcastTileSchema,
      laneSplitSchema,
      sliceSplitSchema,
    ]),
  }),
  z.strictObject({
    family: z.literal('quantize'),
    problem: z.strictObject({
      family: z.literal('quantize'),
      target: targetSchema,
      k: size,
      outliers: count,
      bits,
      dtype: dtypeSchema,
      columns,
      prologue: z.discriminatedUnion('op', [
        z.strictObject({ op: z.literal('none') }),
        z.strictObject({ op: z.literal('rms-norm'), eps: z.number() }),
        z.strictObject({ op: z.literal('silu-mul') }),
      ]),
    }),
    schedule: z.discriminatedUnion('kind', [rowSchema, workgroupRowSchema]),
  }),
]);

/** Any schedule of any family and language. */
export const scheduleSchema = z.discriminatedUnion('kind', [
  tiledSchema,
  splitKSchema,
  rowSchema,
  registerTileSchema,
  broadcastTileSchema,
  laneSplitSchema,
  sliceSplitSchema,
  workgroupRowSchema,
]);

/** What made or checked the kernels. */
export const toolchainSchema = z.strictObject({
  tool: z.enum(['nvcc', 'dawn']),
  version: z.string(),
  identity: digest,
});

const ranked = z.strictObject({
  schedule: scheduleSchema,
  microseconds: z.number(),
  rooflineFraction: z.number(),
  waves: z.number(),
});

/** Of whom tuned times are. */
export const tunedDeviceSchema = z.strictObject({
  kind: z.enum(['gpu', 'adapter', 'model']),
  name: z.string().min(1),
  driver: z.string(),
  software: z.boolean(),
  smCount: size.exactOptional(),
});

export const clockSchema = z.enum(['timestamp-query', 'submit-to-done', 'cuda-events', 'modelled']);

const measured = z.strictObject({
  schedule: scheduleSchema,
  microseconds: z.number(),
  low: z.number(),
  high: z.number(),
  samples: size,
  modelled: z.number(),
});

const tunedSchema = z.strictObject({
  device: tunedDeviceSchema,
  clock: clockSchema,
  tokens: size,
  sameTemplates: z.boolean(),
  chosen: measured,
  runnersUp: z.array(measured),
  tried: count,
  failed: count,
});

/** Why a kernel serves a range of M. Times are modelled, save those under `tuned`. */
export const explainSchema = z.strictObject({
  from: size,
  to: size.exactOptional(),
  report: z.strictObject({
    gpu: z.string(),
    tokens: size,
    chosen: ranked,
    tuned: tunedSchema.exactOptional(),
    terms: z.array(z.strictObject({ name: z.string(), microseconds: z.number(), how: z.string() })),
    runnersUp: z.array(ranked),
    legal: count,
    rejections: z.array(z.strictObject({ kind: z.string(), count, example: z.string() })),
    outlierCost: z.strictObject({ microseconds: z.number(), weightBytes: z.number() }).exactOptional(),
  }),
});
