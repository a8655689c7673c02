import { runOnDevice } from '../device/run-on-device.ts';
import type { TaskResult, VerifyTask } from './verification.ts';
import { verifyChain } from './verify-chain.ts';
import { verifyKernel } from './verify-kernel.ts';
import { type RunJob, verifyChainOnGpu, verifyKernelOnGpu } from './verify-on-gpu.ts';

/** Runs one task in this thread. `onProgress` hears which part of it is done, 0…1. */
export async function runTask(task: VerifyTask, onProgress: (fraction: number) => void): Promise<TaskResult> {
  const { gpu } = task;
  if (gpu === undefined)
    return task.kind === 'chain'
      ? { kind: 'chain', result: verifyChain(task.job) }
      : { kind: 'kernel', result: verifyKernel(task.job, onProgress) };
  const { env, device } = gpu;
  const run: RunJob = (job) => runOnDevice({ ...job, device }, { env });
  return task.kind === 'chain'
    ? { kind: 'chain', result: await verifyChainOnGpu(task.job, run) }
    : { kind: 'kernel', result: await verifyKernelOnGpu(task.job, run, onProgress) };
}
