import type { NodeId, RowOrder } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { Draft, DraftBlock, DraftLinear, DraftNode } from './draft.ts';
import { draftAdd, draftLinear, type Part } from './draft-nodes.ts';
import type { ModelJson } from './model-schema.ts';
import type { LlamaFacts } from './schema-facts.ts';
import { type Heads, settleHeads } from './settle-heads.ts';
import { type TensorNames, tensorNames } from './tensor-names.ts';
import { toRopeScaling } from './to-rope-scaling.ts';

/** Facts with their defaults filled in, after they were found to agree, and where the weights are. */
interface Llama extends Heads {
  readonly facts: LlamaFacts;
  readonly tensor: TensorNames;
  /** Of q and k, where the file has them in another order. */
  readonly rows?: RowOrder;
}

/** LLaMA: embedding, `layers` x (norm, attention, residual, norm, gated MLP, residual), norm, head. */
export function expandLlama(model: ModelJson, facts: LlamaFacts): Result<Draft, readonly Diagnostic[]> {
  const { heads, faults } = settleHeads(facts);
  if (facts.experts !== undefined || faults.length > 0) {
    const message = `${facts.experts?.count} experts per layer`;
    const experts = diagnose('QK122', { pointer: '/facts/experts', message });
    return fail(facts.experts === undefined ? faults : [...faults, experts]);
  }
  const rows = model.weights?.rows;
  const order = rows === undefined ? {} : { rows: { order: rows, headDim: heads.headDim } };
  const llama: Llama = { ...heads, facts, tensor: tensorNames(model), ...order };
  return succeed({
    blocks: [embeddingBlock(llama), decoderBlock(llama), headBlock(llama)],
    hidden: facts.hidden,
  });
}

const input = nodeId('input');

function embeddingBlock({ facts, tensor }: Llama): DraftBlock {
  const id = nodeId('embed_tokens');
  return {
    prefix: '',
    origin: '/facts',
    nodes: [
      { op: 'input', id: input, origin: '/facts/vocab', type: { dtype: 'u32', features: 1 } },
      {
        op: 'embedding',
        id,
        origin: '/facts/vocab',
        input,
        vocab: facts.vocab,
        features: facts.hidden,
        ...tensor('embed_tokens', 'model.embed_tokens.weight'),
      },
    ],
    output: id,
  };
}

/** A linear, or a norm, of a layer as the facts describe it. */
interface LayerLinear {
  readonly name: string;
  readonly from: NodeId;
  readonly k: number;
  readonly n: number;
  readonly fact: keyof LlamaFacts;
  readonly hasBias: boolean;
  readonly rows?: RowOrder;
}

function layerTensor(llama: Llama, name: string, part: 'weight' | 'bias', rows?: RowOrder) {
  const node = part === 'weight' ? name : `${name}.bias`;
  const { weight } = llama.tensor(node, `model.layers.{layer}.${name}.${part}`);
  return weight === undefined || rows === undefined ? weight : { ...weight, rows };
}

function linearOf(llama: Llama, { name, from, k, n, fact, hasBias, rows }: LayerLinear): DraftLinear {
  const weight = layerTensor(llama, name, 'weight', rows);
  const bias = layerTensor(llama, name, 'bias', rows);
  return draftLinear({ name, from, k, n, origin: `/facts/${fact}`, hasBias, weight, bias });
}

function normOf(llama: Llama, name: string, from: NodeId): DraftNode {
  const { eps, weight } = { eps: llama.facts.rmsNormEps, weight: layerTensor(llama, name, 'weight') };
  const origin = '/facts/rmsNormEps';
  return { op: 'rms-norm', id: nodeId(name), origin, input: from, eps, ...(weight && { weight }) };
}

function decoderBlock(llama: Llama): DraftBlock {
  const attention = attentionNodes(llama);
  const mlp = mlpNodes(llama, attention.output);
  return {
    prefix: 'layers',
    origin: '/facts/layers',
    repeat: llama.facts.layers,
    nodes: [{ op: 'input', id: input, origin: '/facts/hidden' }, ...attention.nodes, ...mlp.nodes],
    output: mlp.output,
  };
}

