import type { ExpectedElement } from './oracle.ts';

/**
 * Names the fault that a wrong y fits best, in the order in which faults explain the most: a missing term, then a wrong
 * accumulator, else the float part. `slack` is how much of the difference rounding may account for.
 */
export function diagnoseElement(expected: ExpectedElement, actual: number, slack: number): string {
  const { value, unit } = expected;
  if (Number.isNaN(value)) return `expected NaN, got ${actual}`;
  if (Number.isNaN(actual)) return `expected ${value}, got NaN`;
  const difference = actual - value;
  const terms = [
    ['dequantised accumulator', expected.base],
    ['zero-point term', expected.zeroPoint],
    ['outlier part', expected.outliers],
    ['bias', expected.bias],
    ['residual', expected.residual],
  ] as const;
  const numbers = `expected ${value}, got ${actual}, off by ${difference.toPrecision(4)}`;
  const missing = terms.find(
    ([, term]) => Math.abs(term) > 4 * slack && Math.abs(difference + term) <= slack,
  );
  if (missing) return `${numbers}: the ${missing[0]} is missing`;
  const doubled = terms.find(
    ([, term]) => Math.abs(term) > 4 * slack && Math.abs(difference - term) <= slack,
  );
  if (doubled) return `${numbers}: the ${doubled[0]} was added twice`;
  const codes = difference / unit;
  const whole = Math.round(codes);
  if (whole !== 0 && slack / unit < 0.25 && Math.abs(codes - whole) * unit <= slack) {
    return `${numbers}: fits an accumulator of ${expected.acc + whole} instead of ${expected.acc}`;
  }
  return `${numbers}: outside the bound of the float part, and no whole step of the accumulator (${unit.toPrecision(3)})`;
}
