import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { type Result, succeed } from '../../support/result.ts';
import type { GptqVersion } from './quantisation.ts';
import type { GptqLinear } from './read-gptq.ts';

/** Weights of a linear that are enough: their codes deviate by some 3 steps, the mean of them then by a twentieth. */
const leastWeights = 4096;
/** Steps that the mean of a linear's weights may be off zero by; a trained one's is by some hundredths. */
const mostOffset = 0.25;

/**
 * Which zero points a checkpoint stores, from one of its linears; undefined where that cannot be told.
 *
 * Symmetric ones are all the same: 2^(bits - 1), or one less as version 1 has it. Of others, weights are zero on average, whatever their
 * distribution: read as the wrong version, their mean is one step off. It is told where one reading has a mean of about none and the other
 * of about a step: not of 8 bits, where a step is a fiftieth of the weights' deviation and their mean may well be as far off, nor of a few
 * thousand weights, nor where many zero points are 0 or the largest, which wrap.
 */
export function tellGptqVersion(linear: GptqLinear): Result<GptqVersion | undefined, Diagnostic> {
  const { bits, n, k } = linear;
  const stored = linear.readZeros(2);
  if (!stored.ok) return stored;
  const half = 2 ** (bits - 1);
  if (stored.value.every((zero) => zero === half)) return succeed(2);
  if (stored.value.every((zero) => zero === half - 1)) return succeed(1);
  if (bits > 4 || n * k < leastWeights) return succeed(undefined);
  const codes = linear.readCodes();
  if (!codes.ok) return codes;
  const corrected = linear.readZeros(1);
  if (!corrected.ok) return corrected;
  const mean = meanOf(codes.value);
  const offset = { 1: Math.abs(mean - meanOf(corrected.value)), 2: Math.abs(mean - meanOf(stored.value)) };
  if (offset[1] < mostOffset && offset[2] > 1 - mostOffset) return succeed(1);
  return succeed(offset[2] < mostOffset && offset[1] > 1 - mostOffset ? 2 : undefined);
}

/** Groups have as many columns each, but for the last: the mean of zero points stands for that over columns. */
function meanOf(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
