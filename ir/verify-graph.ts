import type { Block, Graph, GraphNode, NodeId } from './graph.ts';
import { inputsOf, nodesById } from './visit.ts';

/**
 * What is wrong with a graph, as sentences; empty when it is sound. A finding is a fault of quikc, not of the
 * model: passes report the model's own faults before they hand a graph on.
 */
export function verifyGraph(graph: Graph): readonly string[] {
  const names = new Set<string>();
  const findings: string[] = [];
  for (const block of graph.blocks) {
    if (names.has(block.name)) findings.push(`block ${block.name} appears twice`);
    names.add(block.name);
    findings.push(...verifyBlock(block).map((finding) => `block ${block.name}: ${finding}`));
  }
  return findings;
}

function verifyBlock(block: Block): readonly string[] {
  const findings: string[] = [];
  const seen = new Set<NodeId>();
  const byId = nodesById(block);
  block.nodes.forEach((node, position) => {
    if ((node.op === 'input') !== (position === 0))
      findings.push(`%${node.id}: the first node alone is the input`);
    if (seen.has(node.id)) findings.push(`%${node.id} is defined twice`);
    for (const id of inputsOf(node)) {
      if (!seen.has(id)) findings.push(`%${node.id} reads %${id} before it is defined`);
    }
    seen.add(node.id);
    findings.push(...verifyNode(node, byId));
  });
  if (!seen.has(block.output)) findings.push(`returns %${block.output}, which no node defines`);
  if (block.repeat !== undefined && (block.repeat.count < 1 || block.repeat.first < 0)) {
    findings.push(`repeats ${block.repeat.count} times from ${block.repeat.first}`);
  }
  return findings;
}

function verifyNode(node: GraphNode, byId: ReadonlyMap<NodeId, GraphNode>): readonly string[] {
  const findings: string[] = [];
  const producer = (id: NodeId) => byId.get(id);
  if (node.op === 'quik-linear') {
    const source = producer(node.input);
    if (source?.op !== 'quantize') findings.push('reads a value that no quantize made');
    else {
      if (source.k !== node.k) findings.push(`has k=${node.k}, its quantize k=${source.k}`);
      if (source.outliers !== node.scheme.outliers?.count)
        findings.push('and its quantize differ in outliers');
      if (source.columns?.mode !== node.columns?.mode)
        findings.push('and its quantize differ in column mode');
    }
  } else if (inputsOf(node).some((id) => producer(id)?.op === 'quantize')) {
    findings.push('reads quantised rows, which only quik-linear can');
  }
  if (node.op === 'linear' || node.op === 'quik-linear') {
    if (node.parts.length === 0) findings.push('has no parts');
    const outliers = node.scheme.outliers;
    if (outliers !== undefined && (outliers.count < 0 || outliers.count > node.k)) {
      findings.push(`keeps ${outliers.count} outliers of ${node.k} columns`);
    }
    if (outliers?.columns.kind === 'listed') {
      for (const list of outliers.columns.lists) {
        const ascending = list.every((column, index) => index === 0 || column > (list[index - 1] ?? -1));
        if (!ascending || list.length !== outliers.count)
          findings.push('has an unsorted or wrongly sized column list');
      }
    }
  }
  if (node.op === 'slice') {
    const features = producer(node.input)?.output?.features;
    if (features !== undefined && node.offset + node.features > features)
      findings.push('reaches beyond its input');
  }
  return findings.map((finding) => `%${node.id} ${finding}`);
}
