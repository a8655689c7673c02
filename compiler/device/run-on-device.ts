import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { buildRunner } from './build-runner.ts';
import { deviceFault } from './device-fault.ts';
import type { DeviceJob } from './device-job.ts';
import { parseReply, type RunnerSuccess } from './parse-reply.ts';
import { jobFile, outputFile, writeJob } from './write-job.ts';

export interface DeviceOptions {
  /** QUIKC_LIBCUDA in it names another driver library; QUIKC_CACHE the cache that holds the runner. */
  readonly env: Environment;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface DeviceReply {
  readonly device: RunnerSuccess['device'];
  /** One a launch, as the driver compiled it. */
  readonly functions: RunnerSuccess['functions'];
  /** Content of the buffers marked `download`, after one run on fresh buffers, by index. */
  readonly outputs: ReadonlyMap<number, Uint8Array>;
  readonly timesUs: readonly number[];
  readonly stable: boolean;
}

const defaultTimeoutMs = 120_000;
const exitNoDriver = 3;

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
    return interpret(outcome.code, outcome.stdout, folder);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return fail(deviceFault.cannotWrite(root, error));
    throw error;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function interpret(code: number, stdout: string, folder: string): Result<DeviceReply, Diagnostic> {
  const parsed = parseReply(stdout);
  if (!parsed.ok) return fail(deviceFault.badReply(parsed.error));
  const reply = parsed.value;
  if (!reply.ok) {
    if (code === exitNoDriver) return fail(deviceFault.noGpu(reply.error));
    if (reply.stage === 'job' || reply.stage === 'internal') return fail(deviceFault.jobRefused(reply.error));
    return fail(deviceFault.kernelFailed(reply.stage, reply.error));
  }
  if (reply.overwrittenGuards.length > 0) return fail(deviceFault.wroteOutside(reply.overwrittenGuards));
  const outputs = new Map<number, Uint8Array>();
  for (const { buffer, bytes } of reply.outputs) {
    const content = readFileSync(join(folder, outputFile(buffer)));
    if (content.length !== bytes) return fail(deviceFault.badReply(`output ${buffer} is cut off`));
    outputs.set(buffer, content);
  }
  const { device, functions, timesUs, stable } = reply;
  return succeed({ device, functions, outputs, timesUs, stable });
}
