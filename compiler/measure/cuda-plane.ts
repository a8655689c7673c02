import { availableParallelism } from 'node:os';
import type { CudaTarget } from '../../targets/target.ts';
import { askDevice } from '../device/ask-device.ts';
import { cudaVersion } from '../device/cuda-version.ts';
import { openDeviceSession } from '../device/device-session.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { findCudaTools } from '../find-cuda-tools.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { finalists, launchesPerTrial } from '../tune/tune-candidates.ts';
import { prepareCudaUnit } from './cuda-candidates.ts';
import { type Gpu, timeOnGpu } from './gpu-clock.ts';
import type { MeasurePlane, PlaneOptions } from './measure-plane.ts';
import { timeInModel } from './model-clock.ts';

/** A launch that takes longer hangs. */
const timeoutMs = 60_000;

/**
 * Candidates built by nvcc, gated, and verified on the PTX executor; then timed on a GPU, or where there is none, ranked by
 * the model with what ptxas and the executor counted. Fails with QK601 or 602 without a compiler, with 8xx where there is
 * a GPU that cannot be used.
 */
export async function openCudaPlane(
  target: CudaTarget,
  options: PlaneOptions,
): Promise<Result<MeasurePlane, Diagnostic>> {
  const { env, signal, nvcc } = options;
  const tools = await findCudaTools(target, { env, signal, nvcc });
  if (!tools.ok) return fail(tools.error);
  const gpu = await askGpu(options);
  if (!gpu.ok) return gpu;
  const found = gpu.value;
  const session = openDeviceSession({ env, signal, timeoutMs });
  const clock = found === undefined ? timeInModel(target) : timeOnGpu(found, session, options.device);
  return succeed({
    device: found === undefined ? modelOf(target) : deviceOf(found),
    toolchain: tools.value.toolchain,
    policy: {
      clock: found === undefined ? 'modelled' : 'cuda-events',
      rotatedBytes: found === undefined ? 0 : 2 * found.l2Bytes,
      launchesPerTrial,
      finalists,
    },
    target,
    // Building and executing candidates takes a core each; the GPU times one at a time whatever comes.
    searches: availableParallelism(),
    timedTokens: (_range, representative) => representative,
    open: (work) => prepareCudaUnit(work, tools.value, options, clock),
    close: () => session.close(),
  });
}

/** Undefined where there is none. */
async function askGpu(options: PlaneOptions): Promise<Result<Gpu | undefined, Diagnostic>> {
  const { env, signal, device } = options;
  const asked = await askDevice(device, { env, signal });
  if (asked.ok) return asked;
  return asked.error.code === 'QK810' ? succeed(undefined) : fail(asked.error);
}

function deviceOf({ name, driver, multiprocessors }: Gpu): MeasurePlane['device'] {
  const version = `CUDA ${cudaVersion(driver)}`;
  return { kind: 'gpu', name, driver: version, software: false, smCount: multiprocessors };
}

function modelOf({ gpu }: CudaTarget): MeasurePlane['device'] {
  return { kind: 'model', name: `model of ${gpu.name}`, driver: '', software: false };
}
