import type { Block, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';
import type { LinearOperands } from './linear-operands.ts';

/** A node in a repetition of its block. */
export interface Place<Node> {
  readonly block: Block;
  readonly layer: number;
  readonly node: Node;
}

/** What a quantize reads beside its rows. */
export interface QuantizeOperands {
  /** [K], of an RMS norm. */
  readonly gamma?: Float32Array;
  /** [F] ascending. */
  readonly outlierColumns: Int32Array;
}

/** The result of a quantize in numbers. */
export interface QuantisedRows {
  readonly rows: number;
  readonly k: number;
  /** [M, K] in the natural order of columns, 0 at outlier columns. */
  readonly codes: Int8Array;
  /** [M, 2]: scale and minimum of each row. */
  readonly meta: Float64Array;
  /** [M, F] */
  readonly outliers: Float64Array;
}

/**
 * What computes the sites of a model: quantize, then the linears that share its result. Rows are values of the model's 16-bit
 * format, and so is what comes back. `Rows` is what stands between the two, wherever it lies.
 */
export interface SiteRunner<Rows> {
  quantize(place: Place<QuantizeNode>, x: Matrix, operands: QuantizeOperands): Promise<Rows>;
  linear(
    place: Place<QuikLinearNode>,
    rows: Rows,
    operands: LinearOperands,
    residual: Matrix | undefined,
  ): Promise<Matrix>;
  /** What a quantize came to, in numbers. */
  reveal(rows: Rows): QuantisedRows;
  close(): Promise<void>;
}
