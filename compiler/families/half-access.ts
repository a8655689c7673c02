import type { ActivationDtype } from '../../ir/dtype.ts';
import type { HalfAccess } from '../../ir/schedule.ts';
import type { Rejection } from './family.ts';

interface Accessing {
  readonly halves: HalfAccess;
}

/** Device features that a schedule's way to read 16-bit floats asks for. */
export function halfFeatures({ halves }: Accessing): readonly string[] {
  return halves === 'vectors' ? ['shader-f16'] : [];
}

/** Why a schedule's way to read 16-bit floats cannot serve a type; undefined if it can. */
export function rejectHalves(dtype: ActivationDtype, { halves }: Accessing): Rejection | undefined {
  return halves === 'vectors' && dtype !== 'f16'
    ? { kind: 'no such vectors', reason: () => `WGSL has no type for ${dtype}` }
    : undefined;
}

/** WGSL's extensions by the device features that bring them. */
const extensions: Readonly<Record<string, string>> = { 'shader-f16': 'f16', subgroups: 'subgroups' };

/** What a shader has to enable to use `features`, for a view to print. */
export function wgslEnables(features: readonly string[]): readonly { readonly extension: string }[] {
  return features.map((feature) => ({ extension: extensions[feature] ?? feature }));
}

/** The filler of the slot `dtype`, and what pairs and rows of eight 16-bit floats are declared as. */
export function halfTypes(dtype: ActivationDtype, { halves }: Accessing) {
  return halves === 'vectors'
    ? { slot: `wgsl/slots/dtype/${dtype}-vectors`, pair: 'vec2<f16>', four: 'mat4x2<f16>' }
    : { slot: `wgsl/slots/dtype/${dtype}`, pair: 'u32', four: 'vec4<u32>' };
}

/** Every filler of the slot `dtype`. */
export const dtypeSlots = ['f16', 'f16-vectors', 'bf16'].map((name) => `wgsl/slots/dtype/${name}`);
