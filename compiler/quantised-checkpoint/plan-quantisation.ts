import { columnsOfRepetition, type Graph, type LinearNode, type WeightReference } from '../../ir/graph.ts';
import type { ColumnMode } from '../../ir/problem.ts';
import { isQuantised, type SparsityPattern } from '../../ir/quant-scheme.ts';
import { type LinearGroup, listLayers, type ModelLayer } from '../calibrate/list-layers.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { annotateOutliers } from '../passes/annotate-outliers.ts';
import { chooseScheme } from '../passes/choose-scheme.ts';
import type { Sparsity } from '../quantise/prune-group.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** One linear and what is to become of it. */
export interface PlannedLinear {
  /** With the number of the repetition. */
  readonly name: string;
  readonly weight: WeightReference;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly clip: boolean;
  /** How many outlier columns it is to keep. */
  readonly outliers: number;
  /** Those that the model lists; chosen by statistics where it lists none. */
  readonly columns?: Int32Array;
  /** Whether kernels cut them out, where that is settled; the compiler chooses otherwise. */
  readonly columnMode?: ColumnMode;
  readonly sparsity: Sparsity;
}

/** Linears that read the same value, and so have their statistics and the ranking of their columns in common. */
export interface PlannedGroup {
  readonly group: LinearGroup;
  readonly linears: readonly PlannedLinear[];
}

export interface PlannedLayer {
  readonly layer: ModelLayer;
  /** Those that have a linear to be quantised. */
  readonly groups: readonly PlannedGroup[];
}

/**
 * What of a model is quantised, layer by layer, as its rules and the command line say. `graph` is as it was imported, with its
 * shapes. Faults: those of the passes that settle schemes and outlier counts; QK180 a pattern that weights are not pruned to.
 */
export function planQuantisation(graph: Graph): Result<readonly PlannedLayer[], readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const context = {
    report: (fault: Diagnostic) => {
      if (fault.severity === 'error') faults.push(fault);
    },
    note: () => {},
  };
  const settled = chooseScheme.run(annotateOutliers.run(graph, context), context);
  const planned = listLayers(settled).map((layer) => ({
    layer,
    groups: layer.groups.flatMap((group) => {
      const linears = group.linears.flatMap(({ name, node }) =>
        isQuantised(node.scheme) ? [planLinear(name, node, layer, faults)] : [],
      );
      return linears.length === 0 ? [] : [{ group, linears }];
    }),
  }));
  return faults.length > 0 ? fail(faults) : succeed(planned);
}

function planLinear(
  name: string,
  node: LinearNode,
  { block, index }: ModelLayer,
  faults: Diagnostic[],
): PlannedLinear {
  const [part] = node.parts;
  const { weight, outliers } = node.scheme;
  assert(part?.weight !== undefined, 'a weighted model names the weight of each linear');
  assert(outliers !== undefined && (weight.bits === 4 || weight.bits === 8), 'the passes have settled it');
  const list = columnsOfRepetition(outliers.columns, block, index);
  return {
    ...{ name, weight: part.weight, n: part.n, k: node.k, bits: weight.bits, clip: weight.clip === 'search' },
    outliers: outliers.count,
    ...(list === undefined ? {} : { columns: Int32Array.from(list) }),
    ...(node.request.columnMode === undefined ? {} : { columnMode: node.request.columnMode }),
    sparsity: toSparsity(name, node.request.sparsity, faults),
  };
}

function toSparsity(name: string, asked: SparsityPattern, faults: Diagnostic[]): Sparsity {
  if (asked.pattern !== 'unstructured') return asked.pattern;
  const message = `${name} is to be pruned without a pattern`;
  faults.push(diagnose('QK180', { message, expected: 'dense, 2:4 or 4:8-pairs' }));
  return 'dense';
}
