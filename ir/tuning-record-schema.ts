import { z } from 'zod';
import { count, digest, size, targetSchema } from './manifest-schema-call.ts';
import { clockSchema, scheduleSchema, toolchainSchema, tunedDeviceSchema } from './manifest-schema-spec.ts';
import { type TuningRecord, tuningFormat } from './tuning-record.ts';

const trialBase = { schedule: scheduleSchema, modelled: z.number().positive() };

/** A record as it is read back. Strict: an unknown field is a fault. */
export const tuningRecordSchema: z.ZodType<TuningRecord> = z.strictObject({
  format: z.literal(tuningFormat),
  target: targetSchema,
  problem: z.strictObject({
    hash: digest,
    family: z.enum(['linear', 'quantize']),
    description: z.string(),
  }),
  tokens: z.strictObject({ from: size, to: size.exactOptional(), at: size }),
  device: tunedDeviceSchema,
  toolchain: toolchainSchema,
  policy: z.strictObject({
    clock: clockSchema,
    rotatedBytes: count,
    launchesPerTrial: size,
    finalists: size,
  }),
  provenance: z.strictObject({ quikc: z.string(), templatesDigest: digest }),
  search: z.strictObject({
    legal: count,
    seed: count,
    milliseconds: z.number().nonnegative(),
    complete: z.boolean(),
  }),
  trials: z.array(
    z.discriminatedUnion('outcome', [
      z.strictObject({
        ...trialBase,
        outcome: z.literal('timed'),
        samples: z.array(z.number().positive()).min(1),
      }),
      z.strictObject({
        ...trialBase,
        outcome: z.literal('failed'),
        stage: z.enum(['build', 'verify', 'time']),
        reason: z.string(),
      }),
    ]),
  ),
});
