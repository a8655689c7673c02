import type { NodeId, WeightReference } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { Draft, DraftBlock, DraftLinear, DraftNode } from './draft.ts';
import { draftAdd, draftLinear, type Part } from './draft-nodes.ts';
import type { ModelJson } from './model-schema.ts';
import type { OptFacts } from './schema-facts.ts';
import { settleHeads } from './settle-heads.ts';
import { type TensorNames, tensorNames } from './tensor-names.ts';

interface Opt {
  readonly facts: OptFacts;
  readonly headDim: number;
  /** Features of an embedding. */
  readonly embedding: number;
  readonly tensor: TensorNames;
}

const input = nodeId('input');
/** Rows of the table before that of position 0: OPTLearnedPositionalEmbedding keeps two for padding. */
const positionOffset = 2;

/**
 * OPT: embeddings of tokens and learned positions, `layers` x (attention, residual, MLP, residual), with layer norms before
 * each of the two or, in the 350M model, after each residual; head. An embedding that is narrower than the model is widened
 * before the layers and narrowed after them.
 */
export function expandOpt(model: ModelJson, facts: OptFacts): Result<Draft, readonly Diagnostic[]> {
  const { heads, faults } = settleHeads(facts);
  if (faults.length > 0) return fail(faults);
  const embedding = facts.embedding ?? facts.hidden;
  const opt: Opt = { facts, headDim: heads.headDim, embedding, tensor: tensorNames(model) };
  return succeed({ blocks: [embeddingBlock(opt), decoderBlock(opt), headBlock(opt)], hidden: facts.hidden });
}

function embeddingBlock({ facts, embedding, tensor }: Opt): DraftBlock {
  const { hidden, vocab, positions } = facts;
  const tokens = nodeId('embed_tokens');
  const nodes: DraftNode[] = [
    { op: 'input', id: input, origin: '/facts/vocab', type: { dtype: 'u32', features: 1 } },
    {
      op: 'embedding',
      id: tokens,
      origin: '/facts/vocab',
      input,
      vocab,
      features: embedding,
      ...tensor('embed_tokens', 'model.decoder.embed_tokens.weight'),
    },
  ];
  if (embedding !== facts.hidden) {
    nodes.push(
      draftLinear({
        ...{ name: 'project_in', from: tokens, k: embedding, n: hidden, origin: '/facts/embedding' },
        ...{ pinned: true, ...tensor('project_in', 'model.decoder.project_in.weight') },
      }),
    );
  }
  const output = nodeId('embed_positions');
  nodes.push({
    op: 'position-embedding',
    id: output,
    origin: '/facts/positions',
    input: nodes.at(-1)?.id ?? tokens,
    positions: positions + positionOffset,
    offset: positionOffset,
    ...tensor('embed_positions', 'model.decoder.embed_positions.weight'),
  });
  return { prefix: '', origin: '/facts', nodes, output };
}

function layerTensor({ tensor }: Opt, name: string, part: 'weight' | 'bias'): WeightReference | undefined {
  const node = part === 'weight' ? name : `${name}.bias`;
  return tensor(node, `model.decoder.layers.{layer}.${name}.${part}`).weight;
}

function layerNorm(opt: Opt, name: string, from: NodeId): DraftNode {
  const weight = layerTensor(opt, name, 'weight');
  const bias = layerTensor(opt, name, 'bias');
  const norm = { op: 'layer-norm' as const, id: nodeId(name), origin: '/facts/layerNormEps', input: from };
  return { ...norm, eps: opt.facts.layerNormEps, ...(weight && { weight }), ...(bias && { bias }) };
}

function layerLinear(
  opt: Opt,
  name: string,
  from: NodeId,
  k: number,
  n: number,
  fact: keyof OptFacts,
): DraftLinear {
  const hasBias = opt.facts.bias;
  const [weight, bias] = [layerTensor(opt, name, 'weight'), layerTensor(opt, name, 'bias')];
  return draftLinear({ name, from, k, n, origin: `/facts/${fact}`, hasBias, weight, bias });
}

