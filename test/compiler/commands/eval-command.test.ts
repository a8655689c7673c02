import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EvalOptions, evaluate } from '../../../compiler/commands/eval.ts';
import { type RunOptions, run } from '../../../compiler/commands/run.ts';
import { wantedLinears } from '../../../compiler/evaluate/linear-operands.ts';
import { openCheckpoint } from '../../../compiler/frontend/open-model.ts';
import { loadEvaluation } from '../../../compiler/open-evaluation/load-evaluation.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { type RawTensor, writeSafetensors } from '../checkpoint/write-safetensors.ts';
import { quantisedTensors } from '../evaluate/quantised-tensors.ts';
import { runCommand } from './run-command.ts';

const model = 'test/fixtures/checkpoints/variants/qwen2';
const plain = { scheme: 'quik-4b', outliers: '0', threads: '1' };
let folder = '';
let tokens = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-eval-command-'));
  tokens = join(folder, 'tokens.bin');
  writeFileSync(
    tokens,
    Uint16Array.from({ length: 24 }, (_, i) => (i * 11 + 5) % 32),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

/** No thread is started where there is one. */
const noWorker = new URL('file:///nowhere.js');

function runEval(file: string, options: EvalOptions = {}, env = {}) {
  return runCommand((context) => evaluate(file, { ...plain, tokens, ...options }, context, noWorker), env);
}

interface Report {
  readonly windows: number;
  readonly tokens: number;
  readonly results: readonly {
    readonly place: string;
    readonly tokens: number;
    readonly mean: number;
    readonly perplexity: number;
    readonly layers?: readonly { readonly layer: string; readonly quantised: number }[];
  }[];
}

describe('eval', () => {
  test('float and the oracle side by side, and layers', async () => {
    const { code, out } = await runEval(model, { window: '10', maxTokens: '21', layers: true, json: true });
    expect(code).toBe(0);
    const report = JSON.parse(out) as Report;
    expect(report).toMatchObject({ model: 'qwen2', windows: 2, tokens: 20 });
    const [float, oracle] = report.results;
    expect([float?.place, oracle?.place, float?.tokens]).toEqual(['float', 'oracle', 18]);
    expect(Math.abs(float!.mean - oracle!.mean)).toBeGreaterThan(1e-4);
    expect(oracle!.layers!.map(({ layer }) => layer)).toContain('layers.1.mlp.gate_up_proj');
    for (const { quantised } of oracle!.layers!) {
      expect(quantised).toBeGreaterThan(0.01);
      expect(quantised).toBeLessThan(0.5);
    }
  });

  test('as a table', async () => {
    const { code, out } = await runEval(model, { on: 'oracle', layers: true });
    expect(code).toBe(0);
    expect(out).toMatch(/^qwen2 {2}\w+ {2}24 tokens in 1 windows, 23 foreseen\n/);
    expect(out).toMatch(/^oracle +\d\.\d{4} /m);
    expect(out).toMatch(/^layers\.0\.self_attn\.qkv_proj .* %$/m);
  });

  test('weights that are quantised already, and the float ones beside them', async () => {
    const file = await writeQuantised(join(folder, 'quantised'));
    const own = { scheme: undefined, outliers: undefined } as object;
    const rounded = JSON.parse((await runEval(model, { json: true })).out) as Report;
    const read = JSON.parse((await runEval(file, { json: true, ...own })).out) as Report;
    expect(read.results).toHaveLength(1);
    expect(read.results[0]!.mean).toBe(rounded.results[1]!.mean);
    const beside = await runEval(file, { on: 'float,oracle', against: model, json: true, ...own });
    const both = JSON.parse(beside.out) as Report;
    expect(both.results.map(({ mean }) => mean)).toEqual(rounded.results.map(({ mean }) => mean));
    expect((await runEval(file, { on: 'float', ...own })).err).toContain('QK191');
  });

  test.each<[string, number, string, EvalOptions]>([
    ['an unknown place', 2, 'QK196', { on: 'gpu' }],
    ['a window that foresees nothing', 2, 'QK196', { window: '1' }],
    ['two texts', 2, 'QK196', { text: 'a.txt' }],
    ['a text that is not there', 1, 'QK150', { tokens: 'nowhere.bin' }],
    ['outlier columns that nobody has named', 1, 'QK190', { outliers: '2' }],
    ['a bundle that is none', 1, 'QK560', { on: 'ptx', bundle: 'test' }],
  ])('%s', async (_, exit, expected, options) => {
    const { code, err } = await runEval(model, options);
    expect(err).toContain(expected);
    expect(code).toBe(exit);
  });

  test('tokens that the model does not have', async () => {
    const file = join(folder, 'stray.bin');
    writeFileSync(file, Uint16Array.of(1, 2, 32, 3));
    const { code, err } = await runEval(model, { tokens: file });
    expect([code, err.includes('token 2 is 32, where the model has 32')]).toEqual([1, true]);
  });

  test('no positions for such a window', async () => {
    const { code, err } = await runEval('test/fixtures/checkpoints/variants/opt', { window: '4096' });
    expect([code, err.includes('the positions that the model has')]).toEqual([2, true]);
  });

  test('no compiler, and no adapter: exit 3 and how to get one', async () => {
    const env = { QUIKC_CACHE: folder, QUIKC_NVCC: join(folder, 'no-nvcc'), PATH: '' };
    const ptx = await runEval(model, { on: 'ptx' }, env);
    expect([ptx.code, ptx.err.includes('QK60')]).toEqual([3, true]);
    const none = { QUIKC_CACHE: folder, QUIKC_DAWN: join(folder, 'no-dawn') };
    const web = await runEval(model, { on: 'webgpu' }, none);
    expect([web.code, web.err.includes('QK605')]).toEqual([3, true]);
  });
});

test('run wants a tokenizer', async () => {
  const options: RunOptions = { ...plain };
  const { code, err } = await runCommand((context) => run(model, 'Hi', options, context, noWorker));
  expect([code, err.includes('QK169')]).toEqual([1, true]);
});

/** The model in 4 bit as a file of the format "quikc-quantised-1", with a model.json that names it. */
async function writeQuantised(output: string): Promise<string> {
  const overrides = { scheme: 'quik-4b', outliers: '0', layers: [] };
  const loaded = await loadEvaluation({ file: model, overrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { graph, weights } = loaded.value;
  const tensors: Record<string, RawTensor> = {};
  for (const block of graph.blocks) {
    const first = block.repeat?.first ?? 0;
    for (let layer = first; layer < first + (block.repeat?.count ?? 1); layer++) {
      for (const node of block.nodes) {
        if (node.op === 'quik-linear') {
          for (const wanted of wantedLinears(block, layer, node)) {
            const linear = weights.linear(wanted);
            if (!linear.ok) throw new Error(JSON.stringify(linear.error));
            Object.assign(tensors, quantisedTensors(wanted.name, linear.value, graph.dtype));
          }
        }
        const kept =
          node.op === 'quantize'
            ? [node.prologueWeight]
            : 'parts' in node
              ? node.parts.flatMap(({ weight, bias }) => (node.op === 'linear' ? [weight, bias] : [bias]))
              : 'weight' in node
                ? [node.weight]
                : [];
        for (const reference of kept) {
          if (reference === undefined) continue;
          const values = weights.read(reference, layer);
          if (!values.ok) throw new Error(JSON.stringify(values.error));
          const bits = Uint16Array.from(values.value, narrowFloat(graph.dtype).encode);
          const name = reference.tensor.replaceAll('{layer}', `${layer}`);
          const dtype = graph.dtype.toUpperCase();
          tensors[name] = { dtype, shape: [values.value.length], bytes: new Uint8Array(bits.buffer) };
        }
      }
    }
  }
  return writeDescribed(output, tensors);
}

async function writeDescribed(output: string, tensors: Record<string, RawTensor>): Promise<string> {
  const described = await openCheckpoint(resolve(model));
  if (!described.ok) throw new Error(JSON.stringify(described.error));
  mkdirSync(output);
  writeFileSync(join(output, 'weights.safetensors'), writeSafetensors(tensors));
  const file = join(output, 'model.json');
  const scheme = { scheme: 'quik-4b', outliers: { count: 0 }, weights: { files: ['weights.safetensors'] } };
  writeFileSync(file, JSON.stringify({ ...described.value.model, ...scheme }));
  return file;
}
