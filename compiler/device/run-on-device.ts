import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result } from '../support/result.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { buildRunner } from './build-runner.ts';
import { deviceFault } from './device-fault.ts';
import type { DeviceJob } from './device-job.ts';
import { type DeviceReply, interpretReply } from './interpret-reply.ts';
import { jobFile, writeJob } from './write-job.ts';

export type { DeviceReply };

export interface DeviceOptions {
  /** QUIKC_LIBCUDA in it names another driver library; QUIKC_CACHE the cache that holds the runner. */
  readonly env: Environment;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 120_000;

/** Runs a job on a GPU, in a process of its own: a kernel that hangs or faults takes only that with it. */
export async function runOnDevice(
  job: DeviceJob,
  options: DeviceOptions,
): Promise<Result<DeviceReply, Diagnostic>> {
  const { env, signal } = options;
  const runner = await buildRunner(env, signal);
  if (!runner.ok) return runner;
  const root = env['TMPDIR'] || tmpdir();
  let folder: string | undefined;
  try {
    sweepScratchFolders(root);
    folder = makeScratchFolder(root, 'device');
    writeJob(job, folder);
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const outcome = await runProcess({
      file: runner.value,
      args: [jobFile],
      cwd: folder,
      env,
      timeoutMs,
      signal,
    });
    if (outcome.kind === 'cancelled') return fail(deviceFault.interrupted());
    if (outcome.kind !== 'exited') return fail(deviceFault.runnerFailed(outcome));
    return interpretReply(outcome.stdout, folder);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return fail(deviceFault.cannotWrite(root, error));
    throw error;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
