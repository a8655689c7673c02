import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Bundle } from '../package/read-bundle.ts';
import { type Result, succeed } from '../support/result.ts';
import { runTasks } from '../verify/run-tasks.ts';
import { findGpu } from './find-gpu.ts';
import type { Verified, VerifyRequest } from './verify-bundle.ts';
import { verifyTasks } from './verify-tasks.ts';

/** Executes a bundle's PTX on the CPU, or on the GPU that is asked for. */
export async function verifyPtx(
  bundle: Bundle,
  request: VerifyRequest,
): Promise<Result<Verified, Diagnostic>> {
  const { env, signal, worker, threads, onFraction } = request;
  const tasks = verifyTasks(bundle, request.selection, request);
  if (!tasks.ok) return tasks;
  const gpu = await findGpu(request.device, env);
  if (!gpu.ok) return gpu;
  const place = gpu.value?.place;
  const started = performance.now();
  const placed = place === undefined ? tasks.value : tasks.value.map((task) => ({ ...task, gpu: place }));
  const results = await runTasks(placed, {
    ...{ worker, signal, onProgress: onFraction },
    ...(threads === undefined ? {} : { threads }),
  }).catch((cause: unknown) => {
    if (signal.aborted) return [];
    throw cause;
  });
  return succeed({
    kernels: results.flatMap((task) => (task.kind === 'kernel' ? [task.result] : [])),
    chains: results.flatMap((task) => (task.kind === 'chain' ? [task.result] : [])),
    notRun: [],
    seconds: (performance.now() - started) / 1000,
    where:
      gpu.value === undefined
        ? 'executed on the PTX executor, not on hardware, every check on'
        : `executed on ${gpu.value.name}: whole grids run, numbers compared; a GPU hides races`,
    executedOn: gpu.value === undefined ? {} : { device: gpu.value.device },
  });
}
