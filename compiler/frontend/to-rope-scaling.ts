import type { RopeScaling, WeightReference } from '../../ir/graph.ts';
import type { RopeScalingJson } from './schema-rope.ts';

/** Rope scaling with its defaults filled in; nothing where the model has none. `divisors` is where its tensor lies, if it has one. */
export function toRopeScaling(
  scaling: RopeScalingJson | undefined,
  divisors: { readonly weight?: WeightReference },
): { readonly scaling?: RopeScaling } {
  if (scaling === undefined) return {};
  switch (scaling.kind) {
    case 'divisors':
      return { scaling: { kind: 'divisors', ...divisors } };
    case 'yarn': {
      const attentionFactor = scaling.attentionFactor ?? Math.max(1, 1 + 0.1 * Math.log(scaling.factor));
      return { scaling: { ...scaling, attentionFactor } };
    }
    default:
      return { scaling };
  }
}
