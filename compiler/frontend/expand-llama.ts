import type { NodeId, WeightReference } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { Draft, DraftBlock, DraftLinear, DraftNode } from './draft.ts';
import type { LlamaFacts, ModelJson } from './model-schema.ts';

/** Facts with their defaults filled in, after they were found to agree. */
interface Shape {
  readonly facts: LlamaFacts;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** LLaMA: embedding, `layers` x (norm, attention, residual, norm, gated MLP, residual), norm, head. */
export function expandLlama(model: ModelJson, facts: LlamaFacts): Result<Draft, readonly Diagnostic[]> {
  const shape = settleShape(facts);
  if (!shape.ok) return shape;
  const tensor = tensorNames(model);
  const blocks = [
    embeddingBlock(shape.value, tensor),
    decoderBlock(shape.value, tensor),
    headBlock(shape.value, tensor),
  ];
  return succeed({ blocks, hidden: facts.hidden });
}

function settleShape(facts: LlamaFacts): Result<Shape, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const { hidden, heads } = facts;
  const kvHeads = facts.kvHeads ?? heads;
  const headDim = facts.headDim ?? hidden / heads;
  if (!Number.isInteger(headDim)) {
    faults.push(
      diagnose('QK114', {
        pointer: '/facts/heads',
        message: `hidden ${hidden} is not a multiple of heads ${heads}`,
        hint: 'correct one of them, or give "headDim"',
      }),
    );
  } else if (headDim % 2 !== 0) {
    const pointer = facts.headDim === undefined ? '/facts/heads' : '/facts/headDim';
    faults.push(
      diagnose('QK114', {
        pointer,
        message: `headDim ${headDim} is odd`,
        hint: 'rope turns pairs of features: headDim must be even',
      }),
    );
  }
  if (heads % kvHeads !== 0) {
    faults.push(
      diagnose('QK114', {
        pointer: '/facts/kvHeads',
        message: `heads ${heads} is not a multiple of kvHeads ${kvHeads}`,
      }),
    );
  }
  if (facts.experts !== undefined) {
    const message = `${facts.experts.count} experts per layer`;
    faults.push(diagnose('QK122', { pointer: '/facts/experts', message }));
  }
  return faults.length > 0 ? fail(faults) : succeed({ facts, kvHeads, headDim });
}

type TensorNames = (node: string, standard: string) => { readonly weight?: WeightReference };

/** Tensor names of the Hugging Face form unless the model renames them; none where it gives no weights. */
function tensorNames(model: ModelJson): TensorNames {
  const weights = model.weights;
  if (weights === undefined) return () => ({});
  const file = weights.files.length === 1 ? weights.files[0] : undefined;
  return (node, standard) => {
    const tensor = weights.tensors?.[node] ?? standard;
    return { weight: file === undefined ? { tensor } : { file, tensor } };
  };
}

const input = nodeId('input');

function embeddingBlock({ facts }: Shape, tensor: TensorNames): DraftBlock {
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

function decoderBlock({ facts, kvHeads, headDim }: Shape, tensor: TensorNames): DraftBlock {
  const { hidden, heads, ffn, attentionBias } = facts;
  const linear = (
    name: string,
    from: NodeId,
    k: number,
    n: number,
    fact: string,
    hasBias = false,
  ): DraftLinear => {
    const stem = `model.layers.{layer}.${name}`;
    const bias = hasBias ? tensor(`${name}.bias`, `${stem}.bias`).weight : undefined;
    const part = {
      name,
      origin: `/facts/${fact}`,
      n,
      ...tensor(name, `${stem}.weight`),
      ...(bias === undefined ? {} : { bias }),
    };
    return {
      op: 'linear',
      id: nodeId(name),
      origin: part.origin,
      input: from,
      k,
      parts: [part],
      hasBias,
      fields: {},
      pinned: false,
    };
  };
  const norm = (name: string, from: NodeId): DraftNode => ({
    op: 'rms-norm',
    id: nodeId(name),
    origin: '/facts/rmsNormEps',
    input: from,
    eps: facts.rmsNormEps,
    ...tensor(name, `model.layers.{layer}.${name}.weight`),
  });
  const rope = (name: string, from: NodeId): DraftNode => ({
    op: 'rope',
    id: nodeId(name),
    origin: '/facts/ropeTheta',
    input: from,
    headDim,
    theta: facts.ropeTheta,
  });
  const add = (name: string, a: NodeId, b: NodeId): DraftNode => ({
    op: 'add',
    id: nodeId(name),
    origin: '/facts/hidden',
    a,
    b,
  });

  const attentionInput = norm('input_layernorm', input);
  const q = linear('self_attn.q_proj', attentionInput.id, hidden, heads * headDim, 'heads', attentionBias);
  const k = linear(
    'self_attn.k_proj',
    attentionInput.id,
    hidden,
    kvHeads * headDim,
    'kvHeads',
    attentionBias,
  );
  const v = linear(
    'self_attn.v_proj',
    attentionInput.id,
    hidden,
    kvHeads * headDim,
    'kvHeads',
    attentionBias,
  );
  const qTurned = rope('self_attn.rope_q', q.id);
  const kTurned = rope('self_attn.rope_k', k.id);
  const attention: DraftNode = {
    op: 'attention',
    id: nodeId('self_attn.attention'),
    origin: '/facts/heads',
    q: qTurned.id,
    k: kTurned.id,
    v: v.id,
    heads,
    kvHeads,
    headDim,
  };
  const o = linear('self_attn.o_proj', attention.id, heads * headDim, hidden, 'hidden');
  const middle = add('attention_residual', input, o.id);
  const mlpInput = norm('post_attention_layernorm', middle.id);
  const gate = linear('mlp.gate_proj', mlpInput.id, hidden, ffn, 'ffn');
  const up = linear('mlp.up_proj', mlpInput.id, hidden, ffn, 'ffn');
  const gated: DraftNode = {
    op: 'gated-activation',
    id: nodeId('mlp.silu_mul'),
    origin: '/facts/ffn',
    kind: 'silu',
    gate: gate.id,
    up: up.id,
  };
  const down = linear('mlp.down_proj', gated.id, ffn, hidden, 'ffn');
  const out = add('mlp_residual', middle.id, down.id);
  return {
    prefix: 'layers',
    origin: '/facts/layers',
    repeat: facts.layers,
    nodes: [
      { op: 'input', id: input, origin: '/facts/hidden' },
      ...[
        attentionInput,
        q,
        k,
        v,
        qTurned,
        kTurned,
        attention,
        o,
        middle,
        mlpInput,
        gate,
        up,
        gated,
        down,
        out,
      ],
    ],
    output: out.id,
  };
}

function headBlock({ facts }: Shape, tensor: TensorNames): DraftBlock {
  const norm = nodeId('norm');
  const head = nodeId('lm_head');
  const standard = facts.tied ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const part = {
    name: 'lm_head',
    origin: '/facts/vocab',
    n: facts.vocab,
    ...tensor('lm_head', standard),
    ...(facts.tied ? { sharedWith: nodeId('embed_tokens') } : {}),
  };
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
      {
        op: 'linear',
        id: head,
        origin: part.origin,
        input: norm,
        k: facts.hidden,
        parts: [part],
        hasBias: false,
        fields: {},
        pinned: true,
      },
    ],
    output: head,
  };
}
