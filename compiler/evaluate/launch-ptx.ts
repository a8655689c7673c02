import { evaluate } from '../../ir/formula.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import { assert } from '../support/assert.ts';
import { ceilDiv } from '../support/integer.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { SharedRoom } from '../support/shared-room.ts';
import type { EvaluatePool } from './evaluate-pool.ts';
import { faultBytes, faultOf, type PtxArgument, type PtxJob, unwritten } from './ptx-job.ts';

export type Buffers = Readonly<Record<string, Uint8Array>>;

/**
 * One launch of a kernel over its whole grid, on all threads of the pool: what it wrote, by argument, or what it did wrong.
 * Threads share no memory, so the CTAs of a kernel that adds up in a workspace stay in one. Takes the pool's room for each argument.
 */
export function launchPtx(
  kernel: ManifestKernel,
  ptx: string,
  m: number,
  inputs: Buffers,
  pool: Pick<EvaluatePool, 'threads' | 'runPtx' | 'room'>,
): Result<Buffers, string> {
  const { launch } = kernel;
  assert(launch !== undefined, `${kernel.id} is in CUDA`);
  const [x, y, z] = launch.grid.map((extent) => evaluate(extent, m));
  const grid = [x ?? 1, y ?? 1, z ?? 1] as const;
  const ctas = Array.from({ length: grid[0] * grid[1] * grid[2] }, (_, cta) => cta);
  const threads = kernel.workspace === undefined ? Math.min(pool.threads, ctas.length) : 1;
  const share = ceilDiv(ctas.length, threads);
  const jobs = Array.from({ length: threads }, (_, index): PtxJob => {
    const { block, dynamicSharedBytes } = launch;
    return {
      ...{ id: kernel.id, ptx, grid, launch: { block, dynamicSharedBytes } },
      arguments: kernel.arguments.map((argument) => toArgument(argument, m, inputs, index, pool.room)),
      ctas: ctas.slice(index * share, (index + 1) * share),
      fault: new Uint8Array(pool.room.take(`fault ${index}`, faultBytes)).fill(0),
    };
  });
  pool.runPtx(jobs);
  const [fault] = jobs.flatMap((job) => faultOf(job) ?? []);
  return fault === undefined ? succeed(joinOutputs(jobs)) : fail(fault);
}

/** What a thread writes is its own. */
function toArgument(
  argument: ManifestKernel['arguments'][number],
  m: number,
  inputs: Buffers,
  thread: number,
  room: SharedRoom,
): PtxArgument {
  if (argument.kind === 'token-count') return { kind: 'count', value: m };
  const { name, access } = argument;
  const size = evaluate(argument.bytes, m);
  if (access === 'read-write') return { kind: 'workspace', name, size };
  if (access === 'write') {
    const bytes = new Uint8Array(room.take(`output ${name} ${thread}`, size), 0, size);
    return { kind: 'output', name, bytes };
  }
  const bytes = inputs[name];
  assert(bytes?.length === size, `${name} has ${size} bytes, not ${bytes?.length}`);
  return { kind: 'input', name, bytes: room.shareBytes(`input ${name}`, bytes) };
}

/** A byte is one thread's, or as it was before: whoever has it changed says what it is. */
function joinOutputs([first, ...others]: readonly PtxJob[]): Buffers {
  const outputs: Record<string, Uint8Array> = {};
  for (const [index, argument] of (first?.arguments ?? []).entries()) {
    if (argument.kind !== 'output') continue;
    const joined = Uint8Array.from(argument.bytes);
    outputs[argument.name] = joined;
    for (const other of others) {
      const more = other.arguments[index];
      if (more?.kind === 'output')
        for (let at = 0; at < more.bytes.length; at++)
          if (more.bytes[at] !== unwritten) joined[at] = more.bytes[at] ?? 0;
    }
  }
  return outputs;
}
