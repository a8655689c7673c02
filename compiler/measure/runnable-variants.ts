import type { Target } from '../../targets/target.ts';
import { rejectUnpromised } from '../families/reject-unpromised.ts';
import { type TargetVariant, targetVariants } from '../schedule/target-variants.ts';

/** A target's variants that every device can run which has all that the target promises. */
export function runnableVariants(target: Target): readonly TargetVariant[] {
  return targetVariants(target).filter(
    (form) => rejectUnpromised(form.target.promised, target) === undefined,
  );
}
