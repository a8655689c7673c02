import type { LayoutName } from '../../ir/call-contract.ts';
import { layerNames } from '../../ir/graph.ts';
import type { ManifestLayer, PackedArgument, ScaleRule } from '../../ir/manifest.ts';
import type { Plan, PlannedBlock, ProblemHash, Step } from '../../ir/plan.ts';
import { baseColumns, type LinearProblem } from '../../ir/problem.ts';
import { noOutliers } from '../../ir/quant-scheme.ts';
import {
  blockedBytes,
  columnMetaBytes,
  paddedBase,
  paddedChannels,
  paddedOutliers,
} from '../reference/layouts.ts';
import { clipSearch } from '../reference/quantise-weights.ts';
import { assert } from '../support/assert.ts';
import { layerId } from './describe-plan.ts';

/** How every linear's weights are packed, in the order of the plan. */
export function describeLayers(plan: Plan): readonly ManifestLayer[] {
  const problems = new Map<ProblemHash, LinearProblem>(
    plan.sites.flatMap(({ linears }) => linears.map(({ hash, problem }) => [hash, problem] as const)),
  );
  return plan.blocks.flatMap((block) =>
    block.steps.flatMap((step) => {
      if (step.kind !== 'linear') return [];
      const problem = problems.get(step.problem);
      assert(problem !== undefined, `the problem of ${step.node} is planned`);
      return [describeLayer(block, step, problem)];
    }),
  );
}

function describeLayer(
  block: PlannedBlock,
  step: Extract<Step, { kind: 'linear' }>,
  problem: LinearProblem,
): ManifestLayer {
  const outliers = step.scheme.outliers ?? noOutliers;
  return {
    id: layerId(block, step.node),
    name: layerNames(block, step.node),
    site: step.site,
    problem: step.problem,
    ...(block.repeat === undefined ? {} : { repeat: block.repeat }),
    n: problem.n,
    k: problem.k,
    bits: problem.weightBits,
    columnMode: problem.columns,
    parts: step.parts,
    outliers: { ...outliers, padded: paddedOutliers(problem.outliers) },
    scale: scaleRule(problem.weightBits, step.scheme.weight.clip),
    arguments: packedArguments(problem),
  };
}

/** In words that suffice to write a packer of the same bytes: every rounding, the norm, and which of equals wins. */
function scaleRule(bits: 4 | 8, clip: ScaleRule['clip']): ScaleRule {
  const half = 2 ** (bits - 1);
  const { grid, candidates, exponent, marginPower } = clipSearch;
  const full = `max(fl32(max |w| over base columns / ${half - 1}), 2^-64)`;
  const search =
    `s_w = the clipped scale of least error: s_i = max(fl32(s_0 * (1 - i / ${grid})), 2^-64) for i = 0, 1 ... ${candidates - 1}, ` +
    `with s_0 = ${full}; its error is the sum over base columns of |w - s_i * clamp(rne(fl32(w / s_i)))|^${exponent}; ` +
    `in the order of i, a scale replaces the best so far if its error is below (1 - 2^${marginPower}) times that one's; all in float64 but for fl32`;
  return {
    granularity: 'channel',
    symmetric: true,
    clip,
    codes: { min: -half, max: half - 1 },
    rule: `${clip === 'search' ? search : `s_w = ${full}`}; code = clamp(rne(fl32(w / s_w))); R = fl32(s_w * sum of the base codes)`,
  };
}

function packedArguments(problem: LinearProblem): readonly PackedArgument[] {
  const { n, outliers, weightBits } = problem;
  const rows = paddedChannels(n);
  const base = paddedBase(baseColumns(problem), weightBits);
  const kept = paddedOutliers(outliers);
  const layout: LayoutName = weightBits === 4 ? 'weight-blocks-16x64-s4' : 'weight-blocks-16x32-s8';
  return [
    { argument: 'weights', layout, rows, columns: base, bytes: blockedBytes(n, base, weightBits) },
    { argument: 'column_meta', layout: 'column-meta', rows, columns: 4, bytes: columnMetaBytes(n) },
    {
      argument: 'outlier_weights',
      layout: 'outlier-blocks-16x16',
      rows,
      columns: kept,
      bytes: blockedBytes(n, kept, 16),
    },
  ];
}
