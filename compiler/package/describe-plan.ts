import type { Manifest, ManifestBlock, ManifestStep } from '../../ir/manifest.ts';
import type { Plan, PlannedBlock } from '../../ir/plan.ts';
import { assert } from '../support/assert.ts';

/** The plan as the manifest has it: what packing needs lies with the layers, and steps name those. */
export function describePlan(plan: Plan, workspaceBytes: number): Manifest['plan'] {
  return {
    weightFiles: plan.weightFiles,
    slots: plan.slots,
    peakBytes: plan.peakBytes,
    workspaceBytes,
    placeholderLayers: plan.placeholderLayers,
    blocks: plan.blocks.map(describeBlock),
  };
}

/** The id by which steps name a layer: unique, since blocks and the nodes of a block are. */
export function layerId(block: PlannedBlock, node: string): string {
  return `${block.name}/${node}`;
}

function describeBlock(block: PlannedBlock): ManifestBlock {
  return {
    ...block,
    steps: block.steps.map((step): ManifestStep => {
      if (step.kind === 'host') return step;
      if (step.kind === 'linear') {
        const { scheme: _scheme, parts: _parts, ...rest } = step;
        return { ...rest, layer: layerId(block, step.node) };
      }
      const { outlierColumns: _columns, ...rest } = step;
      const reader = block.steps.find(
        (other) => other.kind === 'linear' && other.codes === step.codes && other.site === step.site,
      );
      assert(reader !== undefined, `a linear reads what ${step.node} quantises`);
      return { ...rest, columnsOf: layerId(block, reader.node) };
    }),
  };
}
