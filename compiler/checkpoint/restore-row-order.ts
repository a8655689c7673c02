import type { StoredTensor } from './stored-tensor.ts';

/**
 * GGUF stores the q and k projections of LLaMA with the two rows that rope turns together side by side; Hugging Face has
 * the first of all pairs of a head, then the second. Row `h D + j D/2 + i` of Hugging Face is row `h D + 2i + j` of the
 * file (D = headDim, j = 0 or 1): the inverse of LlamaModel.permute in llama.cpp's convert_hf_to_gguf.py. Biases likewise.
 */
export function restoreRowOrder(
  { shape, pairedRows }: Pick<StoredTensor, 'shape' | 'pairedRows'>,
  values: Float32Array,
): Float32Array {
  if (pairedRows === undefined) return values;
  const { headDim } = pairedRows;
  const rows = shape[0] ?? 0;
  const width = values.length / Math.max(rows, 1);
  const restored = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const inHead = row % headDim;
    const j = inHead < headDim / 2 ? 0 : 1;
    const from = row - inHead + 2 * (inHead - (j * headDim) / 2) + j;
    restored.set(values.subarray(from * width, (from + 1) * width), row * width);
  }
  return restored;
}
