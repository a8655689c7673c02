import type { RowOrder } from '../../ir/graph.ts';

/** The rows of a weight out of the `rows` rows of its tensor, in the weight's order: the same array where that is the tensor's own. */
export function restoreRowOrder(
  order: RowOrder | undefined,
  rows: number,
  values: Float32Array,
): Float32Array {
  if (order === undefined) return values;
  const width = values.length / Math.max(rows, 1);
  if (order.order === 'grouped') {
    const { period, first, count } = order;
    const picked = new Float32Array((rows / period) * count * width);
    for (let group = 0; group < rows / period; group++) {
      const start = (group * period + first) * width;
      picked.set(values.subarray(start, start + count * width), group * count * width);
    }
    return picked;
  }
  const { headDim } = order;
  const restored = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    // The inverse of LlamaModel.permute in llama.cpp's convert_hf_to_gguf.py.
    const inHead = row % headDim;
    const j = inHead < headDim / 2 ? 0 : 1;
    const from = row - inHead + 2 * (inHead - (j * headDim) / 2) + j;
    restored.set(values.subarray(from * width, (from + 1) * width), row * width);
  }
  return restored;
}
