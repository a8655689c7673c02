import type { TaskResult, VerifyTask } from './verification.ts';
import { verifyChain } from './verify-chain.ts';
import { verifyKernel } from './verify-kernel.ts';

/** Runs one task in this thread. `onProgress` hears which part of it is done, 0…1. */
export function runTask(task: VerifyTask, onProgress: (fraction: number) => void): TaskResult {
  if (task.kind === 'chain') return { kind: 'chain', result: verifyChain(task.job) };
  return { kind: 'kernel', result: verifyKernel(task.job, onProgress) };
}
