import type { ActivationDtype } from '../../ir/dtype.ts';
import { readQuantisedLinear } from '../checkpoint/read-quantised-linear.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { chooseColumnsOf } from './group-by-factor.ts';
import type { PlannedGroup, PlannedLayer, PlannedLinear } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';
import type { StatisticsSource } from './quantise-model.ts';
import type { QuantiseWorkspace } from './quantise-workspace.ts';
import { readLayerFiles } from './read-layer-files.ts';

export interface CheckMeans extends Pick<QuantiseWorkspace, 'groupFile'> {
  readonly source: StatisticsSource;
  readonly method: QuantiseMethod;
  readonly dtype: ActivationDtype;
}

/**
 * What keeps the files of a plan's groups from being its checkpoint, for another hand than quikc's may have written them: each has to
 * have the linears of its group, whole, with the outlier columns that are theirs, and nothing else. QK157, QK192, QK193, and those of
 * unreadable files. One linear is in memory.
 */
export function checkGroups(plan: readonly PlannedLayer[], means: CheckMeans): Diagnostic | undefined {
  for (const [at, { groups }] of plan.entries())
    for (const [index, group] of groups.entries()) {
      const file = means.groupFile(at, index);
      const fault = checkGroup(group, file, means);
      if (fault !== undefined)
        return { ...fault, hint: `remove ${file}: it is made again, all other files stay` };
    }
  return undefined;
}

function checkGroup(group: PlannedGroup, file: string, means: CheckMeans): Diagnostic | undefined {
  const read = readLayerFiles([file]);
  if (!read.ok) return read.error[0] ?? diagnose('QK150', { file, message: 'it cannot be read' });
  const tensors = new Map(read.value.map((tensor) => [tensor.name, tensor]));
  const strange = new Set(tensors.keys());
  for (const planned of group.linears) {
    const fault = checkLinear(planned, expectedColumns(group, planned, means), tensors, file, means.dtype);
    if (fault !== undefined) return fault;
    for (const part of ['codes', 'scales', 'reduced', 'outlier_columns', 'outlier_weights'])
      strange.delete(`${planned.name}.${part}`);
  }
  const [name] = strange;
  if (name === undefined) return undefined;
  return diagnose('QK192', { file, message: `${quoteText(name)} is of none of the group's linears` });
}

function checkLinear(
  { name, n, k, bits, outliers: most }: PlannedLinear,
  outlierColumns: Int32Array | undefined,
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
  dtype: ActivationDtype,
): Diagnostic | undefined {
  const stored = tensors.get(`${name}.outlier_columns`)?.shape[0] ?? 0;
  // Whoever has no statistics at hand knows the count alone, which a threshold may have made 0.
  const outliers = outlierColumns?.length ?? (stored === 0 ? 0 : most);
  const linear = readQuantisedLinear(
    tensors,
    { name, n, k, bits, outliers, outlierColumns: undefined },
    file,
  );
  if (!linear.ok) return linear.error;
  const other = outlierColumns?.findIndex((column, i) => column !== linear.value.outlierColumns[i]) ?? -1;
  if (other >= 0) {
    const message = `outlier column ${other} of ${name} is ${linear.value.outlierColumns[other]}`;
    return diagnose('QK193', { file, message, expected: `${outlierColumns?.[other]}` });
  }
  const kept = tensors.get(`${name}.outlier_weights`)?.format.name;
  const wanted = dtype === 'f16' ? 'F16' : 'BF16';
  if (kept === wanted) return undefined;
  const message = `${quoteText(`${name}.outlier_weights`)} is ${kept}`;
  return diagnose('QK192', { file, message, expected: wanted });
}

/** Those that a linear is to keep, where that can be told without a walk. */
function expectedColumns(
  { group }: PlannedGroup,
  { columns, outliers, bits }: PlannedLinear,
  { source, method }: CheckMeans,
): Int32Array | undefined {
  if (columns !== undefined) return columns;
  const name = group.linears[0]?.name ?? '';
  const statistics = source.kind === 'file' ? source.calibration.linears.get(name) : undefined;
  return statistics && chooseColumnsOf(statistics, outliers, method, bits);
}
