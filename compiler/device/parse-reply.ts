import { z } from 'zod';
import { fail, type Result, succeed } from '../support/result.ts';

const count = z.number().int().nonnegative();

const success = z.strictObject({
  ok: z.literal(true),
  device: z.strictObject({
    name: z.string(),
    /** 1000 x major + 10 x minor: the CUDA version that the driver supports. */
    driver: count,
    capability: z.tuple([count, count]),
    multiprocessors: count,
    l2Bytes: count,
    maxSharedBytes: count,
    memoryBytes: count,
  }),
  functions: z.array(
    z.strictObject({ name: z.string(), registers: count, localBytes: count, staticSharedBytes: count }),
  ),
  outputs: z.array(
    z.strictObject({ buffer: count, bytes: count, fnv1a64: z.string().regex(/^[0-9a-f]{16}$/) }),
  ),
  /** Buffers that a kernel wrote beside. */
  overwrittenGuards: z.array(count),
  timesUs: z.array(z.number().nonnegative()),
  /** Whether the outputs were the same after all timed runs. */
  stable: z.boolean(),
});

const failure = z.strictObject({ ok: z.literal(false), stage: z.string(), error: z.string() });

const reply = z.discriminatedUnion('ok', [success, failure]);

export type RunnerSuccess = z.infer<typeof success>;
export type RunnerReply = z.infer<typeof reply>;

/** The runner's one line of JSON, checked. */
export function parseReply(text: string): Result<RunnerReply, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail(text.trim() === '' ? 'it printed nothing' : `it printed no JSON: ${text.slice(0, 200)}`);
  }
  const parsed = reply.safeParse(value);
  if (parsed.success) return succeed(parsed.data);
  const [issue] = parsed.error.issues;
  return fail(`its reply is malformed at ${issue?.path.join('.') || 'the root'}: ${issue?.message}`);
}
