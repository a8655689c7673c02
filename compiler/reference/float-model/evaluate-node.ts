import type { GraphNode, NodeId, WeightReference } from '../../../ir/graph.ts';
import { outputChannels } from '../../../ir/graph.ts';
import { assert, InternalError } from '../../support/assert.ts';
import { activations } from './activate.ts';
import { attend, type KeyValues } from './attend.ts';
import { type Matrix, makeMatrix, mapRows } from './matrix.ts';
import type { MultiplyWeights } from './multiply-weights.ts';
import { layerNormalise, rmsNormalise } from './normalise-rows.ts';
import { ropeFrequencies, turnHeads } from './turn-heads.ts';

/** What a node is evaluated in. */
export interface Surroundings {
  /** What an earlier node of the block, or the block's input, came to. */
  readonly rowsOf: (id: NodeId) => Matrix;
  /** A weight of this repetition, row-major; undefined where the model names none. */
  readonly weightOf: (reference: WeightReference | undefined) => Float32Array | undefined;
  readonly multiply: MultiplyWeights;
  /** Position of the first row. */
  readonly position: number;
  /** What an attention has seen before; filled by it. */
  readonly keyValues: (id: NodeId) => KeyValues;
}

/** A node of a graph as it was imported: quantisation is no part of this model. */
export function evaluateNode(node: GraphNode, around: Surroundings): Matrix {
  const { rowsOf, weightOf, position } = around;
  switch (node.op) {
    case 'input':
      return rowsOf(node.id);
    case 'embedding': {
      const table = weightOf(node.weight);
      assert(table !== undefined, `${node.id} has a weight`);
      return mapRows(rowsOf(node.input), node.features, ([id = -1], to) => {
        assert(Number.isInteger(id) && id >= 0 && id < node.vocab, `token ${id} is one of ${node.vocab}`);
        to.set(table.subarray(id * node.features, (id + 1) * node.features));
      });
    }
    case 'position-embedding': {
      const x = rowsOf(node.input);
      const table = weightOf(node.weight);
      assert(table !== undefined, `${node.id} has a weight`);
      assert(node.offset + position + x.rows <= node.positions, `${node.id} has so many positions`);
      return mapRows(x, x.columns, (from, to, row) => {
        const start = (node.offset + position + row) * x.columns;
        for (let i = 0; i < from.length; i++) to[i] = (from[i] ?? 0) + (table[start + i] ?? 0);
      });
    }
    case 'linear': {
      const x = rowsOf(node.input);
      const out = makeMatrix(x.rows, outputChannels(node));
      let offset = 0;
      for (const part of node.parts) {
        const weights = weightOf(part.weight);
        assert(weights?.length === part.n * node.k, `${part.name} has ${part.n} x ${node.k} weights`);
        around.multiply(x, weights, weightOf(part.bias), out, offset);
        offset += part.n;
      }
      return out;
    }
    case 'rms-norm': {
      const x = rowsOf(node.input);
      return rmsNormalise(x, x.columns, node.eps, weightOf(node.weight));
    }
    case 'head-norm':
      return rmsNormalise(rowsOf(node.input), node.headDim, node.eps, weightOf(node.weight));
    case 'layer-norm':
      return layerNormalise(rowsOf(node.input), node.eps, weightOf(node.weight), weightOf(node.bias));
    case 'rope': {
      const divisors = node.scaling?.kind === 'divisors' ? weightOf(node.scaling.weight) : undefined;
      const frequencies = ropeFrequencies(node.headDim, node.theta, node.scaling, divisors);
      const size = node.scaling?.kind === 'yarn' ? node.scaling.attentionFactor : 1;
      return turnHeads(rowsOf(node.input), node.headDim, frequencies, position, size);
    }
    case 'attention':
      return attend(node, rowsOf(node.q), rowsOf(node.k), rowsOf(node.v), around.keyValues(node.id));
    case 'activation': {
      const activate = activations[node.kind];
      const x = rowsOf(node.input);
      return { ...x, data: x.data.map(activate) };
    }
    case 'gated-activation': {
      const activate = activations[node.kind];
      const up = rowsOf(node.up);
      const gate = rowsOf(node.gate);
      return { ...gate, data: gate.data.map((value, index) => activate(value) * (up.data[index] ?? 0)) };
    }
    case 'add': {
      const b = rowsOf(node.b);
      const a = rowsOf(node.a);
      return { ...a, data: a.data.map((value, index) => value + (b.data[index] ?? 0)) };
    }
    case 'slice':
      return mapRows(rowsOf(node.input), node.features, (from, to) =>
        to.set(from.subarray(node.offset, node.offset + node.features)),
      );
    case 'quantize':
    case 'quik-linear':
      throw new InternalError(`${node.id} is no node of a graph as it was imported`);
  }
}
