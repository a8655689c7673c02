import type { Dialect, FamilyName } from '../../ir/kernel-spec.ts';
import type { CudaFamily, FamilyTable, KernelFamily } from './family.ts';
import { linear as cudaLinear } from './linear/cuda/index.ts';
import { linear as wgslLinear } from './linear/wgsl/index.ts';
import { quantize as cudaQuantize } from './quantize/cuda/index.ts';
import { quantize as wgslQuantize } from './quantize/wgsl/index.ts';

/** Every kernel family there is in CUDA. A new one is a folder and a line here. */
export const cudaFamilies = { linear: cudaLinear, quantize: cudaQuantize } satisfies {
  readonly [F in FamilyName]: CudaFamily<F>;
};

/** Every kernel family there is in WGSL. */
export const wgslFamilies = { linear: wgslLinear, quantize: wgslQuantize } satisfies {
  readonly [F in FamilyName]: KernelFamily<F, 'wgsl'>;
};

/** Every family of a language. */
export function familiesOf(dialect: Dialect): FamilyTable {
  switch (dialect) {
    case 'cuda':
      return cudaFamilies;
    case 'wgsl':
      return wgslFamilies;
  }
}
