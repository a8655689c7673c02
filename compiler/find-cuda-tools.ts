import type { CudaTarget } from '../targets/target.ts';
import type { BuildTools } from './back-end.ts';
import { buildKernels } from './build/build-kernels.ts';
import { type FindOptions, findToolchain } from './build/find-toolchain.ts';
import { toKernelBinary } from './build/to-kernel-binary.ts';
import { toKernelSource } from './build/to-kernel-source.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { type Result, succeed } from './support/result.ts';

/** nvcc and ptxas, each kernel through its gate. Fails with QK601 or QK602. */
export async function findCudaTools(
  target: CudaTarget,
  options: FindOptions,
): Promise<Result<BuildTools, Diagnostic>> {
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
}
