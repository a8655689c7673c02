import { evaluate } from '../../../ir/formula.ts';
import { addsResidual, baseColumns, type LinearProblem } from '../../../ir/problem.ts';
import { bitsOfFloat, fillBlocks, fillElements, fillRows } from '../../reference/fill-layout.ts';
import * as layouts from '../../reference/layouts.ts';
import { assert } from '../../support/assert.ts';
import type { CaseBuffer, VerificationCase } from '../family.ts';
import { compareLinear, untouchedByte } from './cases-compare.ts';
import type { LinearCover } from './cover.ts';
import { type ActivationData, makeActivationData } from './data-activations.ts';
import type { DatasetKind } from './data-patterns.ts';
import { makeWeightData, type WeightData } from './data-weights.ts';

/**
 * Two datasets over the kernel's arguments. Inputs are computed from their byte offset when read, in the packed layout;
 * the oracle computes them again from (row, column), so that a mistake in a layout cannot cancel out.
 */
export function linearCases(
  problem: LinearProblem,
  cover: LinearCover,
  m: number,
  seed: number,
): readonly VerificationCase[] {
  assert(problem.weightBits === problem.activationBits, 'weights and activations have equal bits');
  return (['integer', 'real'] as const).map((kind) => {
    const weights = weightData(problem, seed, kind);
    const activations = makeActivationData(problem, seed, kind);
    return {
      name: kind,
      m,
      buffers: makeBuffers(problem, cover, m, weights, activations),
      compare: (read, ctas, ran) =>
        compareLinear({ problem, cover, m, kind, weights, activations }, read, ctas, ran),
    };
  });
}

// The last few weight datasets: they do not depend on M, and one kernel is verified at several M in a row.
const recent = new Map<string, WeightData>();

function weightData(problem: LinearProblem, seed: number, kind: DatasetKind): WeightData {
  const key = JSON.stringify([problem, seed, kind]);
  const data = recent.get(key) ?? makeWeightData(problem, seed, kind);
  recent.delete(key);
  recent.set(key, data);
  for (const oldest of recent.keys()) if (recent.size > 2) recent.delete(oldest);
  return data;
}

function makeBuffers(
  problem: LinearProblem,
  { workspaceBytes, scratchBytes }: LinearCover,
  m: number,
  weights: WeightData,
  activations: ActivationData,
): readonly CaseBuffer[] {
  const { n, outliers, weightBits: bits } = problem;
  const codeStride = layouts.codesRowStride(baseColumns(problem), bits);
  const outlierColumns = layouts.paddedOutliers(outliers);
  const outlierStride = layouts.outlierRowStride(outliers);
  const pair = (at: (row: number, f: number) => number) => (row: number, w: number) =>
    at(row, 2 * w) | (at(row, 2 * w + 1) << 16);
  const columnMeta = (channel: number, w: number): number => {
    const meta = weights.meta(channel);
    return bitsOfFloat([meta.scale, meta.reduced, meta.bias, 0][w] ?? 0);
  };
  const rowMeta = (row: number, w: number): number => {
    const meta = activations.meta(row);
    return bitsOfFloat(w === 0 ? meta.scale : meta.zero);
  };
  const input = (argument: string, bytes: number, fill: NonNullable<CaseBuffer['fill']>): CaseBuffer => ({
    ...{ argument, bytes, access: 'input', fill },
  });
  const list: CaseBuffer[] = [
    input('weights', layouts.paddedChannels(n) * codeStride, (at, into) =>
      fillBlocks(at, into, codeStride, weights.word),
    ),
    input('column_meta', layouts.columnMetaBytes(n), (at, into) =>
      fillRows(at, into, layouts.columnMetaStride, columnMeta),
    ),
    input('outlier_weights', layouts.blockedBytes(n, outlierColumns, 16), (at, into) =>
      fillBlocks(at, into, outlierStride, pair(weights.outlierBits)),
    ),
    input('codes', m * codeStride, (at, into) => fillRows(at, into, codeStride, activations.word)),
    input('row_meta', m * layouts.rowMetaStride, (at, into) =>
      fillRows(at, into, layouts.rowMetaStride, rowMeta),
    ),
    input('outlier_rows', m * outlierStride, (at, into) =>
      fillRows(at, into, outlierStride, pair(activations.outlierBits)),
    ),
  ];
  if (addsResidual(problem)) {
    const bitsAt = (index: number): number => activations.residualBits(Math.floor(index / n), index % n);
    list.push(input('residual', m * n * 2, (at, into) => fillElements(at, into, bitsAt)));
  }
  list.push({
    argument: 'y',
    bytes: m * n * 2,
    access: 'output',
    fill: (_, into) => into.fill(untouchedByte),
  });
  if (workspaceBytes !== undefined) {
    const bytes = evaluate(workspaceBytes, m);
    list.push({ argument: 'workspace', bytes, access: 'workspace', fill: (_, into) => into.fill(0) });
  }
  if (scratchBytes !== undefined) {
    const fill = (_: number, into: Uint8Array) => into.fill(untouchedByte);
    list.push({ argument: 'workspace', bytes: evaluate(scratchBytes, m), access: 'workspace', fill });
  }
  return list;
}
