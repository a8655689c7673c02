import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { type LineProcess, startLineProcess } from '../support/line-process.ts';
import { fail, type Result } from '../support/result.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { buildRunner } from './build-runner.ts';
import { deviceFault } from './device-fault.ts';
import type { DeviceJob } from './device-job.ts';
import { type DeviceReply, interpretReply } from './interpret-reply.ts';
import type { DeviceOptions } from './run-on-device.ts';
import { type ContentFiles, contentFiles, writeJob } from './write-job.ts';

/**
 * Runs jobs one after the other in a process that lives on: to start one costs a second, to make a kernel's inputs anew
 * more. Modules, and buffers that are not downloaded, stay on the GPU from one job to the next, recognised by the very same
 * string or Uint8Array, which must not change. After a fault the next job has a new process.
 */
export interface DeviceSession {
  run(job: DeviceJob): Promise<Result<DeviceReply, Diagnostic>>;
  /** Ends the process and removes what it had on disk. */
  close(): void;
}

const defaultTimeoutMs = 120_000;

export function openDeviceSession({
  env,
  signal,
  timeoutMs = defaultTimeoutMs,
}: DeviceOptions): DeviceSession {
  let child: Server | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let jobs = 0;
  const isStopped = () => signal?.aborted === true;
  const drop = () => {
    child?.kill();
    child = undefined;
  };
  signal?.addEventListener('abort', drop, { once: true });

  async function runNow(job: DeviceJob): Promise<Result<DeviceReply, Diagnostic>> {
    if (isStopped()) return fail(deviceFault.interrupted());
    const root = env['TMPDIR'] || tmpdir();
    try {
      if (child === undefined) {
        const runner = await buildRunner(env, signal);
        if (!runner.ok) return runner;
        sweepScratchFolders(root);
        child = startServer(runner.value, makeScratchFolder(root, 'device'), env);
      }
      const { folder, files } = child;
      const file = `job-${jobs++}.txt`;
      writeJob(job, folder, files, file);
      const line = await child.ask(file, timeoutMs);
      if (isStopped()) return fail(deviceFault.interrupted());
      const reply = line.ok ? interpretReply(line.value, folder) : fail(deviceFault.sessionEnded(line.error));
      if (!reply.ok) drop();
      return reply;
    } catch (error) {
      drop();
      if (error instanceof Error && 'syscall' in error) return fail(deviceFault.cannotWrite(root, error));
      throw error;
    }
  }

  return {
    run(job) {
      const result = queue.then(() => runNow(job));
      queue = result.catch(() => undefined);
      return result;
    },
    close() {
      signal?.removeEventListener('abort', drop);
      drop();
    },
  };
}

interface Server extends LineProcess {
  readonly folder: string;
  readonly files: ContentFiles;
}

function startServer(runner: string, folder: string, env: DeviceOptions['env']): Server {
  const child = startLineProcess({ file: runner, args: ['--serve'], cwd: folder, env });
  const kill = () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...child, kill, folder, files: contentFiles(folder) };
}
