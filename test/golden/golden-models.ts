import { tinyLlama } from '../compiler/compile-fixture.ts';

/** A model whose kernels are committed under generated/golden/<name>.<target>/. */
export interface GoldenModel {
  readonly name: string;
  readonly file: string;
}

export const goldenFolder = 'generated/golden';

/** Small and deliberate: every tail, every prologue and epilogue, both widths of code, both 16-bit types. */
export const goldenModels: readonly GoldenModel[] = [
  { name: 'ragged', file: 'test/fixtures/models/ragged.json' },
  { name: 'tiny-llama', file: tinyLlama },
  { name: 'ragged-bf16', file: 'test/golden/models/ragged-bf16.json' },
];
