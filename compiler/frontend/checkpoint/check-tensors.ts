import type { Block, Graph, GraphNode, LinearPart, WeightReference } from '../../../ir/graph.ts';
import { repetitions } from '../../../ir/graph.ts';
import type { StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';

/** Faults that are worth telling: a model of another size differs in every layer. */
const mostFaults = 10;

/**
 * Holds the tensors of a checkpoint against what the nodes of its graph read: QK157 for one that is missing, QK164 for
 * one of another shape, and one warning QK166 for those that no node reads. Wants a graph whose shapes are inferred.
 */
export function checkTensors(
  graph: Graph,
  tensors: ReadonlyMap<string, StoredTensor>,
  place: string,
): readonly Diagnostic[] {
  const faults: Diagnostic[] = [];
  const read = new Set<string>();
  for (const block of graph.blocks) {
    for (const { weight, shape } of block.nodes.flatMap(weightsOf)) {
      for (const name of namesOf(block, weight)) {
        read.add(name);
        const fault = checkTensor(name, shape, tensors, place);
        if (fault !== undefined && faults.length < mostFaults) faults.push(fault);
      }
    }
  }
  return faults.length > 0 ? faults : warnOfUnread([...tensors.keys()], read, place);
}

interface Wanted {
  readonly weight: WeightReference;
  readonly shape: readonly number[];
}

function weightsOf(node: GraphNode): readonly Wanted[] {
  const one = (weight: WeightReference | undefined, ...shape: readonly number[]) =>
    weight === undefined ? [] : [{ weight, shape: storedShape(weight, shape) }];
  switch (node.op) {
    case 'embedding':
      return one(node.weight, node.vocab, node.features);
    case 'linear':
    case 'quik-linear':
      return node.parts.flatMap((part: LinearPart) => [
        ...one(part.weight, part.n, node.k),
        ...one(part.bias, part.n),
      ]);
    case 'rms-norm':
      return one(node.weight, node.output?.features ?? 0);
    case 'position-embedding':
      return one(node.weight, node.positions, node.output?.features ?? 0);
    case 'layer-norm': {
      const features = node.output?.features ?? 0;
      return [...one(node.weight, features), ...one(node.bias, features)];
    }
    case 'head-norm':
      return one(node.weight, node.headDim);
    case 'rope':
      return node.scaling?.kind === 'divisors' ? one(node.scaling.weight, node.headDim / 2) : [];
    case 'quantize':
      return one(node.prologueWeight, node.k);
    default:
      return [];
  }
}

/** Of a tensor that the weight is only a part of, the whole. */
function storedShape({ rows }: WeightReference, shape: readonly number[]): readonly number[] {
  if (rows?.order !== 'grouped') return shape;
  const [n = 0, ...rest] = shape;
  return [(n / rows.count) * rows.period, ...rest];
}

function namesOf(block: Block, { tensor }: WeightReference): readonly string[] {
  if (!tensor.includes('{layer}')) return [tensor];
  const first = block.repeat?.first ?? 0;
  return Array.from({ length: repetitions(block) }, (_, index) =>
    tensor.replaceAll('{layer}', `${first + index}`),
  );
}

function checkTensor(
  name: string,
  shape: readonly number[],
  tensors: ReadonlyMap<string, StoredTensor>,
  place: string,
): Diagnostic | undefined {
  const tensor = tensors.get(name);
  if (tensor === undefined)
    return diagnose('QK157', { file: place, message: `there is no tensor ${quoteText(name)}` });
  if (shape.join() === tensor.shape.join()) return undefined;
  const message = `${quoteText(name)} has the shape [${tensor.shape.join(', ')}]`;
  return diagnose('QK164', { file: tensor.source.file, message, expected: `[${shape.join(', ')}]` });
}

/** Buffers that older versions of transformers saved, and heads that are tied and stored all the same. */
const harmless = /(?:^|\.)(?:rotary_emb\.inv_freq|masked_bias|lm_head\.weight)$/;

function warnOfUnread(
  names: readonly string[],
  read: ReadonlySet<string>,
  place: string,
): readonly Diagnostic[] {
  const unread = names.filter((name) => !read.has(name) && !harmless.test(name));
  const [first] = unread;
  if (first === undefined) return [];
  const others = unread.length === 1 ? '' : ` and ${unread.length - 1} more`;
  const message = `no node reads ${quoteText(first)}${others}`;
  return [diagnose('QK166', { file: place, message })];
}
