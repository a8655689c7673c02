import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { PlannedDispatch } from '../../ir/plan-dispatches.ts';
import { packageRoot } from '../support/package-root.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { type ProcessOutcome, runProcess } from '../support/run-process.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';

export interface AdapterRun {
  readonly dispatches: readonly PlannedDispatch[];
  readonly buffers: readonly AdapterBuffer[];
}

export interface AdapterBuffer {
  readonly argument: string;
  readonly bytes: number;
  /** Its name in the job: buffers of one name are filled once. */
  readonly name: string;
  readonly fill: (into: Uint8Array) => void;
  /** Whether it is read back; then its name is its own. */
  readonly output: boolean;
}

export interface AdapterOptions {
  /** The module of the npm package webgpu. */
  readonly dawn: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** For all runs; without it each has ten minutes, for kernels of a 70B model take as long on a slow machine. */
  readonly timeoutMs?: number;
}

export interface AdapterReply {
  readonly adapter: { readonly name: string; readonly vendor: string; readonly fallback: boolean };
  readonly milliseconds: readonly number[];
  /** An output after a run. */
  read(run: number, name: string): Uint8Array;
}

export interface AdapterFault {
  /** `failed`: what the kernel did, or how it was called. The others say nothing of the kernel. */
  readonly kind: 'no-adapter' | 'unsupported' | 'device-lost' | 'no-memory' | 'cancelled' | 'failed';
  readonly message: string;
}

/** What is run: a shader's text, and what it asks of the adapter. */
export interface AdapterShader {
  readonly text: string;
  readonly needs: DeviceNeeds;
}

const mostRunMs = 600_000;
const exitNoAdapter = 3;

const lineSchema = z.union([
  z.object({ adapter: z.object({ name: z.string(), vendor: z.string(), fallback: z.boolean() }) }),
  z.object({ run: z.number(), milliseconds: z.number() }),
  z.object({ error: z.string(), kind: z.enum(['device-lost', 'no-memory']).optional() }),
  z.object({ unsupported: z.string() }),
  z.object({ done: z.boolean() }),
]);

/**
 * Runs a shader once for each run, in a process of its own, on a device with just what it needs; `use` sees the outputs
 * while they are there. Fails as unsupported where the adapter has less.
 */
export async function runOnAdapter<T>(
  shader: AdapterShader,
  runs: readonly AdapterRun[],
  options: AdapterOptions,
  use: (reply: AdapterReply) => T,
): Promise<Result<T, AdapterFault>> {
  const { dawn, env, signal, timeoutMs = mostRunMs * Math.max(1, runs.length) } = options;
  const folder = makeScratchFolder(env['TMPDIR'] || tmpdir(), 'adapter');
  try {
    writeJob(folder, shader, runs);
    const script = join(packageRoot(), 'compiler', 'verify', 'run-on-adapter.mjs');
    const outcome = await runProcess({
      file: process.execPath,
      args: [script, dawn, folder],
      env,
      timeoutMs,
      signal,
    });
    const said = interpret(outcome, timeoutMs);
    if (!said.ok) return said;
    const read = (run: number, name: string) => readFileSync(join(folder, outputName(run, name)));
    return succeed(use({ ...said.value, read }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The file that an output of a run is read back into. */
function outputName(run: number, name: string): string {
  return `out-${run}-${name}.bin`;
}

function writeJob(folder: string, { text, needs }: AdapterShader, runs: readonly AdapterRun[]): void {
  const written = new Set<string>();
  const job = runs.map(({ dispatches, buffers }, run) => ({
    dispatches: dispatches.map((dispatch) => ({
      ...dispatch,
      buffers: dispatch.buffers.map(({ argument, ...range }) => ({
        ...range,
        buffer: buffers.findIndex((buffer) => buffer.argument === argument),
      })),
    })),
    buffers: buffers.map(({ argument, bytes, name, fill, output }) => {
      const file = `in-${name}.bin`;
      if (!written.has(file)) {
        const content = new Uint8Array(bytes);
        fill(content);
        writeFileSync(join(folder, file), content);
        written.add(file);
      }
      return { name: argument, bytes, file, ...(output ? { output: outputName(run, name) } : {}) };
    }),
  }));
  writeFileSync(join(folder, 'kernel.wgsl'), text);
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ needs, runs: job }));
}

function interpret(
  outcome: ProcessOutcome,
  timeoutMs: number,
): Result<Pick<AdapterReply, 'adapter' | 'milliseconds'>, AdapterFault> {
  if (outcome.kind === 'cancelled') return fail({ kind: 'cancelled', message: 'interrupted' });
  if (outcome.kind === 'timed-out') {
    const message = `the adapter did not end within ${timeoutMs / 1000} s: it hangs, or is too slow for so many tokens`;
    return fail({ kind: 'failed', message });
  }
  if (outcome.kind !== 'exited') return fail({ kind: 'failed', message: `the process ${outcome.kind}` });
  const lines = outcome.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => lineSchema.parse(JSON.parse(line)));
  const [told] = lines.flatMap((line) => ('error' in line ? [line] : []));
  if (outcome.code === exitNoAdapter) return fail({ kind: 'no-adapter', message: told?.error ?? '' });
  const unsupported = lines.flatMap((line) => ('unsupported' in line ? [line.unsupported] : []))[0];
  if (unsupported !== undefined) return fail({ kind: 'unsupported', message: unsupported });
  const adapter = lines.flatMap((line) => ('adapter' in line ? [line.adapter] : []))[0];
  if (outcome.code !== 0 || told !== undefined || adapter === undefined)
    return fail({ kind: told?.kind ?? 'failed', message: told?.error ?? outcome.stderr.slice(-400) });
  return succeed({
    adapter,
    milliseconds: lines.flatMap((line) => ('run' in line ? [line.milliseconds] : [])),
  });
}
