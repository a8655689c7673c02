// A thread of `quikc verify`: takes jobs, answers with progress and results.
import { parentPort } from 'node:worker_threads';
import type { VerificationJob } from './verification.ts';
import { verifyKernel } from './verify-kernel.ts';
import type { WorkerReply } from './verify-kernels.ts';

const reply = (message: WorkerReply): void => parentPort?.postMessage(message);

parentPort?.on('message', (job: VerificationJob) => {
  const result = verifyKernel(job, ({ fraction }) => reply({ kind: 'progress', fraction }));
  reply({ kind: 'done', result });
});
