import { z } from 'zod';
import { bundlePath, type Manifest, manifestAbi } from './manifest.ts';
import {
  argumentSchema,
  count,
  digest,
  dispatchSchema,
  dtypeSchema,
  formulaSchema,
  identifier,
  launchSchema,
  layoutSchema,
  size,
  targetSchema,
  workspaceSchema,
} from './manifest-schema-call.ts';
import { planSchema } from './manifest-schema-plan.ts';
import { explainSchema, specSchema, toolchainSchema } from './manifest-schema-spec.ts';

const bits = z.literal([4, 8]);

const fileSchema = z.strictObject({
  path: z.string().regex(bundlePath),
  bytes: count,
  sha256: digest,
});

const cudaResourcesSchema = z.strictObject({
  dialect: z.literal('cuda'),
  threads: size,
  dynamicSharedBytes: count,
  estimated: z.strictObject({ registers: count, registerCap: count, sharedBytes: count }),
  residentCtas: count,
  occupancyPercent: count,
  mma: z.strictObject({ imma: count, hmma: count }),
  built: z
    .strictObject({
      registers: count,
      staticSharedBytes: count,
      stackBytes: count,
      spillStoreBytes: count,
      spillLoadBytes: count,
      barriers: count,
      instructions: count,
      opcodes: z.record(z.string(), count),
    })
    .exactOptional(),
});

const deviceNeeds = {
  features: z.array(z.string()),
  languageFeatures: z.array(z.string()),
  leastSubgroupSize: size,
};

const resourcesSchema = z.discriminatedUnion('dialect', [
  cudaResourcesSchema,
  z.strictObject({
    dialect: z.literal('wgsl'),
    threads: size,
    workgroupBytes: count,
    storageBuffers: size,
    ...deviceNeeds,
  }),
]);

const toleranceSchema = z.strictObject({
  output: z.string(),
  rule: z.string(),
  constants: z.record(z.string(), z.number()),
  derivation: z.string(),
});

const kernelSchema = z.strictObject({
  id: identifier,
  family: z.enum(['linear', 'quantize']),
  symbol: identifier,
  target: targetSchema,
  specHash: digest,
  problemHash: digest,
  spec: specSchema,
  arguments: z.array(argumentSchema),
  launch: launchSchema.exactOptional(),
  dispatches: z.array(dispatchSchema).exactOptional(),
  tokensAtOnce: size.exactOptional(),
  workspace: workspaceSchema.exactOptional(),
  serves: z.array(z.string()),
  sites: z.array(z.string()),
  resources: resourcesSchema,
  tolerances: z.array(toleranceSchema),
  explain: z.array(explainSchema),
  files: z.strictObject({
    source: fileSchema,
    ptx: fileSchema.exactOptional(),
    cubin: fileSchema.exactOptional(),
  }),
});

/** Names become keys of the web package's tables. */
const variantName = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);

const siteSchema = z.strictObject({
  id: z.string(),
  tokens: z.strictObject({ min: size, max: size.exactOptional() }),
  buckets: z.array(
    z.strictObject({
      from: size,
      to: size.exactOptional(),
      variant: variantName.exactOptional(),
      launches: z.array(z.strictObject({ problem: digest, kernel: identifier })),
    }),
  ),
  reasons: z.array(z.string()),
});

const weightSchema = z.strictObject({
  file: z.string().exactOptional(),
  tensor: z.string(),
  rows: z
    .discriminatedUnion('order', [
      z.strictObject({ order: z.literal('paired'), headDim: size }),
      z.strictObject({ order: z.literal('grouped'), period: size, first: count, count: size }),
    ])
    .exactOptional(),
});

const layerSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  site: z.string(),
  problem: digest,
  repeat: z.strictObject({ first: count, count: size }).exactOptional(),
  n: size,
  k: size,
  bits,
  columnMode: z.enum(['compact', 'in-place']),
  parts: z.array(
    z.strictObject({
      name: z.string(),
      origin: z.string(),
      firstRow: count,
      rows: size,
      weight: weightSchema.exactOptional(),
      bias: weightSchema.exactOptional(),
    }),
  ),
  outliers: z.strictObject({
    count,
    padded: count,
    score: z.enum(['given', 'unknown']),
    chosenBy: z.enum(['none', 'uniform', 'proportional', 'listed']),
    columns: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('placeholder') }),
      z.strictObject({ kind: z.literal('listed'), lists: z.array(z.array(count)) }),
    ]),
  }),
  scale: z.strictObject({
    granularity: z.literal('channel'),
    symmetric: z.literal(true),
    clip: z.enum(['none', 'search']),
    codes: z.strictObject({ min: z.int(), max: z.int() }),
    rule: z.string(),
  }),
  arguments: z.array(
    z.strictObject({
      argument: z.enum(['weights', 'column_meta', 'outlier_weights']),
      layout: layoutSchema,
      rows: count,
      columns: count,
      bytes: count,
    }),
  ),
});

/** manifest.json as it is read back and published as JSON Schema. Strict: an unknown field is a fault. */
export const manifestSchema: z.ZodType<ReadableManifest> = z.strictObject({
  abi: z.literal(manifestAbi),
  model: z.string(),
  dtype: dtypeSchema,
  target: z.discriminatedUnion('dialect', [
    z.strictObject({
      dialect: z.literal('cuda'),
      id: targetSchema,
      virtualArch: z.string(),
      realArch: z.string(),
      referenceGpu: z.string(),
    }),
    z.strictObject({
      dialect: z.literal('wgsl'),
      id: targetSchema,
      referenceGpu: z.string(),
      variants: z.array(z.strictObject({ name: variantName, ...deviceNeeds })).min(1),
    }),
  ]),
  built: z.boolean(),
  kernels: z.array(kernelSchema),
  sites: z.array(siteSchema),
  layers: z.array(layerSchema),
  plan: planSchema(formulaSchema, weightSchema),
  callers: z.array(z.string().regex(bundlePath)).exactOptional(),
  toolchain: toolchainSchema.exactOptional(),
  provenance: z.strictObject({
    quikc: z.string(),
    templatesDigest: digest,
    model: z.strictObject({ file: z.string(), bytes: count, sha256: digest }),
    inputDigest: digest,
  }),
});

/** JSON knows no brands: hashes come back as plain strings. */
type ReadableManifest = Unbranded<Manifest>;
type Unbranded<T> = T extends string | number | boolean
  ? T extends { readonly brand: string }
    ? string
    : T
  : { readonly [P in keyof T]: Unbranded<T[P]> };
