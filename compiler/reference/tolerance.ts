/**
 * What the kernels' FP32 operations may lose, as numbers: docs/numerics.md derives every one of them. All bounds are
 * relative to magnitudes that are summed along; there is no absolute tolerance beyond FP32's own underflow.
 */

/** u: the largest relative error of one correctly rounded FP32 operation. */
export const unitRoundoff = 2 ** -24;

/** Largest relative errors of single instructions, in units of u. Source: PTX ISA 9.1, §9.7.3, "maximum … error". */
const operationError = {
  /** add, sub, mul, fma, div.rn, rcp.rn, cvt.rn: correctly rounded. */
  rounded: 1,
  /** div.approx and div.full: 2 ulp. Covers x * rcp.approx(y) as well (2u + u). */
  quotient: 4,
  /** rsqrt.approx: 2^-22.9. */
  reciprocalRoot: 2 ** 1.1,
  /** ex2.approx: 2 ulp from the correctly rounded result, which itself is half an ulp off. */
  exponential: 5,
} as const;

/** gamma_c = c u / (1 - c u): the relative error that `count` successive roundings can reach (Higham, lemma 3.1). */
export function gamma(count: number): number {
  return (count * unitRoundoff) / (1 - count * unitRoundoff);
}

/**
 * FP16/BF16 MMA with FP32 accumulation, per group of 8 columns: C and the 8 products are aligned to the largest of the
 * nine and cut to 24 fraction bits (8 cuts, each below u of that largest), added, and cut to FP32 (below 2u).
 */
const truncationPerStep = 8 + 2;
const columnsPerStep = 8;

/** Roundings c that bound y: |y_fp32 - y*| <= gamma(c) * sum |terms|. */
export function linearRoundings(shape: {
  readonly paddedOutliers: number;
  readonly residual: boolean;
  /** The outlier sum is made apart and added afterwards (split-K). */
  readonly outliersApart: boolean;
}): number {
  const dequantise = 3; // int32 -> FP32, * s_a, fma with s_w; z + h s_a, fma with R and bias, fma: 3 on either path
  const steps = shape.paddedOutliers / columnsPerStep;
  const oracle = 1; // float64 sums of up to 2^20 terms: 2^20 * 2^-53 is below u
  return (
    dequantise + truncationPerStep * steps + (shape.outliersApart ? 1 : 0) + (shape.residual ? 1 : 0) + oracle
  );
}

/**
 * FP32 underflow: a product below 2^-126 is off by at most 2^-150, and s_a s_w is multiplied by |acc| < 2^31 next; the
 * MMA's cuts cannot go below 2^-149 either. It matters to subnormal BF16 results only.
 */
export const underflow = 2 ** -117;

/** Row meta: s = fl(fl(max - min) / levels). */
export const scaleRoundings = 2;

/** t = fl(x - z) * fl(1/s), s being the kernel's own: x - z, rcp.rn. The product is exact in the fma that rounds it to an integer. */
export const codeRoundings = 2 * operationError.rounded;

/**
 * rms-norm before x is rounded: the sum of squares (squares of 16-bit floats are exact in FP32) over the longest chain
 * of additions, the mean (1/K rounded, product), + eps (itself rounded), halved by the root; rsqrt; two products.
 */
export function rmsNormRoundings(columns: number, threads: number): number {
  const perThread = Math.ceil(columns / (8 * threads)) * 8; // 16-byte loads: 8 values at a time
  const chain = perThread + 5 + Math.ceil(threads / 32); // then the warp's butterfly, then one sum a warp
  return (chain + 4) / 2 + operationError.reciprocalRoot + 2;
}

/**
 * silu(g) * up = g / (1 + 2^(-g log2 e)) * up before it is rounded. The exponent's own error, (1 + 0.225)u of
 * |g log2 e| from the product and the constant, grows e by |g| times as much; e weighs e / (1 + e) in the denominator.
 */
export function siluMulRoundings(gate: number): number {
  const e = Math.exp(-gate);
  const weight = e === Number.POSITIVE_INFINITY ? 1 : e / (1 + e);
  const exponential = 1.225 * Math.abs(gate) + operationError.exponential;
  return weight * exponential + operationError.rounded + operationError.quotient + operationError.rounded;
}

/** From this power of two on, 1 + e may overflow in FP32 or fall outside div.approx: the quotient may be 0. */
export const siluDenominatorLimit = 2 ** 125;

/**
 * WGSL promises less (W3C WGSL, 15.7.4 Floating point accuracy): + - * are correctly rounded, but to either side (2u); fma
 * may be two operations; x / y errs by 2.5 ulp, inverseSqrt by 2, exp(x) by 3 + 2|x|, an ulp being at most 2u.
 */
const wgsl = { rounded: 2, quotient: 5, reciprocalRoot: 4, exponential: (x: number) => 6 + 4 * Math.abs(x) };

/** Roundings c that bound y of a WGSL linear, whose outlier columns are added one by one. */
export function wgslLinearRoundings(shape: {
  readonly paddedOutliers: number;
  readonly residual: boolean;
}): number {
  const dequantise = 5; // int32 -> FP32, * (s_a * s_w, itself rounded), + zero point; h s_a + z: 2, * R, +: 4; bias 1
  const outliers = 2 * shape.paddedOutliers; // a product and a sum a column
  const oracle = 1;
  return wgsl.rounded * (dequantise + outliers + (shape.residual ? 1 : 0)) + oracle;
}

/** s = (max - min) / levels in WGSL. */
export const wgslScaleRoundings = wgsl.rounded + wgsl.quotient;

/** t = (x - z) * (1 / s) in WGSL. */
export const wgslCodeRoundings = wgsl.rounded + wgsl.quotient + wgsl.rounded;

/**
 * rms-norm in WGSL: pairs of squares summed by each thread, then a tree over the threads, or whatever order the device's
 * subgroups add in; see rmsNormRoundings.
 */
export function wgslRmsNormRoundings(
  columns: number,
  { threads, reduce }: { readonly threads: number; readonly reduce: 'workgroup' | 'subgroup' },
): number {
  const joined = reduce === 'subgroup' ? threads - 1 : Math.ceil(Math.log2(threads));
  const chain = 2 * Math.ceil(columns / (2 * threads)) + joined;
  const sum = wgsl.rounded * (chain + 1) + wgsl.quotient + wgsl.rounded + 1; // squares; mean; + eps, itself rounded
  return sum / 2 + wgsl.reciprocalRoot + 2 * wgsl.rounded;
}

/** silu(g) * up in WGSL; see siluMulRoundings. */
export function wgslSiluMulRoundings(gate: number): number {
  const e = Math.exp(-gate);
  const weight = e === Number.POSITIVE_INFINITY ? 1 : e / (1 + e);
  return weight * wgsl.exponential(gate) + wgsl.rounded + wgsl.quotient + wgsl.rounded;
}
