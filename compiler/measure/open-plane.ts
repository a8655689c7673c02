import type { Target } from '../../targets/target.ts';
import { findDawn } from '../build/find-dawn.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { openAdapterPlane } from './adapter-plane.ts';
import { openCudaPlane } from './cuda-plane.ts';
import type { CudaPlaneOptions } from './cuda-plane-options.ts';
import type { MeasurePlane } from './measure-plane.ts';

/** Where kernels for a target can be tried on this machine. */
export async function openPlane(
  target: Target,
  options: CudaPlaneOptions,
): Promise<Result<MeasurePlane, Diagnostic>> {
  if (target.dialect === 'cuda') return openCudaPlane(target, options);
  const dawn = await findDawn(options.env);
  return dawn.ok ? openAdapterPlane(target, dawn.value, options.env) : dawn;
}
