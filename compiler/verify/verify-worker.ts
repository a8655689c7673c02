// A thread of `quikc verify`: takes tasks, answers with progress and results.
import { parentPort } from 'node:worker_threads';
import { runTask } from './run-task.ts';
import type { WorkerReply } from './run-tasks.ts';
import type { VerifyTask } from './verification.ts';

const reply = (message: WorkerReply): void => parentPort?.postMessage(message);

parentPort?.on('message', async (task: VerifyTask) => {
  reply({ kind: 'done', result: await runTask(task, (fraction) => reply({ kind: 'progress', fraction })) });
});
