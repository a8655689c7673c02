import { describe, expect, it } from 'vitest';
import type { CtaIndex, VerificationCase } from '../../../compiler/families/family.ts';
import { quantizeContract } from '../../../compiler/families/quantize/cuda/contract.ts';
import { quantize } from '../../../compiler/families/quantize/cuda/index.ts';
import { paddedBase, paddedOutliers } from '../../../compiler/reference/layouts.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { packCodes } from '../../../compiler/reference/pack-codes.ts';
import { quantiseRow } from '../../../compiler/reference/quantise-row.ts';
import { evaluate } from '../../../ir/formula.ts';
import type { SpecOf } from '../../../ir/kernel-spec.ts';
import type { QuantizeProblem } from '../../../ir/problem.ts';

const problem: QuantizeProblem = {
  family: 'quantize',
  target: 'sm80',
  k: 200,
  outliers: 24,
  bits: 4,
  dtype: 'f16',
  columns: 'compact',
  prologue: { op: 'none' },
};
const specOf = (over: Partial<QuantizeProblem> = {}): SpecOf<'quantize', 'cuda'> => ({
  family: 'quantize',
  problem: { ...problem, ...over },
  schedule: { kind: 'row', threads: 64, ctasPerSm: 8 },
});
const m = 27;

interface Faults {
  readonly codeOff?: boolean;
  readonly outlierInRange?: boolean;
  readonly floorCodes?: boolean;
  readonly noSiluRounding?: boolean;
  readonly dirtyPadding?: boolean;
  readonly wrongOrder?: boolean;
  readonly scaleUp?: number;
  readonly ignoreNan?: boolean;
}

/** A quantize kernel in plain FP32: sums forwards or backwards, exact square root. */
function runStandIn(
  spec: SpecOf<'quantize', 'cuda'>,
  test: VerificationCase,
  faults: Faults = {},
  backwards = false,
) {
  const { k, outliers, bits, dtype, columns, prologue } = spec.problem;
  const fl = Math.fround;
  const memory = new Map(
    test.buffers.map((buffer) => {
      const bytes = new Uint8Array(buffer.bytes);
      for (let at = 0; at < bytes.length; at += 32)
        buffer.fill?.(at, bytes.subarray(at, Math.min(at + 32, bytes.length)));
      return [buffer.argument, bytes] as const;
    }),
  );
  const float = narrowFloat(dtype);
  const half = (name: string, i: number) =>
    float.decode(memory.get(name)![2 * i]! | (memory.get(name)![2 * i + 1]! << 8));
  const view = new DataView((memory.get('outlier_columns') ?? new Uint8Array(0)).buffer);
  const outlierList = Array.from({ length: outliers }, (_, f) => view.getInt32(4 * f, true));
  const isOutlier = new Set(outlierList);
  const base = Array.from({ length: k }, (_, c) => c).filter((c) => !isOutlier.has(c));
  const width = prologue.op === 'silu-mul' ? 2 * k : k;
  for (let row = 0; row < m; row++) {
    const at = row * width;
    let sum = 0;
    for (let i = 0; i < k; i++) {
      const v = half('x', at + (backwards ? k - 1 - i : i));
      sum = fl(sum + fl(v * v));
    }
    const eps = prologue.op === 'rms-norm' ? prologue.eps : 0;
    const factor = fl(1 / Math.sqrt(fl(fl(sum / k) + fl(eps))));
    const silu = (g: number) => fl(g / fl(1 + fl(2 ** fl(-g * fl(Math.LOG2E)))));
    const x = Array.from({ length: k }, (_, c) => {
      const v = half('x', at + c);
      if (prologue.op === 'none') return v;
      if (prologue.op === 'rms-norm') return float.round(fl(fl(v * factor) * half('gamma', c)));
      return float.round(fl((faults.noSiluRounding ? v : silu(v)) * half('x', at + k + c)));
    });
    const kept = base.map((c) => x[c]!);
    const ranged = faults.outlierInRange ? [...kept, ...outlierList.map((c) => x[c]!)] : kept;
    const q = quantiseRow(ranged, bits);
    if (faults.ignoreNan && Number.isNaN(q.scale)) Object.assign(q, { scale: 1, zero: 0 });
    const codes = q.codes.slice(0, kept.length);
    if (faults.codeOff) codes[7] = codes[7] === 0 ? 1 : 0;
    if (faults.floorCodes) {
      for (const [i, v] of kept.entries()) codes[i] = Math.floor((v - q.zero) / q.scale) - 2 ** (bits - 1);
    }
    if (faults.wrongOrder) codes.reverse();
    const stored = columns === 'compact' ? codes : new Int8Array(k).fill(3);
    if (columns === 'in-place') for (const [i, c] of base.entries()) stored[c] = codes[i]!;
    const padded = paddedBase(stored.length, bits);
    const packed = packCodes(stored, padded, bits);
    if (faults.dirtyPadding) packed[packed.length - 1] = 1;
    memory.get('codes')!.set(packed, row * packed.length);
    const meta = new DataView(memory.get('row_meta')!.buffer);
    meta.setFloat32(8 * row, fl(q.scale * (faults.scaleUp ?? 1)), true);
    meta.setFloat32(8 * row + 4, q.zero, true);
    const out = memory.get('outlier_rows');
    for (let f = 0; out && f < paddedOutliers(outliers); f++) {
      const place = 2 * (row * paddedOutliers(outliers) + f);
      const word = f < outliers ? float.encode(x[outlierList[f]!]!) : 0;
      out[place] = word & 255;
      out[place + 1] = word >> 8;
    }
  }
  return (argument: string, offset: number, length: number) =>
    memory.get(argument)!.subarray(offset, offset + length);
}

