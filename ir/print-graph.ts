import type {
  Block,
  BufferLife,
  Graph,
  GraphNode,
  LinearNode,
  QuikLinearNode,
  RopeScaling,
  TokenRange,
} from './graph.ts';
import { outputChannels } from './graph.ts';
import type { Prologue } from './problem.ts';
import type { OutlierColumns, OutlierRule, Scheme, SparsityPattern } from './quant-scheme.ts';
import { schemeName } from './quant-scheme.ts';

/** The graph as text: one line a node, the same text for the same graph. What `--dump` writes. */
export function printGraph(graph: Graph): string {
  return `graph ${graph.name} ${graph.dtype}\n${graph.blocks.map(printBlock).join('')}`;
}

function printBlock(block: Block): string {
  const repeat = block.repeat === undefined ? '' : ` x${block.repeat.count} from ${block.repeat.first}`;
  const lines = block.nodes.map((node) => `  ${printNode(node)}`);
  const buffers = (block.buffers ?? []).map((buffer) => `  ${printBuffer(buffer)}`);
  return [
    `\nblock ${block.name}${repeat}  @${block.origin}`,
    ...lines,
    `  return %${block.output}`,
    ...buffers,
    '',
  ].join('\n');
}

function printNode(node: GraphNode): string {
  const type = node.output === undefined ? '' : ` : ${node.output.dtype}[M, ${node.output.features}]`;
  return `%${node.id} = ${node.op} ${describe(node)}${type}  @${node.origin}`;
}

function describe(node: GraphNode): string {
  switch (node.op) {
    case 'input':
      return node.type === undefined ? 'carried' : `${node.type.dtype} ${node.type.features}`;
    case 'embedding':
      return `%${node.input} vocab=${node.vocab} features=${node.features}`;
    case 'linear':
      return `%${node.input} ${describeLinear(node)}${describeRequest(node)}`;
    case 'quik-linear':
      return `%${node.input}${node.residual === undefined ? '' : ` + %${node.residual}`} ${describeLinear(node)}`;
    case 'position-embedding':
      return `%${node.input} positions=${node.positions} offset=${node.offset}`;
    case 'rms-norm':
    case 'layer-norm':
      return `%${node.input} eps=${node.eps}`;
    case 'head-norm':
      return `%${node.input} headDim=${node.headDim} eps=${node.eps}`;
    case 'rope':
      return `%${node.input} headDim=${node.headDim} theta=${node.theta}${printScaling(node.scaling)}`;
    case 'attention': {
      const window = node.window === undefined ? '' : ` window=${node.window}`;
      return `%${node.q} %${node.k} %${node.v} heads=${node.heads} kvHeads=${node.kvHeads} headDim=${node.headDim}${window}`;
    }
    case 'activation':
      return `${node.kind} %${node.input}`;
    case 'gated-activation':
      return `${node.kind} gate=%${node.gate} up=%${node.up}`;
    case 'add':
      return `%${node.a} %${node.b}`;
    case 'slice':
      return `%${node.input} [${node.offset}, ${node.offset + node.features})`;
    case 'quantize':
      return [
        `%${node.input} prologue=${printPrologue(node.prologue)} bits=${node.bits} k=${node.k} F=${node.outliers}`,
        ...(node.outliers > 0 ? [printColumns(node.outlierColumns)] : []),
        ...(node.columns === undefined ? [] : [node.columns.mode]),
      ].join(' ');
  }
}

function describeLinear(node: LinearNode | QuikLinearNode): string {
  const columns = node.op === 'quik-linear' ? node.columns?.mode : undefined;
  return [
    `n=${outputChannels(node)} k=${node.k}`,
    ...(node.parts.length > 1 ? [`parts=[${node.parts.map((part) => part.name).join('; ')}]`] : []),
    ...(node.hasBias ? ['bias'] : []),
    printScheme(node.scheme),
    ...(columns === undefined ? [] : [columns]),
    `tokens=${printTokens(node.tokens)}`,
  ].join(' ');
}

function describeRequest(node: LinearNode): string {
  const { request, scheme } = node;
  const outliers =
    scheme.outliers === undefined
      ? ` outliers=${printRule(request.outlierRule)} ${printColumns(request.columns)}`
      : '';
  const sparsity = scheme.sparsity === undefined ? ` sparsity=${printSparsity(request.sparsity)}` : '';
  return `${outliers}${sparsity}`;
}

function printScheme(scheme: Scheme): string {
  const outliers = scheme.outliers === undefined ? '' : ` F=${scheme.outliers.count}`;
  const sparsity = scheme.sparsity === undefined ? '' : ` ${printSparsity(scheme.sparsity)}`;
  return `${schemeName(scheme)}${outliers}${sparsity}`;
}

export function printSparsity(sparsity: SparsityPattern): string {
  return sparsity.pattern === 'unstructured' ? `unstructured(${sparsity.density})` : sparsity.pattern;
}

function printTokens(tokens: TokenRange): string {
  return `${tokens.min}..${tokens.max ?? ''}`;
}

function printScaling(scaling: RopeScaling | undefined): string {
  if (scaling === undefined) return '';
  const { kind, ...fields } = scaling;
  const numbers = Object.values(fields).filter((value) => typeof value === 'number');
  return ` scaling=${kind}(${numbers.join(', ')})`;
}

function printPrologue(prologue: Prologue): string {
  return prologue.op === 'rms-norm' ? `rms-norm(${prologue.eps})` : prologue.op;
}

function printRule(rule: OutlierRule): string {
  return rule.rule === 'uniform' ? `${rule.count}` : `${rule.count}*k/${rule.hidden}`;
}

function printColumns(columns: OutlierColumns): string {
  return columns.kind === 'placeholder'
    ? 'placeholder'
    : `listed(${columns.lists.length}x${columns.lists[0]?.length ?? 0})`;
}

function printBuffer(buffer: BufferLife): string {
  const life = `${buffer.from}..${buffer.to}`;
  return `buffer %${buffer.value}.${buffer.part} ${buffer.bytesPerToken} B/token slot=${buffer.slot} live=${life}`;
}
