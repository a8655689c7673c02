import type { Prologue } from '../../ir/problem.ts';
import { unreachable } from '../support/assert.ts';
import type { NarrowFloat } from './narrow-float.ts';
import { gamma, siluDenominatorLimit, underflow } from './tolerance.ts';

/**
 * x of one row after its prologue: the activation-dtype values between which the kernel's rounded x must lie, both ends
 * included. They are equal unless the float64 value is so near a rounding boundary that FP32 may fall on either side.
 */
export interface RowInterval {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** How a kernel rounds a value before it is rounded to the activation dtype. */
export interface PrologueRoundings {
  readonly norm: number;
  /** Of silu(g) * up, by g. */
  readonly silu: (gate: number) => number;
}

/** One row's inputs: `values` has K entries, for silu-mul 2K ([gate | up]); `gamma` K for rms-norm. */
export interface PrologueInput {
  readonly values: Float64Array;
  readonly gamma?: Float64Array;
  readonly roundings: PrologueRoundings;
}

/** The prologue in float64, and the interval its FP32 evaluation may round to. */
export function runPrologue(prologue: Prologue, input: PrologueInput, float: NarrowFloat): RowInterval {
  if (prologue.op === 'none') return { low: input.values, high: input.values };
  if (prologue.op === 'rms-norm') return rmsNorm(input, prologue.eps, float);
  if (prologue.op === 'silu-mul') return siluMul(input, float);
  return unreachable(prologue);
}

function rmsNorm(
  { values, gamma: weights, roundings }: PrologueInput,
  eps: number,
  float: NarrowFloat,
): RowInterval {
  let sum = 0;
  for (const value of values) sum += value * value;
  const factor = 1 / Math.sqrt(sum / values.length + Math.fround(eps));
  const relative = gamma(roundings.norm);
  const row = makeInterval(values.length);
  for (let i = 0; i < values.length; i++) {
    const exact = (values[i] ?? 0) * factor * (weights?.[i] ?? 1);
    setInterval(row, i, exact, Math.abs(exact) * relative + underflow, float);
  }
  return row;
}

function siluMul({ values, roundings }: PrologueInput, float: NarrowFloat): RowInterval {
  const columns = values.length / 2;
  const row = makeInterval(columns);
  for (let i = 0; i < columns; i++) {
    const gate = values[i] ?? 0;
    const e = Math.exp(-gate);
    const exact = (gate / (1 + e)) * (values[columns + i] ?? 0);
    const relative = e < siluDenominatorLimit ? gamma(roundings.silu(gate)) : 1;
    setInterval(row, i, exact, Math.abs(exact) * relative + underflow, float);
  }
  return row;
}

function makeInterval(columns: number): RowInterval {
  return { low: new Float64Array(columns), high: new Float64Array(columns) };
}

/** Rounding is monotone: whatever FP32 value lies within `error` of `exact` rounds between the ends' roundings. */
function setInterval(row: RowInterval, i: number, exact: number, error: number, float: NarrowFloat): void {
  const finite = Number.isFinite(exact);
  row.low[i] = float.round(finite ? exact - error : exact);
  row.high[i] = float.round(finite ? exact + error : exact);
}
