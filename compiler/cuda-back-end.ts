import type { CudaTarget } from '../targets/target.ts';
import type { BackEnd } from './back-end.ts';
import { cudaFamilies } from './families/index.ts';
import { findCudaTools } from './find-cuda-tools.ts';

/** CUDA: nvcc and ptxas; the PTX executor, or a GPU. */
export function cudaBackEnd(target: CudaTarget): BackEnd {
  const { dialect, id, virtualArch, realArch, gpu } = target;
  return {
    families: cudaFamilies,
    manifestTarget: { dialect, id, virtualArch, realArch, referenceGpu: gpu.name },
    sourcePath: (kernel) => `kernels/${kernel}.cu`,
    noTools: 'QK601',
    findTools: (options) => findCudaTools(target, options),
    async loadVerifier() {
      const { verifyPtx } = await import('./commands/verify-ptx.ts');
      return verifyPtx;
    },
    async openPlane(options) {
      const { openCudaPlane } = await import('./measure/cuda-plane.ts');
      return openCudaPlane(target, options);
    },
  };
}