/** Norm, q/k/v, attention over turned q and k, o, residual. */
function attentionNodes(llama: Llama): Part {
  const { facts, kvHeads, headDim, rows } = llama;
  const { hidden, heads, attentionBias: hasBias, slidingWindow: window } = facts;
  const norm = normOf(llama, 'input_layernorm', input);
  const order = rows === undefined ? {} : { rows };
  const project = { from: norm.id, k: hidden, hasBias };
  const q = linearOf(llama, {
    ...{ name: 'self_attn.q_proj', n: heads * headDim, fact: 'heads' },
    ...project,
    ...order,
  });
  const k = linearOf(llama, {
    ...{ name: 'self_attn.k_proj', n: kvHeads * headDim, fact: 'kvHeads' },
    ...project,
    ...order,
  });
  const v = linearOf(llama, {
    ...{ name: 'self_attn.v_proj', n: kvHeads * headDim, fact: 'kvHeads' },
    ...project,
  });
  const qNodes = turned(llama, 'q', q.id);
  const kNodes = turned(llama, 'k', k.id);
  const attention: DraftNode = {
    op: 'attention',
    id: nodeId('self_attn.attention'),
    origin: '/facts/heads',
    q: qNodes.output,
    k: kNodes.output,
    v: v.id,
    heads,
    kvHeads,
    headDim,
    ...(window === undefined ? {} : { window }),
  };
  const o = linearOf(llama, {
    name: 'self_attn.o_proj',
    from: attention.id,
    k: heads * headDim,
    n: hidden,
    fact: 'hidden',
    hasBias: facts.outputBias,
  });
  const residual = draftAdd('attention_residual', input, o.id, '/facts/hidden');
  const nodes = [norm, q, k, v, ...qNodes.nodes, ...kNodes.nodes, attention, o, residual];
  return { nodes, output: residual.id };
}

/** q or k with its heads normalised, where the model does that, and turned by the position. */
function turned(llama: Llama, which: 'q' | 'k', from: NodeId): Part {
  const { facts, headDim } = llama;
  const nodes: DraftNode[] = [];
  if (facts.qkNorm) {
    const name = `self_attn.${which}_norm`;
    const weight = layerTensor(llama, name, 'weight');
    const norm = { op: 'head-norm' as const, id: nodeId(name), origin: '/facts/rmsNormEps', input: from };
    nodes.push({ ...norm, headDim, eps: facts.rmsNormEps, ...(weight && { weight }) });
  }
  const id = nodeId(`self_attn.rope_${which}`);
  const rope = { op: 'rope' as const, id, origin: '/facts/ropeTheta', input: nodes.at(-1)?.id ?? from };
  nodes.push({
    ...rope,
    headDim,
    theta: facts.ropeTheta,
    ...toRopeScaling(facts.ropeScaling, llama.tensor('rope_freqs', 'rope_freqs.weight')),
  });
  return { nodes, output: id };
}

/** Norm, gated MLP, residual. */
function mlpNodes(llama: Llama, from: NodeId): Part {
  const { hidden, ffn, mlpBias: hasBias } = llama.facts;
  const norm = normOf(llama, 'post_attention_layernorm', from);
  const wide = { from: norm.id, k: hidden, n: ffn, fact: 'ffn' as const, hasBias };
  const gate = linearOf(llama, { name: 'mlp.gate_proj', ...wide });
  const up = linearOf(llama, { name: 'mlp.up_proj', ...wide });
  const gated: DraftNode = {
    op: 'gated-activation',
    id: nodeId('mlp.silu_mul'),
    origin: '/facts/ffn',
    kind: 'silu',
    gate: gate.id,
    up: up.id,
  };
  const narrow = { from: gated.id, k: ffn, n: hidden, fact: 'ffn' as const, hasBias };
  const down = linearOf(llama, { name: 'mlp.down_proj', ...narrow });
  const residual = draftAdd('mlp_residual', from, down.id, '/facts/hidden');
  return { nodes: [norm, gate, up, gated, down, residual], output: residual.id };
}

function headBlock({ facts, tensor }: Llama): DraftBlock {
  const norm = nodeId('norm');
  const head = nodeId('lm_head');
  const standard = facts.tied ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const linear = draftLinear({
    ...{ name: head, from: norm, k: facts.hidden, n: facts.vocab, origin: '/facts/vocab', pinned: true },
    ...tensor('lm_head', standard),
    ...(facts.tied ? { sharedWith: nodeId('embed_tokens') } : {}),
  });
  return {
    prefix: '',
    origin: '/facts',
    nodes: [
      { op: 'input', id: input, origin: '/facts/hidden' },
      {
        op: 'rms-norm',
        id: norm,
        origin: '/facts/rmsNormEps',
        input,
        eps: facts.rmsNormEps,
        ...tensor('norm', 'model.norm.weight'),
      },
      linear,
    ],
    output: head,
  };
}
