import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Lowered, SupportsProblem } from '../../../compiler/lower/lower-graph.ts';
import { lowerGraph } from '../../../compiler/lower/lower-graph.ts';
import { runPasses } from '../../../compiler/passes/run-passes.ts';
import { evaluate } from '../../../ir/formula.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { cpuMilliseconds } from '../../support/cpu-milliseconds.ts';
import { explicit, importGraph, linear, smallLlama } from '../load-fixture.ts';

const anything: SupportsProblem = () => ({ supported: true });

function lower(model: unknown, layers: readonly string[] = [], supports = anything): Lowered {
  const passed = runPasses(importGraph(model, { layers }));
  if (!passed.ok) throw new Error(JSON.stringify(passed.error));
  const lowered = lowerGraph(passed.value.graph, sm80, supports);
  if (!lowered.ok) throw new Error(JSON.stringify(lowered.error));
  return lowered.value;
}

function example(size: string): unknown {
  return JSON.parse(readFileSync(`examples/llama-2-${size}/model.json`, 'utf8'));
}

describe('LLaMA-2-7B in QUIK-4B', () => {
  const { plan, problems } = lower(example('7b'));

  test('has four sites and seven distinct problems', () => {
    const summary = plan.sites.map(({ id, quantize, linears }) => {
      const { prologue, bits, k, outliers } = quantize.problem;
      return [
        id,
        prologue.op,
        bits,
        k,
        outliers,
        ...linears.map(({ problem }) => [
          problem.n,
          problem.weightBits,
          problem.activationBits,
          problem.epilogue.length,
        ]),
      ];
    });
    expect(summary).toEqual([
      ['qkv_proj', 'rms-norm', 4, 4096, 256, [12288, 4, 4, 0]],
      ['o_proj', 'none', 4, 4096, 256, [4096, 4, 4, 1]],
      ['gate_up_proj', 'rms-norm', 4, 4096, 256, [22016, 4, 4, 0]],
      ['down_proj', 'silu-mul', 8, 11008, 688, [4096, 8, 8, 1]],
    ]);
    // qkv and gate_up quantise the same way: three quantizes, four linears.
    expect(problems).toHaveLength(7);
    expect(problems[0]?.serves).toEqual(['layers.0-31.self_attn.qkv_proj', 'layers.0-31.mlp.gate_up_proj']);
  });

  test('every kernel step names a site and a problem of the plan', () => {
    const hashes = new Set(problems.map(({ hash }) => hash));
    const sites = new Set(plan.sites.map(({ id }) => id));
    const steps = plan.blocks.flatMap(({ steps }) => steps);
    const kernels = steps.filter((step) => step.kind !== 'host');
    expect(kernels).toHaveLength(8);
    for (const step of kernels)
      expect([hashes.has(step.problem), sites.has(step.site)]).toEqual([true, true]);
    expect(steps.filter((step) => step.kind === 'host').map(({ op }) => op)).toEqual([
      'embedding',
      'rope',
      'rope',
      'attention',
      'rms-norm',
      'linear',
    ]);
  });

  test('gate and up lie one below the other, gate first', () => {
    const step = plan.blocks[1]?.steps.find(({ node }) => node === 'mlp.gate_up_proj');
    expect(
      step?.kind === 'linear' && step.parts.map(({ name, firstRow, rows }) => [name, firstRow, rows]),
    ).toEqual([
      ['mlp.gate_proj', 0, 11008],
      ['mlp.up_proj', 11008, 11008],
    ]);
  });

  test('host operations read columns of the merged rows', () => {
    const attention = plan.blocks[1]?.steps.find(({ node }) => node === 'self_attn.attention');
    expect(
      attention?.kind === 'host' && attention.reads.map(({ offset, features }) => [offset, features]),
    ).toEqual([
      [0, 4096],
      [0, 4096],
      [8192, 4096],
    ]);
  });

  test('memory: gate_up and what down_proj needs beside it is the peak of a layer', () => {
    const perToken = 2 * 22016 + 2 * 4096 + (11008 - 688 + 16) + 8 + 2 * 688;
    expect(evaluate(plan.blocks[1]!.peakBytes, 1)).toBe(perToken);
    // The head's logits are larger.
    expect(evaluate(plan.peakBytes, 2048)).toBe(2048 * (2 * 32000 + 2 * 4096));
    for (const block of plan.blocks) {
      for (const { slot, bytes } of block.buffers) {
        for (const m of [1, 17, 2048])
          expect(evaluate(plan.slots[slot]!, m)).toBeGreaterThanOrEqual(evaluate(bytes, m));
      }
    }
    expect(plan.blocks.map(({ carry }) => carry)).toEqual(['moved', 'in-place', 'in-place']);
  });

  test('merged rows live until the last of their slices is read', () => {
    const { buffers, steps } = plan.blocks[1]!;
    const attention = steps.find(({ node }) => node === 'self_attn.attention');
    const written = attention?.kind === 'host' ? buffers[attention.output] : undefined;
    const rows = buffers.find(({ name }) => name === 'self_attn.qkv_proj');
    expect(rows?.to).toBe(written?.from);
    expect(rows?.slot).not.toBe(written?.slot);
  });

  test('each block finds its input where the one before left its output', () => {
    const slots = plan.blocks.map(({ buffers, input, output }) => [
      buffers[input]?.slot,
      buffers[output]?.slot,
    ]);
    expect(slots.slice(1).map(([from]) => from)).toEqual(slots.slice(0, -1).map(([, to]) => to));
  });

  test('buckets wait for schedules, and placeholders are told', () => {
    expect(plan.sites.every(({ buckets, tokens }) => buckets.length === 0 && tokens.min === 1)).toBe(true);
    expect(plan.placeholderLayers).toHaveLength(4);
  });
});

