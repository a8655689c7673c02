import { basename, resolve } from 'node:path';
import type { ActivationDtype } from '../../ir/dtype.ts';
import type { RowOrder } from '../../ir/graph.ts';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { orderColumns } from '../quantise/order-columns.ts';
import type { Sparsity } from '../quantise/prune-group.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { type AlikeLinears, groupByFactor } from './group-by-factor.ts';
import type { PlannedGroup } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';

export const workFormat = 'quikc-gptq-work-1';

/** What gptq_torch.py is told: all that was decided, and where the numbers are. */
export interface GptqWork {
  readonly format: typeof workFormat;
  readonly model: string;
  /** Where the groups' files go, as long as its file `job` has `job`. */
  readonly workspace: string;
  readonly job: string;
  readonly dtype: ActivationDtype;
  readonly damping: number;
  readonly groups: readonly WorkGroup[];
}

/** Linears that read one value. */
interface WorkGroup {
  /** In the workspace. */
  readonly file: string;
  /** XᵀX, F64 [K, K]. */
  readonly gram: TensorPlace;
  readonly factors: readonly WorkFactor[];
  /** In the order of the file. */
  readonly linears: readonly WorkLinear[];
}

/** A tensor of a safetensors file; `offset` is of its first byte in the file. */
export interface TensorPlace {
  readonly file: string;
  readonly tensor: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** What linears have in common whose columns are rounded in one order. */
interface WorkFactor {
  readonly outlierColumns: readonly number[];
  /** All K columns, outlier columns last; act-order: base columns by falling diagonal of XᵀX, of equal ones the lower first. */
  readonly order: readonly number[] | 'act-order';
  readonly sparsity: Sparsity;
}

interface WorkLinear {
  readonly name: string;
  readonly weight: TensorPlace;
  /** Which rows of the tensor are the weight's; all, as they are, unless given. */
  readonly rows?: RowOrder;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly clip: boolean;
  /** Of `factors`. */
  readonly factor: number;
}

export interface DescribeMeans {
  readonly calibration: CalibrationFile;
  readonly method: QuantiseMethod;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * A group of a layer as gptq_torch.py is to do it, into `file`. Faults: QK176 nothing is known of XᵀX, QK157 no such weight, QK189 one
 * that is no plain tensor of a safetensors file.
 */
export function describeWork(
  { group, linears }: PlannedGroup,
  layer: number,
  file: string,
  { calibration, method, tensors }: DescribeMeans,
): Result<WorkGroup, Diagnostic> {
  const name = group.linears[0]?.name ?? '';
  const [statistics, gram] = [calibration.linears.get(name), calibration.findGram(name)];
  const stored = linears.map(({ weight }) => tensors.get(weight.tensor.replaceAll('{layer}', `${layer}`)));
  for (const tensor of stored) {
    const fault = tensor && findStrangeSource(tensor);
    if (fault !== undefined) return fail(fault);
  }
  if (statistics === undefined || gram === undefined) {
    const message = `there is no XᵀX of the input of ${name}, which GPTQ needs`;
    return fail(diagnose('QK176', { message, hint: 'calibrate with --grams' }));
  }
  const alike = groupByFactor(linears, statistics, method);
  const described: WorkLinear[] = [];
  for (const [index, planned] of linears.entries()) {
    const { n, k, bits, clip, weight } = planned;
    const tensor = stored[index];
    if (tensor === undefined)
      return fail(diagnose('QK157', { message: `there is no tensor ${quoteText(weight.tensor)}` }));
    const factor = alike.findIndex(({ members }) => members.includes(planned));
    const rows = weight.rows === undefined ? {} : { rows: weight.rows };
    described.push({ name: planned.name, weight: placeOf(tensor), ...rows, n, k, bits, clip, factor });
  }
  const factors = alike.map((own) => describeFactor(own, group.k));
  return succeed({ file: basename(file), gram: placeOf(gram), factors, linears: described });
}

function describeFactor({ columns, order, sparsity }: AlikeLinears, k: number): WorkFactor {
  // XᵀX is not read here: its diagonal alone would take as many reads as it has columns.
  const listed =
    order.kind === 'act-order' ? order.kind : [...orderColumns(order, new Float64Array(k), columns)];
  return { outlierColumns: [...columns], order: listed, sparsity };
}

function placeOf({ name, source, format, shape, offset }: StoredTensor): TensorPlace {
  return { file: resolve(source.file), tensor: name, dtype: format.name, shape, offset };
}

const plainFormats: ReadonlySet<string> = new Set(['F16', 'BF16', 'F32']);

/** QK189: codes of a quantised checkpoint, and GGUF, whose blocks PyTorch does not read. */
function findStrangeSource({ name, format, source }: StoredTensor): Diagnostic | undefined {
  const refuse = (what: string) =>
    diagnose('QK189', { file: source.file, message: `${quoteText(name)} is ${what}` });
  if (source.computed) return refuse('computed of codes');
  const start = source.read(0, 4);
  if (!start.ok) return start.error;
  if (Buffer.from(start.value).toString('latin1') === 'GGUF') return refuse(`${format.name} of a GGUF file`);
  return plainFormats.has(format.name) ? undefined : refuse(format.name);
}
