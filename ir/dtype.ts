/** Element types as quikc's layouts, manifests and kernels name them. */
export type ActivationDtype = 'f16' | 'bf16';
export type Dtype = ActivationDtype | 'f32' | 's4' | 's8' | 's32' | 'u32';

const bits: Readonly<Record<Dtype, number>> = { f16: 16, bf16: 16, f32: 32, s4: 4, s8: 8, s32: 32, u32: 32 };

/** Size of one element in bits. */
export function bitsOf(dtype: Dtype): number {
  return bits[dtype];
}
