import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { ByteSource } from './byte-source.ts';
import type { TensorFormat } from './tensor-format.ts';

/** A tensor of a checkpoint: where it lies. Its values are read on demand. */
export interface StoredTensor {
  readonly name: string;
  readonly format: TensorFormat;
  /** Outermost first, as PyTorch has it: a linear's weight is [N, K]. Row-major. */
  readonly shape: readonly number[];
  readonly source: ByteSource;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** Elements of a shape, or undefined where they are more than a double counts exactly. */
export function countElements(shape: readonly number[]): number | undefined {
  let product = 1;
  for (const size of shape) {
    product *= size;
    // A later size of 0 would hide an overflow, and no honest header multiplies that far.
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return product;
}

/** QK153 for each pair of tensors that share bytes. Sorts by offset: O(n log n) for any number of tensors. */
export function findOverlaps(tensors: readonly StoredTensor[], file: string): readonly Diagnostic[] {
  const placed = tensors.filter(({ bytes }) => bytes > 0).toSorted((a, b) => a.offset - b.offset);
  return placed.flatMap((tensor, index) => {
    const before = placed[index - 1];
    if (before === undefined || before.offset + before.bytes <= tensor.offset) return [];
    const message = `tensors ${quoteText(before.name)} and ${quoteText(tensor.name)} overlap at byte ${tensor.offset}`;
    return [diagnose('QK153', { file, message })];
  });
}