const all: CtaIndex[] = Array.from({ length: m }, (_, x) => [x, 0, 0]);
const rms = { op: 'rms-norm', eps: 1e-5 } as const;

describe('quantizeCases', () => {
  it.each([
    ['none', specOf()],
    ['none, 8 bit, in-place', specOf({ bits: 8, columns: 'in-place' })],
    ['none, bf16', specOf({ dtype: 'bf16' })],
    ['no outliers', specOf({ outliers: 0 })],
    ['all outliers', specOf({ outliers: 200 })],
    ['rms-norm', specOf({ prologue: rms })],
    ['rms-norm, 8 bit', specOf({ prologue: rms, bits: 8 })],
    ['silu-mul', specOf({ prologue: { op: 'silu-mul' } })],
    ['silu-mul, 8 bit, bf16', specOf({ prologue: { op: 'silu-mul' }, bits: 8, dtype: 'bf16' })],
  ])('passes an FP32 stand-in: %s', (_, spec) => {
    for (const test of quantize.cases(spec, m, 11)) {
      for (const backwards of [false, true]) {
        const result = test.compare(runStandIn(spec, test, {}, backwards), all);
        expect(result.notes.slice(0, -1)).toEqual([]);
        expect(result.failures).toBe(0);
        expect(result.worst).toBeLessThanOrEqual(1);
      }
    }
  });

  it('matches the contract, buffer by buffer', () => {
    for (const spec of [
      specOf(),
      specOf({ prologue: rms, bits: 8 }),
      specOf({ outliers: 0, prologue: { op: 'silu-mul' } }),
    ]) {
      const expected = quantizeContract(spec)
        .arguments.filter((argument) => argument.kind === 'buffer')
        .map((argument) => [argument.name, evaluate(argument.bytes, m)]);
      for (const test of quantize.cases(spec, m, 11)) {
        expect(test.buffers.map(({ argument, bytes }) => [argument, bytes])).toEqual(expected);
      }
    }
  });

  it('leaves few codes undecided', () => {
    for (const spec of [
      specOf({ k: 4096, bits: 8 }),
      specOf({ k: 4096, prologue: rms }),
      specOf({ k: 4096, prologue: { op: 'silu-mul' } }),
    ]) {
      const test = quantize.cases(spec, m, 11)[0]!;
      const result = test.compare(runStandIn(spec, test), all);
      const undecided = Number(result.notes.at(-1)!.split(' ')[0]);
      expect(undecided / result.elements).toBeLessThan(0.05);
    }
  });

  it.each([
    ['a wrong code', {}, { codeOff: true }, /column \d+: code/],
    ['outliers counted in the range', {}, { outlierInRange: true }, /[sz] = /],
    ['truncation instead of rounding', {}, { floorCodes: true }, /code/],
    ['a wrong column order', {}, { wrongOrder: true }, /code/],
    ['padding not zero', {}, { dirtyPadding: true }, /padding code \d+ is 1/],
    ['a scale two ulps off', {}, { scaleUp: 1 + 2 ** -21 }, /s = /],
    ['a NaN row passed on as numbers', {}, { ignoreNan: true }, /must be NaN, got 1/],
    ['a missing activation function', { prologue: { op: 'silu-mul' } }, { noSiluRounding: true }, /./],
  ] as const)('catches %s', (_, over, faults, explanation) => {
    const spec = specOf(over);
    const results = quantize
      .cases(spec, m, 11)
      .map((test) => test.compare(runStandIn(spec, test, faults), all));
    expect(results.every((result) => result.failures > 0)).toBe(true);
    expect(results[0]!.notes.join('\n')).toMatch(explanation);
  });

  it('compares only the rows it is asked for', () => {
    const test = quantize.cases(specOf(), m, 11)[0]!;
    const result = test.compare(runStandIn(specOf(), test), [[3, 0, 0]]);
    expect(result.elements).toBe(176 + 2 + 24);
  });
});
