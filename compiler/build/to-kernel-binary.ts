import { assert } from '../support/assert.ts';
import type { BuiltKernel } from './build-kernel.ts';
import type { KernelResources } from './kernel-resources.ts';

/** The one cubin and the one entry of resources of a kernel that was built for one architecture. */
export function toKernelBinary({ id, ptx, cubins }: BuiltKernel): {
  readonly ptx: string;
  readonly cubin: Uint8Array;
  readonly resources: Omit<KernelResources, 'symbol' | 'arch' | 'mma' | 'subroutines' | 'notes'>;
} {
  const [cubin] = cubins;
  const own = cubin?.resources.find(({ symbol }) => symbol === id);
  assert(cubin !== undefined && own !== undefined, `${id} was built and gated`);
  const { symbol: _symbol, arch: _arch, mma: _mma, subroutines: _subroutines, notes: _notes, ...rest } = own;
  return { ptx, cubin: cubin.bytes, resources: rest };
}
