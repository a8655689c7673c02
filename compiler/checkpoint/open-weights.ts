import type { ActivationDtype } from '../../ir/dtype.ts';
import type { WeightReference } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { readFloats } from './read-floats.ts';
import { restoreRowOrder } from './restore-row-order.ts';
import type { StoredTensor } from './stored-tensor.ts';

export interface WeightOptions {
  /** Rounds every value to this format, as a model runs with that is converted to it; kept as they are unless given. */
  readonly dtype?: ActivationDtype;
  /** In memory that threads share. */
  readonly shared?: boolean;
  /** Whether what was read is kept for the next time; true unless given. */
  readonly keep?: boolean;
}

/**
 * Reads weights by the references of a graph, in the order of rows that they ask for, and keeps all it has read, unless told
 * otherwise: of a model with N weights, 4 N bytes. Faults: QK157 no such tensor, and those of readFloats.
 */
export function openWeights(
  tensors: ReadonlyMap<string, StoredTensor>,
  folder: string,
  { dtype, shared = false, keep = true }: WeightOptions = {},
): (reference: WeightReference, layer: number) => Result<Float32Array, Diagnostic> {
  const known = new Map<string, Float32Array>();
  return ({ tensor: pattern, rows }, layer) => {
    const name = pattern.replaceAll('{layer}', `${layer}`);
    const key = `${name} ${rows === undefined ? '' : JSON.stringify(rows)}`;
    const kept = known.get(key);
    if (kept !== undefined) return succeed(kept);
    const tensor = tensors.get(name);
    if (tensor === undefined)
      return fail(diagnose('QK157', { file: folder, message: `there is no tensor ${quoteText(name)}` }));
    const read = readFloats(tensor, shared && rows === undefined);
    if (!read.ok) return read;
    const restored = restoreRowOrder(rows, tensor.shape[0] ?? 1, read.value);
    const values = shared ? shareFloats(restored) : restored;
    if (dtype !== undefined) roundAll(values, dtype);
    if (keep) known.set(key, values);
    return succeed(values);
  };
}

function shareFloats(values: Float32Array): Float32Array {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

function roundAll(values: Float32Array, dtype: ActivationDtype): void {
  const { round } = narrowFloat(dtype);
  for (let i = 0; i < values.length; i++) values[i] = round(values[i] ?? 0);
}
