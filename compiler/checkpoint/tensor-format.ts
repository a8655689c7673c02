/** How elements lie in a file: blocks of `elements` elements in `bytes` bytes. One element a block unless quantised. */
export interface TensorFormat {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
}

function format(name: string, elements: number, bytes: number): TensorFormat {
  return { name, elements, bytes };
}

/** The dtypes of safetensors (safetensors/src/tensor.rs, 0.6), without those of less than a byte. */
export const safetensorsFormats: ReadonlyMap<string, TensorFormat> = new Map(
  [
    ...['BOOL', 'U8', 'I8', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0'].map((name) => format(name, 1, 1)),
    ...['I16', 'U16', 'F16', 'BF16'].map((name) => format(name, 1, 2)),
    ...['I32', 'U32', 'F32'].map((name) => format(name, 1, 4)),
    ...['I64', 'U64', 'F64', 'C64'].map((name) => format(name, 1, 8)),
  ].map((entry) => [entry.name, entry]),
);

/**
 * The tensor types of GGUF by their number (ggml/include/ggml.h, block sizes of ggml-common.h). All of them, although
 * quikc cannot decode all: a model is described, and its kernels written, from shapes alone.
 */
export const ggmlFormats: ReadonlyMap<number, TensorFormat> = new Map([
  [0, format('F32', 1, 4)],
  [1, format('F16', 1, 2)],
  [2, format('Q4_0', 32, 18)],
  [3, format('Q4_1', 32, 20)],
  [6, format('Q5_0', 32, 22)],
  [7, format('Q5_1', 32, 24)],
  [8, format('Q8_0', 32, 34)],
  [9, format('Q8_1', 32, 36)],
  [10, format('Q2_K', 256, 84)],
  [11, format('Q3_K', 256, 110)],
  [12, format('Q4_K', 256, 144)],
  [13, format('Q5_K', 256, 176)],
  [14, format('Q6_K', 256, 210)],
  [15, format('Q8_K', 256, 292)],
  [16, format('IQ2_XXS', 256, 66)],
  [17, format('IQ2_XS', 256, 74)],
  [18, format('IQ3_XXS', 256, 98)],
  [19, format('IQ1_S', 256, 50)],
  [20, format('IQ4_NL', 32, 18)],
  [21, format('IQ3_S', 256, 110)],
  [22, format('IQ2_S', 256, 82)],
  [23, format('IQ4_XS', 256, 136)],
  [24, format('I8', 1, 1)],
  [25, format('I16', 1, 2)],
  [26, format('I32', 1, 4)],
  [27, format('I64', 1, 8)],
  [28, format('F64', 1, 8)],
  [29, format('IQ1_M', 256, 56)],
  [30, format('BF16', 1, 2)],
  [34, format('TQ1_0', 256, 54)],
  [35, format('TQ2_0', 256, 66)],
  [39, format('MXFP4', 32, 17)],
]);
