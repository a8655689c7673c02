import type { FamilyName } from '../../ir/kernel-spec.ts';
import type { KernelFamily } from './family.ts';
import { linear } from './linear/cuda/index.ts';
import { quantize } from './quantize/cuda/index.ts';

/** Every kernel family there is. A new one is a folder and a line here. */
export const families = { linear, quantize } satisfies { readonly [F in FamilyName]: KernelFamily<F> };
