import type { NodeId, RowOrder, WeightReference } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { Draft, DraftBlock, DraftLinear, DraftNode } from './draft.ts';
import { draftAdd, draftLinear, type Part } from './draft-nodes.ts';
import type { ModelJson } from './model-schema.ts';
import type { FalconFacts } from './schema-facts.ts';
import { type Heads, settleHeads } from './settle-heads.ts';
import { type TensorNames, tensorNames } from './tensor-names.ts';
import { toRopeScaling } from './to-rope-scaling.ts';

interface Falcon extends Heads {
  readonly facts: FalconFacts;
  readonly ffn: number;
  readonly tensor: TensorNames;
}

const input = nodeId('input');

/**
 * Falcon: embedding, `layers` x (attention and MLP side by side, both added to the residual), norm, head. One norm serves both
 * (7B), or each has its own (the new decoder architecture). q, k and v are rows of one tensor, where the q heads that share a
 * KV head stand before its k and v.
 */
export function expandFalcon(model: ModelJson, facts: FalconFacts): Result<Draft, readonly Diagnostic[]> {
  const { heads, faults } = settleHeads(facts);
  if (faults.length > 0) return fail(faults);
  const ffn = facts.ffn ?? 4 * facts.hidden;
  const falcon: Falcon = { ...heads, facts, ffn, tensor: tensorNames(model) };
  return succeed({
    blocks: [embeddingBlock(falcon), decoderBlock(falcon), headBlock(falcon)],
    hidden: facts.hidden,
  });
}

function embeddingBlock({ facts, tensor }: Falcon): DraftBlock {
  const id = nodeId('word_embeddings');
  const origin = '/facts/vocab';
  const { vocab, hidden: features } = facts;
  const weight = tensor('word_embeddings', 'transformer.word_embeddings.weight');
  return {
    prefix: '',
    origin: '/facts',
    nodes: [
      { op: 'input', id: input, origin, type: { dtype: 'u32', features: 1 } },
      { op: 'embedding', id, origin, input, vocab, features, ...weight },
    ],
    output: id,
  };
}

function layerTensor(
  { tensor }: Falcon,
  node: string,
  stored: string,
  part: 'weight' | 'bias',
  rows?: RowOrder,
): WeightReference | undefined {
  const { weight } = tensor(
    part === 'weight' ? node : `${node}.bias`,
    `transformer.h.{layer}.${stored}.${part}`,
  );
  return weight === undefined || rows === undefined ? weight : { ...weight, rows };
}

function layerNorm(falcon: Falcon, name: string): DraftNode {
  const [weight, bias] = [layerTensor(falcon, name, name, 'weight'), layerTensor(falcon, name, name, 'bias')];
  const norm = { op: 'layer-norm' as const, id: nodeId(name), origin: '/facts/layerNormEps', input };
  return { ...norm, eps: falcon.facts.layerNormEps, ...(weight && { weight }), ...(bias && { bias }) };
}

interface Projection {
  readonly name: string;
  readonly from: NodeId;
  readonly k: number;
  readonly n: number;
  readonly fact: keyof FalconFacts;
  /** The tensor, where it has another name, and its rows. */
  readonly stored?: string;
  readonly rows?: RowOrder;
}

function layerLinear(
  falcon: Falcon,
  { name, from, k, n, fact, stored = name, rows }: Projection,
): DraftLinear {
  const weight = layerTensor(falcon, name, stored, 'weight', rows);
  const bias = layerTensor(falcon, name, stored, 'bias', rows);
  return draftLinear({
    name,
    from,
    k,
    n,
    origin: `/facts/${fact}`,
    hasBias: falcon.facts.bias,
    weight,
    bias,
  });
}

function decoderBlock(falcon: Falcon): DraftBlock {
  const { facts } = falcon;
  const norms =
    facts.norms === 1
      ? [layerNorm(falcon, 'input_layernorm')]
      : [layerNorm(falcon, 'ln_attn'), layerNorm(falcon, 'ln_mlp')];
  const [forAttention, forMlp = forAttention] = norms.map(({ id }) => id);
  const attention = attentionNodes(falcon, forAttention ?? input);
  const mlp = mlpNodes(falcon, forMlp ?? input);
  const first = draftAdd('attention_residual', input, attention.output, '/facts/hidden');
  const second = draftAdd('mlp_residual', first.id, mlp.output, '/facts/hidden');
  return {
    prefix: 'h',
    origin: '/facts/layers',
    repeat: facts.layers,
    nodes: [
      { op: 'input', id: input, origin: '/facts/hidden' },
      ...[...norms, ...attention.nodes, first, ...mlp.nodes, second],
    ],
    output: second.id,
  };
}

