import type { Target } from '../../targets/target.ts';

/** A target as a variant's kernels see it; without a name where it has no variants. */
export interface TargetVariant {
  readonly variant?: string;
  readonly target: Target;
}

/** The variants of a target, in its order, each with the target narrowed to devices that can run it. */
export function targetVariants(target: Target): readonly TargetVariant[] {
  if (target.variants.length === 0) return [{ target }];
  return target.variants.map(({ name, ...promised }) => ({ variant: name, target: { ...target, promised } }));
}
