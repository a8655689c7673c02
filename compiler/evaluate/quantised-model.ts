import type { Block, Graph, NodeId, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { layerName, repetitions } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { evaluateNode } from '../reference/float-model/evaluate-node.ts';
import { isRowWise, pickRows } from '../reference/float-model/float-model.ts';
import { type Matrix, makeMatrix } from '../reference/float-model/matrix.ts';
import { type MultiplyWeights, multiplyWeights } from '../reference/float-model/multiply-weights.ts';
import type { Session } from '../reference/float-model/session.ts';
import {
  catchNodeFault,
  type ForwardRun,
  NodeFault,
  surroundRepetition,
  unwrap,
} from '../reference/float-model/surround-repetition.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { assert } from '../support/assert.ts';
import { type Result, succeed } from '../support/result.ts';
import { type LinearOperands, outlierColumnsOf, readOperands } from './linear-operands.ts';
import type { QuantisedWeights } from './quantised-weights.ts';
import type { SiteRunner } from './site-runner.ts';

/** A model whose linears are quantised, as a 16-bit runtime with quikc's kernels computes it. */
export interface QuantisedModel {
  /** Logits as the float model's `forward` gives them. Faults are those of reading weights. */
  forward(
    ids: readonly number[],
    session: Session,
    wanted?: readonly number[],
  ): Promise<Result<Matrix, Diagnostic>>;
}

export interface QuantisedModelOptions {
  /** Of the head and other linears that stay in 16 bit; a pool's, where there is one. */
  readonly multiply?: MultiplyWeights;
}

/**
 * `graph` has been through the passes. Sites are the runner's; every other node is the host's, in float64 on 16-bit values,
 * and its result is rounded to 16 bit, as a runtime stores it. Logits alone are left as they are.
 */
export function createQuantisedModel<Rows>(
  graph: Graph,
  weights: QuantisedWeights,
  runner: SiteRunner<Rows>,
  { multiply = multiplyWeights }: QuantisedModelOptions = {},
): QuantisedModel {
  const known = new Map<string, LinearOperands>();
  const operandsOf = (block: Block, layer: number, node: QuikLinearNode): LinearOperands => {
    const name = `${block.name} ${layer} ${node.id}`;
    const kept = known.get(name) ?? unwrap(readOperands(weights, block, layer, node));
    known.set(name, kept);
    return kept;
  };
  const columnsOf = (block: Block, layer: number, node: QuantizeNode): Int32Array => {
    const columns = outlierColumnsOf(node, block, layer);
    if (columns !== undefined) return columns;
    const message = `${layerName(block, node.id.replace(/\.quantize$/, ''), layer)} keeps ${node.outliers} outlier columns, and the model does not list them`;
    throw new NodeFault(diagnose('QK190', { message }));
  };
  const last = graph.blocks.at(-1);
  const round = roundMatrix(graph);

  async function evaluateBlock(block: Block, input: Matrix, run: ForwardRun<Diagnostic>): Promise<Matrix> {
    let carried = input;
    const first = block.repeat?.first ?? 0;
    for (let layer = first; layer < first + repetitions(block); layer++) {
      const { values, around } = surroundRepetition(block, layer, carried, run);
      const quantised = new Map<NodeId, Rows>();
      for (const node of block.nodes.slice(1)) {
        if (node.op === 'quantize') {
          const gamma = around.weightOf(node.prologueWeight);
          const operands = { outlierColumns: columnsOf(block, layer, node), ...(gamma && { gamma }) };
          const x = around.rowsOf(node.input);
          quantised.set(node.id, await runner.quantize({ block, layer, node }, x, operands));
        } else if (node.op === 'quik-linear') {
          const rows = quantised.get(node.input);
          assert(rows !== undefined, `${node.id} comes after its quantize`);
          const residual = node.residual === undefined ? undefined : around.rowsOf(node.residual);
          const operands = operandsOf(block, layer, node);
          values.set(node.id, await runner.linear({ block, layer, node }, rows, operands, residual));
        } else {
          const value = evaluateNode(node, around);
          const isLogits = block === last && node.id === block.output;
          values.set(node.id, isLogits ? value : round(value));
        }
      }
      carried = around.rowsOf(block.output);
    }
    return carried;
  }

  return {
    async forward(ids, session, wanted) {
      let value = makeMatrix(ids.length, 1);
      value.data.set(ids);
      try {
        for (const block of graph.blocks) {
          if (wanted !== undefined && block === last && isRowWise(block)) value = pickRows(value, wanted);
          value = await evaluateBlock(block, value, { session, read: weights.read, multiply });
        }
      } catch (cause) {
        return catchNodeFault(cause);
      }
      session.tokens += ids.length;
      const whole = wanted !== undefined && value.rows !== wanted.length;
      return succeed(whole ? pickRows(value, wanted) : value);
    },
  };
}

/** Rounds in place what was just made: no node's result is another's memory. */
function roundMatrix({ dtype }: Graph): (value: Matrix) => Matrix {
  const { round } = narrowFloat(dtype);
  return (value) => {
    const { data } = value;
    for (let i = 0; i < data.length; i++) data[i] = round(data[i] ?? 0);
    return value;
  };
}
