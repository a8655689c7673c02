import { describe, expect, test } from 'vitest';
import { fuseEpilogue } from '../../../compiler/passes/fuse-epilogue.ts';
import { passes, runPasses } from '../../../compiler/passes/run-passes.ts';
import type { Graph, GraphNode } from '../../../ir/graph.ts';
import { nodeId } from '../../../ir/graph.ts';
import { printGraph } from '../../../ir/print-graph.ts';
import { verifyGraph } from '../../../ir/verify-graph.ts';
import { explicit, importGraph, linear, smallLlama } from '../load-fixture.ts';

function run(model: unknown, layers: readonly string[] = []) {
  const result = runPasses(importGraph(model, { layers }));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function nodes(graph: Graph, block = 0): readonly string[] {
  return (graph.blocks[block]?.nodes ?? []).map((node) => `${node.op} ${node.id}`);
}

function find(graph: Graph, id: string): GraphNode {
  const node = graph.blocks.flatMap((block) => block.nodes).find((candidate) => candidate.id === id);
  if (node === undefined) throw new Error(`no ${id} in ${printGraph(graph)}`);
  return node;
}

const silent = { report: () => {}, note: () => {} };
const norm = (name: string, input: string) => ({ name, op: 'rms-norm', input, eps: 1e-5 });
const silu = (name: string, gate: string, up: string) => ({
  name,
  op: 'gated-activation',
  kind: 'silu',
  gate,
  up,
});
const add = (name: string, a: string, b: string) => ({ name, op: 'add', a, b });

test('a decoder layer becomes four sites', () => {
  const { graph } = run(smallLlama());
  expect(nodes(graph, 1)).toEqual([
    'input input',
    'quantize self_attn.qkv_proj.quantize',
    'quik-linear self_attn.qkv_proj',
    'slice self_attn.q_proj',
    'slice self_attn.k_proj',
    'slice self_attn.v_proj',
    'rope self_attn.rope_q',
    'rope self_attn.rope_k',
    'attention self_attn.attention',
    'quantize self_attn.o_proj.quantize',
    'quik-linear self_attn.o_proj',
    'quantize mlp.gate_up_proj.quantize',
    'quik-linear mlp.gate_up_proj',
    'quantize mlp.down_proj.quantize',
    'quik-linear mlp.down_proj',
  ]);
  expect(find(graph, 'mlp.down_proj.quantize')).toMatchObject({
    prologue: { op: 'silu-mul' },
    k: 256,
    bits: 8,
    outliers: 32,
  });
  expect(find(graph, 'mlp.down_proj')).toMatchObject({ residual: 'self_attn.o_proj' });
});

test('passing a graph through every pass again returns the same reference', () => {
  const { graph } = run(smallLlama());
  let again = graph;
  for (const pass of passes) again = pass.run(again, { report: () => {}, note: () => {} });
  expect(again).toBe(graph);
});

test('names of passes are verb-noun and unique, and each says what it ensures', () => {
  expect(new Set(passes.map(({ name }) => name)).size).toBe(passes.length);
  for (const pass of passes)
    expect([/^[a-z]+-[a-z]+$/.test(pass.name), pass.ensures.length > 20]).toEqual([true, true]);
});

describe('merge-projections', () => {
  test('q/k/v with one of another scheme: the rest merges, the reason is noted', () => {
    const { graph, notes } = run(smallLlama(), ['*.v_proj=quik-8b']);
    expect(find(graph, 'self_attn.qk_proj')).toMatchObject({ op: 'quik-linear' });
    expect(find(graph, 'self_attn.v_proj')).toMatchObject({ op: 'quik-linear' });
    expect(notes.map(({ text }) => text)).toContain(
      'not merged with self_attn.q_proj: they differ in scheme',
    );
    // Both quantise the norm's output for themselves: the norm is the prologue of two.
    expect(find(graph, 'self_attn.v_proj.quantize')).toMatchObject({ prologue: { op: 'rms-norm' }, bits: 8 });
    expect(graph.blocks[1]?.nodes.some(({ op }) => op === 'rms-norm')).toBe(false);
  });

  test.each([
    [
      'columns',
      [
        { match: '*.k_proj', outliers: { columns: [1, 2] } },
        { match: '*.q_proj', outliers: { columns: [1, 3] } },
      ],
    ],
    [
      'one listed, one not',
      [{ match: '*.k_proj', outliers: { columns: Array.from({ length: 16 }, (_, i) => i) } }],
    ],
    ['tokens', [{ match: '*.k_proj', tokens: { max: 8 } }]],
  ])('differing in %s keeps k apart', (_, layers) => {
    const { graph } = run(smallLlama({ layers }));
    expect(find(graph, 'self_attn.k_proj').op).toBe('quik-linear');
  });

  test('equal listed columns merge', () => {
    const layers = [{ match: '*.{q,k,v}_proj', outliers: { columns: [5, 9] } }];
    expect(find(run(smallLlama({ layers })).graph, 'self_attn.qkv_proj')).toMatchObject({
      parts: { length: 3 },
    });
  });

  test('up before gate in the model: the merged rows are still [gate; up]', () => {
    const model = explicit([
      linear('up_proj', 'input', 64, 96),
      linear('gate_proj', 'input', 64, 96),
      silu('act', 'gate_proj', 'up_proj'),
      linear('down_proj', 'act', 96, 64),
    ]);
    const merged = find(run(model).graph, 'gate_up_proj');
    expect(merged.op === 'quik-linear' && merged.parts.map(({ name }) => name)).toEqual([
      'gate_proj',
      'up_proj',
    ]);
  });

  test('what a kernel reads as whole rows is not merged away', () => {
    const model = explicit([
      linear('a', 'input', 64, 64),
      linear('b', 'input', 64, 64),
      linear('c', 'a', 64, 64),
      add('d', 'b', 'c'),
    ]);
    const { graph } = run(model);
    expect(nodes(graph).filter((name) => name.startsWith('slice'))).toEqual([]);
    // They still share one quantize.
    expect(nodes(graph).filter((name) => name.startsWith('quantize'))).toEqual([
      'quantize a+b.quantize',
      'quantize c.quantize',
    ]);
  });
});

test('two merged linears never get one name', () => {
  const relu = (name: string, input: string) => ({ name, op: 'activation', kind: 'relu', input });
  const model = explicit([
    ...['a_b_x', 'c_x'].map((name) => linear(name, 'input', 64, 64)),
    ...['a_x', 'b_c_x'].map((name) => linear(name, 'input', 64, 64, { scheme: 'quik-8b' })),
    ...['a_b_x', 'c_x', 'a_x', 'b_c_x'].map((name) => relu(`relu_${name}`, name)),
    add('s', 'relu_a_b_x', 'relu_c_x'),
    add('t', 'relu_a_x', 'relu_b_c_x'),
    add('u', 's', 't'),
  ]);
  const { graph } = run(model);
  expect(find(graph, 'a_b_c_x')).toMatchObject({ scheme: { weight: { bits: 4 } } });
  expect(find(graph, 'a_b_c_x_merged')).toMatchObject({ scheme: { weight: { bits: 8 } } });
});

describe('fuse-quantize', () => {
  test('a norm that others read stays, and the quantize has no prologue', () => {
    const model = explicit([norm('n', 'input'), linear('a', 'n', 64, 64), add('s', 'n', 'a')]);
    const { graph, notes } = run(model);
    expect(find(graph, 'a.quantize')).toMatchObject({ prologue: { op: 'none' }, input: 'n' });
    expect(notes.map(({ text }) => text)).toContain("rms-norm n stays the host's: others read it too");
  });

  test('gate and up that could not merge leave silu-mul to the host', () => {
    const { graph } = run(smallLlama(), ['*.up_proj=quik-8b']);
    expect(find(graph, 'mlp.silu_mul').op).toBe('gated-activation');
    expect(find(graph, 'mlp.down_proj.quantize')).toMatchObject({
      prologue: { op: 'none' },
      input: 'mlp.silu_mul',
    });
  });

  test('gate and up merged with a third that lies between or after them: silu-mul stays the host’s', () => {
    const model = explicit([
      linear('gate_proj', 'input', 64, 96),
      linear('up_proj', 'input', 64, 96),
      linear('side_proj', 'input', 64, 96),
      { name: 'relu', op: 'activation', kind: 'relu', input: 'side_proj' },
      silu('act', 'gate_proj', 'up_proj'),
      add('sum', 'act', 'relu'),
      linear('down_proj', 'act', 96, 96),
      add('out', 'sum', 'down_proj'),
    ]);
    expect(find(run(model).graph, 'act').op).toBe('gated-activation');
    const alone = explicit([
      linear('gate_proj', 'input', 64, 96),
      linear('up_proj', 'input', 64, 96),
      linear('side_proj', 'input', 64, 96),
      { name: 'relu', op: 'activation', kind: 'relu', input: 'side_proj' },
      silu('act', 'gate_proj', 'up_proj'),
      linear('down_proj', 'act', 96, 96),
      add('out', 'relu', 'down_proj'),
    ]);
    const { graph, notes } = run(alone);
    expect(find(graph, 'down_proj.quantize')).toMatchObject({ prologue: { op: 'none' }, input: 'act' });
    expect(notes.map(({ text }) => text)).toContain(
      "gated-activation act stays the host's: gate and up do not lie side by side",
    );
  });

  test('layer-norm has no prologue yet', () => {
    const { notes } = run(
      explicit([{ name: 'n', op: 'layer-norm', input: 'input', eps: 1e-5 }, linear('a', 'n', 64, 64)]),
    );
    expect(notes.map(({ text }) => text)).toContain(
      "layer-norm n stays the host's: no prologue computes layer-norm",
    );
  });
});

describe('fuse-epilogue', () => {
  test('either operand may be the linear; a second add stays', () => {
    const model = explicit([linear('a', 'input', 64, 64), add('s', 'a', 'input'), add('t', 's', 'input')]);
    const { graph } = run(model);
    expect(find(graph, 'a')).toMatchObject({ residual: 'input' });
    expect(nodes(graph).at(-1)).toBe('add t');
  });

  test('a linear that others read, or that is added to itself, keeps its add', () => {
    const read = explicit([linear('a', 'input', 64, 64), add('s', 'a', 'input'), add('t', 's', 'a')]);
    expect(find(run(read).graph, 'a')).not.toHaveProperty('residual');
    const twice = explicit([linear('a', 'input', 64, 64), add('s', 'a', 'a')]);
    expect(find(run(twice).graph, 'a')).not.toHaveProperty('residual');
  });

  test('a linear that the block puts out keeps its add', () => {
    const model = explicit([linear('a', 'input', 64, 64), add('s', 'a', 'input')]);
    let graph = importGraph(model);
    for (const pass of passes.slice(0, passes.indexOf(fuseEpilogue))) graph = pass.run(graph, silent);
    const [block] = graph.blocks;
    const output = { ...graph, blocks: [{ ...block!, output: nodeId('a') }] };
    expect(fuseEpilogue.run(output, silent)).toBe(output);
    expect(fuseEpilogue.run(graph, silent)).not.toBe(graph);
  });

  test('of two linears the later takes the sum', () => {
    const model = explicit([linear('a', 'input', 64, 64), linear('b', 'input', 64, 64), add('s', 'a', 'b')]);
    expect(find(run(model).graph, 'b')).toMatchObject({ residual: 'a' });
  });
});

describe('choose-scheme and choose-columns', () => {
  test('F = K is a plain 16-bit linear', () => {
    const { graph, notes } = run(explicit([linear('a', 'input', 64, 64, { outliers: { count: 64 } })]));
    expect(find(graph, 'a')).toMatchObject({
      op: 'linear',
      scheme: { weight: { bits: 16 }, outliers: { count: 0 } },
    });
    expect(notes).toHaveLength(1);
  });

  test('compact unless asked, with the reason in numbers', () => {
    const model = explicit([linear('a', 'input', 64, 64, { outliers: { count: 16 } })]);
    const columns = find(run(model).graph, 'a.quantize');
    expect(columns.op === 'quantize' && columns.columns).toMatchObject({
      mode: 'compact',
      reason: expect.stringContaining('33.3 %'),
    });
    const asked = runPasses(importGraph(model), { columns: 'in-place' });
    expect(asked.ok && find(asked.value.graph, 'a')).toMatchObject({ columns: { mode: 'in-place' } });
  });

  test('a layer asks for its own, and the command line has the last word', () => {
    const own = explicit([
      linear('a', 'input', 64, 64, { outliers: { count: 16, mode: 'in-place' } }),
      linear('b', 'a', 64, 64, { outliers: { count: 16 } }),
    ]);
    const modeOf = (id: string, graph: Graph) => {
      const node = find(graph, id);
      return node.op === 'quantize' || node.op === 'quik-linear' ? node.columns?.mode : undefined;
    };
    const { graph } = run(own);
    expect(['a.quantize', 'a', 'b.quantize', 'b'].map((id) => modeOf(id, graph))).toEqual([
      ...['in-place', 'in-place', 'compact', 'compact'],
    ]);
    const told = runPasses(importGraph(own), { columns: 'compact' });
    expect(told.ok && modeOf('a', told.value.graph)).toBe('compact');
  });

  test('linears of one input that ask for different ways stay apart', () => {
    const both = (mode: string) => {
      const model = smallLlama({
        layers: [
          { match: '*.gate_proj', outliers: { mode: 'in-place' } },
          { match: '*.up_proj', outliers: { mode } },
        ],
      });
      const nodes = run(model).graph.blocks.flatMap((block) => block.nodes);
      return nodes.filter(({ op, id }) => op === 'quantize' && /gate|up_proj/.test(id)).length;
    };
    expect([both('in-place'), both('compact')]).toEqual([1, 2]);
  });
});

describe('plan-buffers', () => {
  test('a repeated layer leaves its output where its input was', () => {
    const { graph } = run(smallLlama());
    const block = graph.blocks[1];
    const slot = (value: string) => block?.buffers?.find((buffer) => buffer.value === value)?.slot;
    expect(slot('mlp.down_proj')).toBe(slot('input'));
  });

  test('the check finds two lives in one slot', () => {
    const { graph } = run(smallLlama());
    const planBuffers = passes.at(-1)!;
    expect(planBuffers.check(graph)).toEqual([]);
    const broken = {
      ...graph,
      blocks: graph.blocks.map((block) => ({
        ...block,
        buffers: block.buffers?.map((buffer) => ({ ...buffer, slot: 0 })) ?? [],
      })),
    };
    expect(planBuffers.check(broken).length).toBeGreaterThan(5);
  });
});

describe('the verifier', () => {
  const { graph } = run(smallLlama());
  const [, layers] = graph.blocks;
  const withNodes = (change: (nodes: readonly GraphNode[]) => readonly GraphNode[]): Graph => ({
    ...graph,
    blocks: [{ ...layers!, nodes: change(layers!.nodes) }],
  });
  test('is content with what passes make', () => expect(verifyGraph(graph)).toEqual([]));
  test.each<[string, Graph]>([
    ['a node twice', withNodes((list) => [...list, list.at(-1)!])],
    ['a use before its definition', withNodes((list) => [list[0]!, ...list.slice(1).toReversed()])],
    ['a missing node', withNodes((list) => list.filter(({ op }) => op !== 'attention'))],
    ['no input first', withNodes((list) => list.slice(1))],
    ['a missing output', { ...graph, blocks: [{ ...layers!, output: nodeId('nowhere') }] }],
    [
      'other outliers than the quantize',
      withNodes((list) => list.map((node) => (node.op === 'quantize' ? { ...node, outliers: 3 } : node))),
    ],
    [
      'another K than the quantize',
      withNodes((list) => list.map((node) => (node.op === 'quantize' ? { ...node, k: 3 } : node))),
    ],
    [
      'a slice beyond its input',
      withNodes((list) => list.map((node) => (node.op === 'slice' ? { ...node, offset: 9999 } : node))),
    ],
    ['a block name twice', { ...graph, blocks: [layers!, layers!] }],
  ])('finds %s', (_, broken) => expect(verifyGraph(broken)).not.toEqual([]));
});

test('one outlier more than K has columns is refused', () => {
  const result = runPasses(
    importGraph(explicit([linear('a', 'input', 64, 64, { outliers: { count: 65 } })])),
  );
  expect(!result.ok && result.error).toMatchObject([
    { code: 'QK203', pointer: '/graph/blocks/0/nodes/0/outliers' },
  ]);
});

test('placeholders are said once, whatever the layers', () => {
  const { warnings } = run(smallLlama());
  expect(warnings.map(({ code }) => code)).toEqual(['QK140']);
  expect(run(explicit([linear('a', 'input', 64, 64)])).warnings).toEqual([]);
});

test('a small graph, fused, as text', () => {
  const model = explicit([
    norm('n', 'input'),
    linear('a', 'n', 64, 96, { bias: true, outliers: { columns: [3, 60] } }),
  ]);
  expect(`\n${printGraph(run(model).graph)}`).toMatchInlineSnapshot(`
    "
    graph explicit f16

    block a  @/graph/blocks/0
      %input = input f16 64 : f16[M, 64]  @/graph/blocks/0
      %a.quantize = quantize %input prologue=rms-norm(0.00001) bits=4 k=64 F=2 listed(1x2) compact : s4[M, 64]  @/graph/blocks/0/nodes/1
      %a = quik-linear %a.quantize n=96 k=64 bias w4a4 F=2 dense compact tokens=1.. : f16[M, 96]  @/graph/blocks/0/nodes/1
      return %a
      buffer %input.rows 128 B/token slot=0 live=0..1
      buffer %a.quantize.codes 32 B/token slot=1 live=1..2
      buffer %a.quantize.meta 8 B/token slot=3 live=1..2
      buffer %a.quantize.outliers 32 B/token slot=2 live=1..2
      buffer %a.rows 192 B/token slot=0 live=2..3
    "
  `);
});
