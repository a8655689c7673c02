/** Everything generated code calls by name, as `N`. */
export { approximate } from './approximate.ts';
export { bitsOfFloat, floatOfBits } from './bits.ts';
export * from './float-ops.ts';
export { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from './half.ts';
export * from './integer-ops.ts';
export { BF16_FORMAT, F16_FORMAT, F32_FORMAT, roundToFormat } from './round-to-format.ts';
export * from './wide-conversions.ts';
