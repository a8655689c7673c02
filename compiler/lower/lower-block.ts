import type { Block, BufferLife, GraphNode, NodeId, QuikLinearNode } from '../../ir/graph.ts';
import type { BufferIndex, HostOperand, PackedRows, PlannedBlock, ProblemHash, Step } from '../../ir/plan.ts';
import { inputsOf, nodesById } from '../../ir/visit.ts';
import { assert } from '../support/assert.ts';
import { describeHostOperation } from './describe-host-operation.ts';
import { bytesForTokens, carryOf, peakPerToken, planBlockBuffers } from './plan-memory.ts';

/** A block's nodes as launches and host operations on planned buffers. Slices become operands, not steps. */
export function lowerBlock(
  block: Block,
  siteOf: ReadonlyMap<NodeId, string>,
  problemOf: ReadonlyMap<NodeId, ProblemHash>,
): PlannedBlock {
  const lives = block.buffers ?? [];
  const byId = nodesById(block);
  const indices = new Map(lives.map(({ value, part }, index) => [`${part} ${value}`, index]));
  const indexOf = (value: NodeId, part: BufferLife['part']): BufferIndex => {
    const index = indices.get(`${part} ${value}`);
    assert(index !== undefined, `%${value} has a buffer for its ${part}`);
    return index;
  };
  /** Rows of a value, through the slices that lead to it. */
  const operand = (id: NodeId): HostOperand => {
    const node = byId.get(id);
    const features = node?.output?.features ?? 0;
    if (node?.op !== 'slice') return { buffer: indexOf(id, 'rows'), offset: 0, features };
    const source = operand(node.input);
    return { ...source, offset: source.offset + node.offset, features };
  };
  /** Kernels read whole rows only. */
  const wholeRows = (id: NodeId): BufferIndex => {
    assert(byId.get(id)?.op !== 'slice', `%${id} is read by a kernel, so it is not a slice`);
    return indexOf(id, 'rows');
  };

  const steps = block.nodes.flatMap((node): readonly Step[] => {
    switch (node.op) {
      case 'input':
      case 'slice':
        return [];
      case 'quantize':
        return [
          {
            kind: 'quantize',
            node: node.id,
            ...assigned(node.id),
            input: wholeRows(node.input),
            codes: indexOf(node.id, 'codes'),
            meta: indexOf(node.id, 'meta'),
            ...(node.outliers > 0 ? { outliers: indexOf(node.id, 'outliers') } : {}),
            ...(node.prologueWeight === undefined ? {} : { prologueWeight: node.prologueWeight }),
            outlierColumns: node.outlierColumns,
          },
        ];
      case 'quik-linear':
        return [
          {
            kind: 'linear',
            node: node.id,
            ...assigned(node.id),
            scheme: node.scheme,
            codes: indexOf(node.input, 'codes'),
            meta: indexOf(node.input, 'meta'),
            ...((node.scheme.outliers?.count ?? 0) > 0 ? { outliers: indexOf(node.input, 'outliers') } : {}),
            ...(node.residual === undefined ? {} : { residual: wholeRows(node.residual) }),
            output: indexOf(node.id, 'rows'),
            parts: packRows(node),
          },
        ];
      default:
        return [hostStep(node, inputsOf(node).map(operand), indexOf(node.id, 'rows'))];
    }
  });

  function assigned(id: NodeId): { readonly site: string; readonly problem: ProblemHash } {
    const [site, problem] = [siteOf.get(id), problemOf.get(id)];
    assert(site !== undefined && problem !== undefined, `%${id} belongs to a site`);
    return { site, problem };
  }

  const buffers = planBlockBuffers(lives);
  const input = indexOf(block.nodes[0]?.id ?? block.output, 'rows');
  const output = operand(block.output).buffer;
  return {
    name: block.name,
    prefix: block.prefix,
    origin: block.origin,
    ...(block.repeat === undefined ? {} : { repeat: block.repeat }),
    steps,
    buffers,
    input,
    output,
    carry: carryOf(block, buffers, input, output),
    peakBytes: bytesForTokens(peakPerToken(block)),
  };
}

function hostStep(node: GraphNode, reads: readonly HostOperand[], output: BufferIndex): Step {
  return { kind: 'host', node: node.id, op: node.op, reads, output, meaning: describeHostOperation(node) };
}

/** The parts of a merged linear, one below the other along N. */
function packRows(node: QuikLinearNode): readonly PackedRows[] {
  let firstRow = 0;
  return node.parts.map(({ name, origin, n, weight, bias }) => {
    const rows: PackedRows = {
      name,
      origin,
      firstRow,
      rows: n,
      ...(weight === undefined ? {} : { weight }),
      ...(bias === undefined ? {} : { bias }),
    };
    firstRow += n;
    return rows;
  });
}
