import { baseColumns, type QuantizeProblem } from '../../../ir/problem.ts';
import { fillElements, fillRows } from '../../reference/fill-layout.ts';
import * as layouts from '../../reference/layouts.ts';
import type { CaseBuffer, VerificationCase } from '../family.ts';
import { compareQuantize } from './cases-compare.ts';
import type { QuantizeCover } from './cover.ts';
import { makeQuantizeData } from './data-rows.ts';

/** Where each dataset's rows start in the list of row patterns. */
const datasets = [
  { name: 'bell first', first: 0 },
  { name: 'skewed first', first: 2 },
] as const;

/** Two datasets over the kernel's arguments; see linearCases. */
export function quantizeCases(
  problem: QuantizeProblem,
  cover: QuantizeCover,
  m: number,
  seed: number,
): readonly VerificationCase[] {
  const { k, outliers, bits, prologue } = problem;
  const base = baseColumns(problem);
  const canary: NonNullable<CaseBuffer['fill']> = (_, into) => into.fill(0xcd);
  return datasets.map(({ name, first }) => {
    const data = makeQuantizeData(problem, seed, first);
    const elementBits = (index: number): number =>
      data.bits(Math.floor(index / data.width), index % data.width);
    const buffers: CaseBuffer[] = [
      {
        argument: 'x',
        bytes: m * data.width * 2,
        access: 'input',
        fill: (at, into) => fillElements(at, into, elementBits),
      },
    ];
    if (prologue.op === 'rms-norm') {
      const fill: CaseBuffer['fill'] = (at, into) => fillElements(at, into, data.gammaBits);
      buffers.push({ argument: 'gamma', bytes: k * 2, access: 'input', fill });
    }
    const columnBits: CaseBuffer['fill'] = (at, into) =>
      fillRows(at, into, outliers * 4, (_, f) => (data.columns[f] ?? 0) >>> 0);
    const outlierBytes = m * layouts.outlierRowStride(outliers);
    buffers.push(
      { argument: 'outlier_columns', bytes: outliers * 4, access: 'input', fill: columnBits },
      { argument: 'codes', bytes: m * layouts.codesRowStride(base, bits), access: 'output', fill: canary },
      { argument: 'row_meta', bytes: m * layouts.rowMetaStride, access: 'output', fill: canary },
      { argument: 'outlier_rows', bytes: outlierBytes, access: 'output', fill: canary },
    );
    return {
      name,
      m,
      buffers,
      compare: (read, ctas) => compareQuantize({ problem, cover, data, m }, read, ctas),
    };
  });
}