function attentionNodes(falcon: Falcon, from: NodeId): Part {
  const { facts, kvHeads, headDim } = falcon;
  const { hidden, heads } = facts;
  const shared = (heads / kvHeads) * headDim;
  const period = shared + 2 * headDim;
  const part = (name: string, n: number, first: number, count: number, fact: keyof FalconFacts) =>
    layerLinear(falcon, {
      ...{ name: `self_attention.${name}_proj`, from, k: hidden, n, fact },
      stored: 'self_attention.query_key_value',
      rows: { order: 'grouped', period, first, count },
    });
  const q = part('q', heads * headDim, 0, shared, 'heads');
  const k = part('k', kvHeads * headDim, shared, headDim, 'kvHeads');
  const v = part('v', kvHeads * headDim, shared + headDim, headDim, 'kvHeads');
  const [turnedQ, turnedK] = [turned(falcon, 'q', q.id), turned(falcon, 'k', k.id)];
  const id = nodeId('self_attention.attention');
  const reads = { q: turnedQ.id, k: turnedK.id, v: v.id };
  const attention: DraftNode = {
    ...{ op: 'attention', id, origin: '/facts/heads', ...reads, heads, kvHeads, headDim },
  };
  const dense = layerLinear(falcon, {
    ...{ name: 'self_attention.dense', from: id, k: heads * headDim, n: hidden, fact: 'hidden' },
  });
  return { nodes: [q, k, v, turnedQ, turnedK, attention, dense], output: dense.id };
}

function turned({ facts, headDim, tensor }: Falcon, which: 'q' | 'k', from: NodeId): DraftNode {
  const id = nodeId(`self_attention.rope_${which}`);
  const rope = { op: 'rope' as const, id, origin: '/facts/ropeTheta', input: from, headDim };
  const divisors = tensor('rope_freqs', 'rope_freqs.weight');
  return { ...rope, theta: facts.ropeTheta, ...toRopeScaling(facts.ropeScaling, divisors) };
}

function mlpNodes(falcon: Falcon, from: NodeId): Part {
  const { facts, ffn } = falcon;
  const { hidden } = facts;
  const wide = layerLinear(falcon, { name: 'mlp.dense_h_to_4h', from, k: hidden, n: ffn, fact: 'ffn' });
  const id = nodeId('mlp.gelu');
  const gelu: DraftNode = { op: 'activation', id, origin: '/facts/ffn', kind: 'gelu', input: wide.id };
  const narrow = layerLinear(falcon, { name: 'mlp.dense_4h_to_h', from: id, k: ffn, n: hidden, fact: 'ffn' });
  return { nodes: [wide, gelu, narrow], output: narrow.id };
}

function headBlock({ facts, tensor }: Falcon): DraftBlock {
  const { hidden: k, vocab: n, layerNormEps: eps, tied } = facts;
  const bias = tensor('ln_f.bias', 'transformer.ln_f.bias').weight;
  const norm: DraftNode = {
    ...{ op: 'layer-norm', id: nodeId('ln_f'), origin: '/facts/layerNormEps', input, eps },
    ...tensor('ln_f', 'transformer.ln_f.weight'),
    ...(bias && { bias }),
  };
  const standard = tied ? 'transformer.word_embeddings.weight' : 'lm_head.weight';
  const head = draftLinear({
    ...{ name: 'lm_head', from: norm.id, k, n, origin: '/facts/vocab', pinned: true },
    ...tensor('lm_head', standard),
    ...(tied ? { sharedWith: nodeId('word_embeddings') } : {}),
  });
  const nodes: readonly DraftNode[] = [{ op: 'input', id: input, origin: '/facts/hidden' }, norm, head];
  return { prefix: '', origin: '/facts', nodes, output: head.id };
}
