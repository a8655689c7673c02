/** Element types as quikc's layouts, manifests and kernels name them. */
export type ActivationDtype = 'f16' | 'bf16';
export type Dtype = ActivationDtype | 'f32' | 's4' | 's8' | 's32' | 'u32';
