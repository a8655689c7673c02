import type { CudaTarget } from '../targets/target.ts';
import type { BackEnd } from './back-end.ts';
import { buildKernels } from './build/build-kernels.ts';
import { findToolchain } from './build/find-toolchain.ts';
import { toKernelBinary } from './build/to-kernel-binary.ts';
import { toKernelSource } from './build/to-kernel-source.ts';
import { cudaFamilies } from './families/index.ts';
import { succeed } from './support/result.ts';

/** CUDA: nvcc and ptxas, each kernel through its gate. */
export function cudaBackEnd(target: CudaTarget): BackEnd {
  return {
    families: cudaFamilies,
    noTools: 'QK601',
    async findTools(options) {
      const found = await findToolchain(options);
      if (!found.ok) return found;
      const { version, identity } = found.value;
      return succeed({
        toolchain: { tool: 'nvcc', version, identity },
        async build(kernels, texts, buildOptions) {
          const sources = kernels.map((kernel) => toKernelSource(kernel, texts, target));
          const { built, ...rest } = await buildKernels(sources, found.value, buildOptions);
          return { ...rest, results: new Map(built.map((kernel) => [kernel.id, toKernelBinary(kernel)])) };
        },
      });
    },
  };
}
