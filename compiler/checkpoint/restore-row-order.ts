import type { RowOrder } from '../../ir/graph.ts';

/** The `rows` rows of a tensor in the order that the weight has them: the same array where that is the tensor's own. */
export function restoreRowOrder(
  order: RowOrder | undefined,
  rows: number,
  values: Float32Array,
): Float32Array {
  if (order === undefined) return values;
  const { headDim } = order;
  const width = values.length / Math.max(rows, 1);
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