test.each([
  ['7b', 688, 12288],
  ['13b', 688, 15360],
  ['70b', 896, 10240],
])('LLaMA-2-%s: %i outliers in down_proj, qkv of %i', (size, outliers, qkv) => {
  const { plan } = lower(example(size));
  expect(plan.sites.at(-1)?.quantize.problem.outliers).toBe(outliers);
  expect(plan.sites[0]?.linears[0]?.problem.n).toBe(qkv);
});

test('70B is lowered in well under a second', () => {
  const started = cpuMilliseconds();
  lower(example('70b'));
  expect(cpuMilliseconds() - started).toBeLessThan(500);
});

test('layers of equal problems share a site, wherever they are', () => {
  const { plan } = lower(smallLlama({}, { layers: 6 }), ['layers.2.*=quik-8b', 'layers.4.*=quik-8b']);
  // Down_proj is 8-bit everywhere: one site for all blocks that have its shape and outliers.
  expect(plan.blocks).toHaveLength(2 + 5);
  expect(plan.sites.map(({ id }) => id)).toEqual([
    'qkv_proj',
    'o_proj',
    'gate_up_proj',
    'down_proj',
    'layers.2.qkv_proj',
    'layers.2.o_proj',
    'layers.2.gate_up_proj',
  ]);
  expect(plan.sites[4]?.linears[0]?.serves).toEqual([
    'layers.2.self_attn.qkv_proj',
    'layers.4.self_attn.qkv_proj',
  ]);
  expect(plan.sites[3]?.linears[0]?.serves).toHaveLength(5);
});

test('token ranges of a shared site are united', () => {
  const layers = [
    { match: 'layers.0.*', tokens: { min: 1, max: 16 } },
    { match: 'layers.{1..3}.*', tokens: { min: 8, max: 512 } },
  ];
  expect(lower(smallLlama({ layers })).plan.sites[0]?.tokens).toEqual({ min: 1, max: 512 });
});

test('linears of other widths share one quantize', () => {
  const w8a4 = { preset: 'quik-4b', weight: { bits: 8 } };
  const { plan } = lower(
    explicit([
      linear('a', 'input', 64, 64),
      linear('b', 'input', 64, 64, { scheme: w8a4 }),
      { name: 's', op: 'add', a: 'a', b: 'b' },
    ]),
  );
  expect(plan.sites).toHaveLength(1);
  expect(plan.sites[0]?.linears.map(({ problem }) => [problem.weightBits, problem.activationBits])).toEqual([
    [4, 4],
    [8, 4],
  ]);
});

test('what no family computes is refused at the node, with the nearest that is', () => {
  const passed = runPasses(importGraph(smallLlama()));
  if (!passed.ok) throw new Error('the model is sound');
  const only4: SupportsProblem = (problem) =>
    problem.family === 'linear' && problem.weightBits === 8
      ? { supported: false, reason: '8-bit weights have no kernel', nearest: 'quik-4b' }
      : { supported: true };
  const lowered = lowerGraph(passed.value.graph, sm80, only4);
  expect(!lowered.ok && lowered.error).toEqual([
    {
      code: 'QK301',
      severity: 'error',
      pointer: '/facts/ffn',
      message: 'layers.0-3.mlp.down_proj on sm80: 8-bit weights have no kernel',
      hint: 'nearest: quik-4b',
    },
  ]);
});

test('a repeated block whose output cannot lie where its input was swaps the two, which are of one size', () => {
  const nodes = [
    linear('up', 'input', 64, 512),
    { name: 'act', op: 'activation', kind: 'gelu', input: 'up' },
    linear('down', 'act', 512, 64),
    { name: 's', op: 'add', a: 'input', b: 'down' },
  ];
  const { plan } = lower(explicit(nodes, { repeat: 3 }));
  expect(plan.blocks[0]).toMatchObject({ carry: 'swap' });
  const { buffers, input, output } = plan.blocks[0]!;
  const [from, to] = [input, output].map((index) => buffers[index]!.slot);
  // The output's slot held wider rows before, so the input's must be as large.
  expect(
    Math.max(...buffers.filter(({ slot }) => slot === to).map(({ bytes }) => evaluate(bytes, 1))),
  ).toBeGreaterThan(128);
  expect(evaluate(plan.slots[from!]!, 100)).toBe(evaluate(plan.slots[to!]!, 100));
});

test('lowering twice gives the same text', () => {
  expect(JSON.stringify(lower(example('7b')))).toBe(JSON.stringify(lower(example('7b'))));
});

test('a model without a quantised linear has nothing to lower to', () => {
  const passed = runPasses(importGraph(explicit([linear('proj', 'input', 64, 64, { scheme: 'f16' })])));
  if (!passed.ok) throw new Error(JSON.stringify(passed.error));
  const lowered = lowerGraph(passed.value.graph, sm80, anything);
  expect(lowered.ok ? [] : lowered.error.map(({ code, hint }) => [code, hint])).toEqual([
    ['QK303', expect.stringContaining('--scheme quik-4b')],
  ]);
});
