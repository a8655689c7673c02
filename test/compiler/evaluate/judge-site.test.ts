import { describe, expect, test } from 'vitest';
import type { EvaluatePool } from '../../../compiler/evaluate/evaluate-pool.ts';
import { noPool } from '../../../compiler/evaluate/evaluate-pool.ts';
import { judgeLinear, judgeRows } from '../../../compiler/evaluate/judge-site.ts';
import { runOracleJob } from '../../../compiler/evaluate/oracle-job.ts';
import { multiplyCodes, quantiseRows, runPrologues } from '../../../compiler/evaluate/oracle-runner.ts';
import { bytesOfValues, readRows } from '../../../compiler/evaluate/row-bytes.ts';
import type { QuantisedRows } from '../../../compiler/evaluate/site-runner.ts';
import { cudaFamilies } from '../../../compiler/families/index.ts';
import { type Matrix, makeMatrix } from '../../../compiler/reference/float-model/matrix.ts';
import { codesRowStride, outlierRowStride, paddedBase } from '../../../compiler/reference/layouts.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { baseColumnsOf } from '../../../compiler/reference/outlier-columns.ts';
import { packCodes } from '../../../compiler/reference/pack-codes.ts';
import { quantiseLinear } from '../../../compiler/reference/quantise-linear.ts';
import { random32, streamKey } from '../../../compiler/reference/random.ts';
import { makeSharedRoom } from '../../../compiler/support/shared-room.ts';
import { nodeId, type QuantizeNode } from '../../../ir/graph.ts';
import type { ManifestKernel } from '../../../ir/manifest.ts';
import type { LinearProblem, QuantizeProblem } from '../../../ir/problem.ts';
import { sm80 } from '../../../targets/sm80.ts';

const [rows, n, k] = [5, 21, 70];
const float = narrowFloat('f16');
const outlierColumns = Int32Array.of(3, 40, 69);
const shared = { target: 'sm80', k, outliers: 3, dtype: 'f16', columns: 'compact' } as const;
const quantizeProblem: QuantizeProblem = {
  ...{ ...shared, family: 'quantize', bits: 4, prologue: { op: 'rms-norm', eps: 1e-5 } },
};
const linearProblem: LinearProblem = {
  ...{ ...shared, family: 'linear', n, weightBits: 4, activationBits: 4, epilogue: [{ op: 'residual' }] },
};
const node: QuantizeNode = {
  ...{ op: 'quantize', id: nodeId('q'), origin: '', input: nodeId('x'), k, bits: 4, outliers: 3 },
  ...{ prologue: quantizeProblem.prologue, outlierColumns: { kind: 'placeholder' as const } },
  columns: { mode: 'compact', reason: '' },
};

function noise(stream: number, length: number): Float32Array {
  const key = streamKey(11, stream);
  return Float32Array.from({ length }, (_, i) => float.round(random32(key, i) / 2 ** 30 - 2));
}

function matrix(stream: number, columns: number): Matrix {
  return { ...makeMatrix(rows, columns), data: Float64Array.from(noise(stream, rows * columns)) };
}

/** A kernel of a problem, as far as judging asks: its spec, whose schedule says how it rounds. */
function kernelOf(problem: QuantizeProblem | LinearProblem): ManifestKernel {
  const family = cudaFamilies[problem.family] as typeof cudaFamilies.linear;
  const [schedule] = family.enumerate(problem as LinearProblem, sm80);
  return { spec: { family: problem.family, problem, schedule }, resources: { dialect: 'cuda' } } as never;
}

const x = matrix(1, k);
const operands = { gamma: noise(2, k), outlierColumns };
const made = quantiseRows(node, runPrologues(node, x, operands.gamma, float), outlierColumns);
const linear = {
  weights: quantiseLinear({ n, k, weights: noise(3, n * k), outlierColumns }, { bits: 4, dtype: 'f16' }),
  bias: noise(4, n),
};
const residual = matrix(5, n);
const y = multiplyCodes('f16', noPool, made, linear, residual);

/** Rows as a kernel would have written them. */
function toBytes({ codes, meta, outliers }: QuantisedRows) {
  const base = baseColumnsOf(k, outlierColumns);
  const stride = codesRowStride(base.length, 4);
  const all = new Uint8Array(rows * stride);
  const kept = new Uint8Array(rows * outlierRowStride(3));
  for (let row = 0; row < rows; row++) {
    const line = base.map((column) => codes[row * k + column]!);
    all.set(packCodes(line, paddedBase(base.length, 4), 4), row * stride);
    kept.set(bytesOfValues(outliers.subarray(3 * row, 3 * row + 3), float), row * outlierRowStride(3));
  }
  const rowMeta = new Uint8Array(Float32Array.from(meta).buffer);
  return { rows, node, outlierColumns, codes: all, rowMeta, outlierRows: kept };
}

test('rows as kernels write them are read back', () => {
  expect(readRows(toBytes(made), float)).toEqual(made);
});

describe('the oracle is within the bounds of kernels, and what is wrong is not', () => {
  const faultsOf = (change: (rows: ReturnType<typeof toBytes>) => void) => {
    const bytes = toBytes(made);
    change(bytes);
    return judgeRows(kernelOf(quantizeProblem), x, operands, bytes);
  };
  test('rows', () => {
    const right = faultsOf(() => {});
    expect(right).toMatchObject({ failures: 0 });
    expect(right.elements).toBe(rows * (k - 3) + 2 * rows + 3 * rows);
    expect(faultsOf(({ codes }) => codes.fill(codes[0]! ^ 2, 0, 1)).failures).toBe(1);
    expect(faultsOf(({ rowMeta }) => rowMeta.set([0], 3)).failures).toBeGreaterThan(0);
    expect(faultsOf(({ outlierRows }) => outlierRows.set([outlierRows[0]! ^ 1], 0)).failures).toBe(1);
  });

  const judge = (change: Partial<typeof linear>, result = y) =>
    judgeLinear(kernelOf(linearProblem), made, { ...linear, ...change }, residual, result);
  test('y', () => {
    expect(judge({})).toMatchObject({ failures: 0, elements: rows * n });
    const wrong = {
      ...y,
      data: y.data.map((value, i) => (i === 7 ? float.round(value * 1.01 + 0.1) : value)),
    };
    expect(judge({}, wrong).failures).toBe(1);
    expect(judge({ bias: new Float32Array(n) }).failures).toBeGreaterThan(rows * n * 0.9);
    const { weights } = linear;
    expect(judge({ weights: { ...weights, reduced: new Float32Array(n) } }).failures).toBeGreaterThan(
      rows * n * 0.9,
    );
  });
});

test('channels shared among threads are the same channels', () => {
  const ran: number[] = [];
  const pool: Pick<EvaluatePool, 'threads' | 'runOracle' | 'room'> = {
    threads: 4,
    room: makeSharedRoom(),
    runOracle: (jobs) =>
      jobs.forEach((job) => {
        ran.push(job.to - job.from);
        runOracleJob(job);
      }),
  };
  expect(multiplyCodes('f16', pool, made, linear, residual)).toEqual(y);
  expect(ran).toEqual([6, 6, 6, 3]);
});
