import { join } from 'node:path';
import { z } from 'zod';
import type { PlannedDispatch } from '../../ir/plan-dispatches.ts';
import { startLineProcess } from '../support/line-process.ts';
import { packageRoot } from '../support/package-root.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';

const adapterSchema = z.object({
  name: z.string(),
  driver: z.string(),
  software: z.boolean(),
  /** Those that the device, on which kernels are timed, was made with. */
  features: z.array(z.string()),
  languageFeatures: z.array(z.string()),
  subgroupMinSize: z.number().optional(),
  clock: z.enum(['timestamp-query', 'submit-to-done']),
});

const replySchema = z.union([
  z.object({ adapter: adapterSchema }),
  z.object({ ready: z.literal(true) }),
  z.object({ microseconds: z.number() }),
  z.object({ error: z.string(), fatal: z.string().optional() }),
  z.object({ done: z.boolean() }),
]);
type Reply = z.infer<typeof replySchema>;

export type TimedAdapter = z.infer<typeof adapterSchema>;

/** What every kernel of a problem is launched on. */
export interface TimedBuffers {
  /** Sets of the same buffers that launches take in turn. */
  readonly copies: number;
  readonly buffers: readonly { readonly name: string; readonly bytes: number; readonly file: string }[];
}

/** A kernel to time: its WGSL, its dispatches, and buffers that it has beside those of every kernel. */
export interface TimedKernel {
  readonly file: string;
  readonly dispatches: readonly PlannedDispatch[];
  readonly scratch: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * A process that times kernels on the adapter at hand. A kernel that hangs, crashes or loses the device takes only that
 * process with it: the next request starts another one, with the same buffers.
 */
export interface AdapterTimer {
  readonly adapter: TimedAdapter;
  useBuffers(buffers: TimedBuffers): Promise<Result<void, string>>;
  /** Compiles a kernel. */
  load(id: string, kernel: TimedKernel): Promise<Result<void, string>>;
  /** One launch of a loaded kernel, in microseconds. */
  time(id: string): Promise<Result<number, string>>;
  close(): void;
}

export interface TimerOptions {
  /** The module of the npm package webgpu. */
  readonly dawn: string;
  readonly env: Environment;
  /** Milliseconds that one request may take. */
  readonly timeoutMs: number;
}

/** Fails where there is no adapter, or it cannot be used. */
export async function openAdapterTimer(options: TimerOptions): Promise<Result<AdapterTimer, string>> {
  let child = startChild(options);
  const first = await child.next(options.timeoutMs);
  if (!('adapter' in first)) {
    child.kill();
    return fail('error' in first ? first.error : 'the process said nothing of an adapter');
  }
  let buffers: TimedBuffers | undefined;
  let kernels = new Map<string, TimedKernel>();
  let loaded = new Set<string>();

  async function ask(request: object): Promise<Result<Reply, string>> {
    const reply = await child.ask(request, options.timeoutMs);
    if (!('error' in reply)) return succeed(reply);
    child.kill(); // after an error the device may be anything
    return fail(reply.error);
  }

  /** A living process that has the buffers. */
  async function ensureStarted(): Promise<Result<void, string>> {
    if (child.isAlive()) return succeed(undefined);
    child = startChild(options);
    loaded = new Set();
    const greeting = await child.next(options.timeoutMs);
    if ('error' in greeting) return fail(greeting.error);
    if (buffers === undefined) return succeed(undefined);
    const made = await ask({ op: 'buffers', ...buffers });
    return made.ok ? succeed(undefined) : made;
  }

  async function load(id: string, kernel: TimedKernel): Promise<Result<void, string>> {
    const ready = await ensureStarted();
    if (!ready.ok) return ready;
    kernels.set(id, kernel);
    const compiled = await ask({ op: 'kernel', id, ...kernel });
    if (!compiled.ok) return compiled;
    loaded.add(id);
    return succeed(undefined);
  }

  return succeed({
    adapter: first.adapter,
    async useBuffers(next) {
      buffers = undefined;
      kernels = new Map();
      const ready = await ensureStarted();
      if (!ready.ok) return ready;
      loaded = new Set();
      buffers = next;
      const made = await ask({ op: 'buffers', ...next });
      return made.ok ? succeed(undefined) : made;
    },
    load,
    async time(id) {
      const ready = await ensureStarted();
      if (!ready.ok) return ready;
      if (!loaded.has(id)) {
        const kernel = kernels.get(id);
        if (kernel === undefined) return fail('the kernel was never loaded');
        const again = await load(id, kernel);
        if (!again.ok) return again;
      }
      const reply = await ask({ op: 'time', id });
      if (!reply.ok) return reply;
      if (!('microseconds' in reply.value)) return fail('the process gave no time');
      const { microseconds } = reply.value;
      return microseconds > 0 ? succeed(microseconds) : fail(`a launch took ${microseconds} us by the clock`);
    },
    close: () => child.kill(),
  });
}

interface Child {
  ask(request: object, timeoutMs: number): Promise<Reply>;
  next(timeoutMs: number): Promise<Reply>;
  isAlive(): boolean;
  kill(): void;
}

function startChild({ dawn, env }: TimerOptions): Child {
  const script = join(packageRoot(), 'compiler', 'measure', 'time-on-adapter.mjs');
  const child = startLineProcess({ file: process.execPath, args: [script, dawn], env });
  const read = (answer: Result<string, string>): Reply =>
    answer.ok ? replySchema.parse(JSON.parse(answer.value)) : { error: answer.error };
  return {
    ...child,
    next: async (timeoutMs) => read(await child.next(timeoutMs)),
    ask: async (request, timeoutMs) => read(await child.ask(JSON.stringify(request), timeoutMs)),
  };
}
