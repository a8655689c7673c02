import type { PlannedGroup, PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';

/** A group of a plan with its layer. */
export interface PlacedGroup {
  readonly layer: PlannedLayer['layer'];
  readonly group: PlannedGroup;
  /** Of its first linear, which tells it from others. */
  readonly name: string;
  /** What all repetitions of it have in common: `self_attn.q_proj`. */
  readonly kind: string;
}

export function listGroups(plan: readonly PlannedLayer[]): readonly PlacedGroup[] {
  return plan.flatMap(({ layer, groups }) =>
    groups.flatMap((group) => {
      const name = group.linears[0]?.name;
      if (name === undefined) return [];
      const kind = layer.block.repeat === undefined ? name : name.replace(`${layer.name}.`, '');
      return [{ layer, group, name, kind }];
    }),
  );
}

/** The same plan, but that each group is what `change` makes of it; those for which there is nothing are left in 16 bit. */
export function replanGroups(
  plan: readonly PlannedLayer[],
  change: (name: string) => Partial<PlannedGroup['linears'][number]> | undefined,
): readonly PlannedLayer[] {
  return plan.map(({ layer, groups }) => ({
    layer,
    groups: groups.flatMap(({ group, linears }) => {
      const changes = change(linears[0]?.name ?? '');
      if (changes === undefined) return [];
      return [{ group, linears: linears.map(({ columns: _, ...linear }) => ({ ...linear, ...changes })) }];
    }),
  }));
}