function decoderBlock(opt: Opt): DraftBlock {
  const attention = withNorm(opt, 'self_attn_layer_norm', input, (from) => attentionNodes(opt, from));
  const mlp = withNorm(opt, 'final_layer_norm', attention.output, (from) => mlpNodes(opt, from));
  return {
    prefix: 'layers',
    origin: '/facts/layers',
    repeat: opt.facts.layers,
    nodes: [{ op: 'input', id: input, origin: '/facts/hidden' }, ...attention.nodes, ...mlp.nodes],
    output: mlp.output,
  };
}

/** Something added to `from`, with a norm before it or after the sum. */
function withNorm(opt: Opt, name: string, from: NodeId, build: (from: NodeId) => Part): Part {
  const origin = '/facts/hidden';
  const sum = name.replace('layer_norm', 'residual');
  if (opt.facts.normFirst) {
    const norm = layerNorm(opt, name, from);
    const part = build(norm.id);
    const add = draftAdd(sum, from, part.output, origin);
    return { nodes: [norm, ...part.nodes, add], output: add.id };
  }
  const part = build(from);
  const add = draftAdd(sum, from, part.output, origin);
  const norm = layerNorm(opt, name, add.id);
  return { nodes: [...part.nodes, add, norm], output: norm.id };
}

function attentionNodes(opt: Opt, from: NodeId): Part {
  const { headDim } = opt;
  const { hidden, heads } = opt.facts;
  const project = (name: string) => layerLinear(opt, name, from, hidden, hidden, 'heads');
  const [q, k, v] = [project('self_attn.q_proj'), project('self_attn.k_proj'), project('self_attn.v_proj')];
  const id = nodeId('self_attn.attention');
  const reads = { q: q.id, k: k.id, v: v.id };
  const attention: DraftNode = {
    ...{ op: 'attention', id, origin: '/facts/heads', ...reads, heads, kvHeads: heads, headDim },
  };
  const out = layerLinear(opt, 'self_attn.out_proj', id, hidden, hidden, 'hidden');
  return { nodes: [q, k, v, attention, out], output: out.id };
}

function mlpNodes(opt: Opt, from: NodeId): Part {
  const { hidden, ffn, activation: kind } = opt.facts;
  const wide = layerLinear(opt, 'fc1', from, hidden, ffn, 'ffn');
  const id = nodeId('activation');
  const activation: DraftNode = { op: 'activation', id, origin: '/facts/activation', kind, input: wide.id };
  const narrow = layerLinear(opt, 'fc2', id, ffn, hidden, 'ffn');
  return { nodes: [wide, activation, narrow], output: narrow.id };
}

function headBlock({ facts, embedding, tensor }: Opt): DraftBlock {
  const { hidden, vocab, layerNormEps: eps, tied } = facts;
  const nodes: DraftNode[] = [{ op: 'input', id: input, origin: '/facts/hidden' }];
  const last = () => nodes.at(-1)?.id ?? input;
  if (facts.normFirst) {
    const stem = 'model.decoder.final_layer_norm';
    const bias = tensor('norm.bias', `${stem}.bias`).weight;
    const norm = { op: 'layer-norm' as const, id: nodeId('norm'), origin: '/facts/layerNormEps', input };
    nodes.push({ ...norm, eps, ...tensor('norm', `${stem}.weight`), ...(bias && { bias }) });
  }
  if (embedding !== facts.hidden) {
    nodes.push(
      draftLinear({
        ...{ name: 'project_out', from: last(), k: hidden, n: embedding, origin: '/facts/embedding' },
        ...{ pinned: true, ...tensor('project_out', 'model.decoder.project_out.weight') },
      }),
    );
  }
  const standard = tied ? 'model.decoder.embed_tokens.weight' : 'lm_head.weight';
  const head = draftLinear({
    ...{ name: 'lm_head', from: last(), k: embedding, n: vocab, origin: '/facts/vocab' },
    ...{ pinned: true, ...tensor('lm_head', standard) },
    ...(tied ? { sharedWith: nodeId('embed_tokens') } : {}),
  });
  return { prefix: '', origin: '/facts', nodes: [...nodes, head], output: head.id };
}
