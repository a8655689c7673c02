import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listLayers } from '../../../compiler/calibrate/list-layers.ts';
import { readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { quantisedFormat, writeLinear } from '../../../compiler/checkpoint/quantised-tensors.ts';
import { readQuantisedLinear } from '../../../compiler/checkpoint/read-quantised-linear.ts';
import { type TensorToWrite, writeSafetensors } from '../../../compiler/checkpoint/write-safetensors.ts';
import { formatCommand } from '../../../compiler/commands/format-command.ts';
import { quantize } from '../../../compiler/commands/quantize.ts';
import type { QuantizeOptions } from '../../../compiler/commands/quantize-options.ts';
import type { GptqWork } from '../../../compiler/quantised-checkpoint/describe-work.ts';
import { estimateWork, warnOfWork } from '../../../compiler/quantised-checkpoint/estimate-work.ts';
import { readLayerFiles } from '../../../compiler/quantised-checkpoint/read-layer-files.ts';
import type { QuantisedLinear } from '../../../compiler/reference/quantised-linear.ts';
import { runCommand } from '../commands/run-command.ts';
import {
  llamaShapes,
  saveConfig,
  saveZeros,
  smallConfig,
  smallGguf,
} from '../frontend/checkpoint/make-checkpoint.ts';
import { unwrap } from '../quantise/example-linear.ts';
import { loadPlanned } from './load-planned.ts';

const llama = 'test/fixtures/calibration/llama';
const falcon = 'test/fixtures/calibration/falcon';
const overrides = { layer: ['*.v_proj=quik-8b,outliers=2'], outliers: '4' };

let folder = '';
let output = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-export-'));
  output = join(folder, 'out');
  file = join(folder, 'work.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const worker = new URL('file:///no-such-worker.js');
const run = (path: string, options: Partial<QuantizeOptions> = {}) => {
  const calibration = join(path, 'calibration.safetensors');
  const given = { output, calibration, threads: '1', ...overrides, ...options };
  return runCommand((context) => quantize(path, given, context, worker));
};
const readWork = () => JSON.parse(readFileSync(file, 'utf8')) as GptqWork;
const partial = () => `${output}.quikc-partial`;

/** What quikc makes of all linears, by name. */
async function ownLinears(path: string): Promise<ReadonlyMap<string, QuantisedLinear>> {
  const other = join(folder, 'own');
  expect(await run(path, { output: other })).toMatchObject({ code: 0, err: '' });
  const files = [join(other, 'weights.safetensors')];
  const tensors = new Map(unwrap(readLayerFiles(files)).map((tensor) => [tensor.name, tensor]));
  const { plan } = await loadPlanned(path, overrides);
  return new Map(
    plan
      .flatMap(({ groups }) => groups.flatMap(({ linears }) => linears))
      .map(({ name, n, k, bits, outliers }) => {
        const expected = { name, n, k, bits, outliers, outlierColumns: undefined };
        return [name, unwrap(readQuantisedLinear(tensors, expected, ''))];
      }),
  );
}

/** Another hand's files of all groups, of what is there already. */
function writeGroups(
  { workspace, groups, dtype }: GptqWork,
  linears: ReadonlyMap<string, QuantisedLinear>,
  change: (tensors: readonly TensorToWrite[], group: number) => readonly TensorToWrite[] = (own) => own,
): void {
  for (const [index, group] of groups.entries()) {
    const tensors = group.linears.flatMap(({ name }) => writeLinear(name, linears.get(name)!, dtype));
    unwrap(
      writeSafetensors(join(workspace, group.file), change(tensors, index), { format: quantisedFormat }),
    );
  }
}

describe.each([
  ['llama', llama],
  ['falcon', falcon],
])('%s', (name, path) => {
  test('what is to be done is written, with all that was decided', async () => {
    const { code, out, err } = await run(path, { exportWork: file, damping: '0.02', clip: true });
    expect([code, err]).toEqual([0, '']);
    expect(existsSync(output)).toBe(false);
    expect(readdirSync(partial())).toEqual(['job']);
    expect(readdirSync(folder).sort()).toEqual(['out.quikc-partial', 'work.json']);
    const work = readWork();
    expect(work).toMatchObject({ format: 'quikc-gptq-work-1', model: name, dtype: 'f16', damping: 0.02 });
    expect(work.workspace).toBe(resolve(partial()));
    expect(work.job).toBe(readFileSync(join(partial(), 'job'), 'utf8'));
    const { plan, graph } = await loadPlanned(path, overrides);
    const calibration = unwrap(readCalibration(join(path, 'calibration.safetensors'), graph));
    const planned = plan.flatMap(({ groups }) => groups);
    expect(work.groups.length).toBe(planned.length);
    expect(new Set(work.groups.map((group) => group.file)).size).toBe(planned.length);
    for (const [at, { gram, factors, linears }] of work.groups.entries()) {
      const known = planned[at]!.linears;
      expect(linears.map((linear) => linear.name)).toEqual(known.map((linear) => linear.name));
      const bytes = readFileSync(gram.file);
      const [k] = gram.shape as [number];
      const values = new Float64Array(
        Uint8Array.from(bytes.subarray(gram.offset, gram.offset + 8 * k * k)).buffer,
      );
      expect(values).toEqual(unwrap(calibration.gramOf(linears[0]!.name)));
      for (const [index, { weight, rows, factor, ...facts }] of linears.entries()) {
        const { name: own, n, bits, clip, outliers, weight: reference } = known[index]!;
        expect(facts).toEqual({ name: own, n, k, bits, clip });
        expect(rows).toEqual(reference.rows);
        expect(weight).toMatchObject({ file: resolve(path, 'model.safetensors'), dtype: 'F16' });
        const { outlierColumns, order, sparsity } = factors[factor]!;
        expect([outlierColumns.length, sparsity]).toEqual([outliers, 'dense']);
        // Rising max |x|, then the outlier columns, which are those of the largest.
        const score = calibration.linears.get(own)!.absMax;
        const base = (order as readonly number[]).slice(0, k - outliers);
        expect(order.slice(k - outliers)).toEqual(outlierColumns);
        expect(base.toSorted((a, b) => score[a]! - score[b]! || a - b)).toEqual(base);
        expect(new Set(order as readonly number[]).size).toBe(k);
        expect(Math.max(...base.map((column) => score[column]!))).toBeLessThanOrEqual(
          Math.min(...outlierColumns.map((column) => score[column]!)),
        );
      }
    }
    expect(work.groups.some(({ linears }) => linears.some(({ rows }) => rows?.order === 'grouped'))).toBe(
      path === falcon,
    );
    expect(work.groups.some(({ factors }) => factors.length === 2)).toBe(true);
    const [python, quikc] = [...out.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line);
    expect(python).toBe(`python3 ${resolve('compiler/quantise/gptq_torch.py')} ${file} --device cuda`);
    expect(quikc).toMatch(/^quikc quantize \S+ --output \S+ --calibration /);
    expect(quikc).toContain(" --layer '*.v_proj=quik-8b,outliers=2' --outliers 4 --damping 0.02");
    expect(quikc).not.toMatch(/--no-clip|--clip|--export/);
  });

  test('files of another hand are gone on from, and nothing is done again', async () => {
    const linears = await ownLinears(path);
    expect((await run(path, { exportWork: file })).code).toBe(0);
    // Not what GPTQ would make: twice the scales.
    const doubled = new Map(
      [...linears].map(([own, linear]) => [
        own,
        { ...linear, scales: linear.scales.map((s) => 2 * s), reduced: linear.reduced.map((r) => 2 * r) },
      ]),
    );
    writeGroups(readWork(), doubled);
    expect(await run(path)).toMatchObject({ code: 0, err: '' });
    expect(existsSync(partial())).toBe(false);
    const placed = unwrap(readLayerFiles([join(output, 'weights.safetensors')]));
    for (const [own, { scales }] of doubled) {
      const { source, offset, bytes } = placed.find((tensor) => tensor.name === `${own}.scales`)!;
      const read = new Float32Array(Uint8Array.from(unwrap(source.read(offset, bytes))).buffer);
      expect(read).toEqual(scales);
    }
  });
});

test('act-order is left to who reads XᵀX, pruned columns stay in natural order', async () => {
  expect((await run(llama, { exportWork: file, order: 'act-order' })).code).toBe(0);
  expect(readWork().groups.flatMap(({ factors }) => factors.map(({ order }) => order))).toEqual(
    expect.arrayContaining(['act-order']),
  );
  // The workspace was of another job, whose work may be written over.
  expect((await run(llama, { exportWork: file, order: 'act-order', sparsity: '2:4' })).code).toBe(0);
  for (const { factors } of readWork().groups)
    for (const { order, outlierColumns, sparsity } of factors) {
      const base = (order as readonly number[]).slice(0, order.length - outlierColumns.length);
      expect([sparsity, base]).toEqual(['2:4', base.toSorted((a, b) => a - b)]);
    }
});

test('what is done already is left out; with all of it done quikc alone is to be run', async () => {
  const linears = await ownLinears(llama);
  expect((await run(llama, { exportWork: file })).code).toBe(0);
  const work = readWork();
  writeGroups(work, linears);
  rmSync(join(work.workspace, work.groups[2]!.file));
  const some = await run(llama, { exportWork: file });
  expect(some.out).toContain(`1 group of linears to be done, ${work.groups.length - 1} are done`);
  expect(readWork().groups).toEqual([work.groups[2]]);
  writeGroups(work, linears);
  const none = await run(llama, { exportWork: file, json: true });
  expect(JSON.parse(none.out)).toMatchObject({ groups: 0, next: [expect.stringMatching(/^quikc quantize/)] });
  expect(await run(llama)).toMatchObject({ code: 0, err: '' });
  const bytes = (place: string) => readFileSync(join(place, 'weights.safetensors'));
  expect(bytes(output).equals(bytes(join(folder, 'own')))).toBe(true);
});

describe('a file that is not of its group is refused, and nothing placed', () => {
  type Change = (own: readonly TensorToWrite[]) => readonly TensorToWrite[];
  const part = (name: string, change: (tensor: TensorToWrite) => TensorToWrite): Change => {
    let done = false;
    return (own) =>
      own.map((tensor) => {
        if (done || !tensor.name.endsWith(name)) return tensor;
        done = true;
        return change(tensor);
      });
  };
  const bytesOf = ({ bytes }: TensorToWrite) => Uint8Array.from(bytes as Uint8Array);
  const cases: readonly (readonly [string, Change, RegExp])[] = [
    ['another shape', part('.scales', (own) => ({ ...own, shape: [1, ...own.shape] })), /QK192[\s\S]*scales/],
    [
      'rows that are missing',
      part('.codes', (own) => ({
        ...own,
        shape: [1, own.shape[1]!],
        bytes: bytesOf(own).slice(0, own.shape[1]),
      })),
      /QK192[\s\S]*codes/,
    ],
    ['another dtype', part('.codes', (own) => ({ ...own, dtype: 'I8' })), /QK192[\s\S]*I8/],
    [
      'another 16-bit format',
      part('.outlier_weights', (own) => ({ ...own, dtype: 'BF16' })),
      /QK192[\s\S]*F16/,
    ],
    ['a tensor less', (own) => own.slice(1), /QK157/],
    [
      'a tensor more',
      (own) => [...own, { name: 'lm_head.weight', dtype: 'U8', shape: [1], bytes: new Uint8Array(1) }],
      /QK192[\s\S]*"lm_head.weight" is of none/,
    ],
    [
      'sums of other codes',
      part('.reduced', (own) => ({ ...own, bytes: bytesOf(own).fill(1) })),
      /QK192[\s\S]*reduced/,
    ],
    [
      'a scale that is none',
      part('.scales', (own) => ({ ...own, bytes: bytesOf(own).fill(0xff) })),
      /QK160[\s\S]*scales/,
    ],
  ];
  test.each(cases)('%s', async (_name, change, words) => {
    const linears = await ownLinears(llama);
    expect((await run(llama, { exportWork: file })).code).toBe(0);
    const work = readWork();
    writeGroups(work, linears, (own, index) => (index === 1 ? change(own) : own));
    const { code, err } = await run(llama);
    const wrong = join(work.workspace, work.groups[1]!.file);
    expect([code, err]).toEqual([1, expect.stringMatching(words)]);
    expect(err).toContain(`remove ${wrong}`);
    expect(existsSync(output)).toBe(false);
    // As the hint has it.
    rmSync(wrong);
    expect(await run(llama)).toMatchObject({ code: 0, err: '' });
  });

  test('other outlier columns, sound as they are', async () => {
    const linears = new Map(await ownLinears(llama));
    const name = 'layers.0.self_attn.o_proj';
    const { n, k, codes, outlierColumns, scales, ...own } = linears.get(name)!;
    const base = Array.from({ length: k }, (_, column) => column).filter((c) => !outlierColumns.includes(c));
    const columns = Int32Array.of(base[0]!, ...outlierColumns.slice(1)).sort();
    const fewer = codes.map((code, at) => (at % k === base[0] ? 0 : code));
    const reduced = scales.map((scale, row) => {
      return scale * fewer.subarray(row * k, (row + 1) * k).reduce((sum, code) => sum + code, 0);
    });
    linears.set(name, { ...own, n, k, scales, codes: fewer, outlierColumns: columns, reduced });
    expect((await run(llama, { exportWork: file })).code).toBe(0);
    writeGroups(readWork(), linears);
    const { code, err } = await run(llama);
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/QK193[\s\S]*outlier column \d of layers.0.self_attn.o_proj/),
    ]);
    expect(existsSync(output)).toBe(false);
  });

  test('a file that is none', async () => {
    const linears = await ownLinears(llama);
    expect((await run(llama, { exportWork: file })).code).toBe(0);
    const work = readWork();
    writeGroups(work, linears);
    writeFileSync(join(work.workspace, work.groups[0]!.file), 'cut');
    expect(await run(llama)).toMatchObject({ code: 1, err: expect.stringContaining('QK151') });
    expect(existsSync(output)).toBe(false);
  });
});

describe('what is refused', () => {
  test.each<[string, { readonly [key in keyof QuantizeOptions]?: unknown }, number, RegExp]>([
    ['tokens', { calibration: undefined, tokens: join(llama, 'tokens.bin') }, 2, /QK186[\s\S]*--calibration/],
    ['rounding to nearest', { method: 'rtn' }, 2, /QK186[\s\S]*rtn/],
    ['a budget', { pplBudget: '1.1', evalTokens: 'a', outliers: undefined }, 2, /QK186[\s\S]*--export-work/],
    ['nothing to quantise', { scheme: 'f16', layer: [] }, 1, /QK187/],
  ])('%s', async (_name, options, code, words) => {
    const ended = await run(llama, { exportWork: file, ...options } as Partial<QuantizeOptions>);
    expect([ended.code, ended.err]).toEqual([code, expect.stringMatching(words)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('another file in its place, and it stays', async () => {
    writeFileSync(file, '{"mine": 1}');
    expect(await run(llama, { exportWork: file })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/QK171[\s\S]*another file/),
    });
    expect(readFileSync(file, 'utf8')).toBe('{"mine": 1}');
    const place = join(folder, 'folder');
    mkdirSync(place);
    expect((await run(llama, { exportWork: place })).err).toContain('QK171');
  });

  test('maxima without products', async () => {
    const calibration = join(folder, 'maxima.safetensors');
    const header = unwrap(readLayerFiles([join(llama, 'calibration.safetensors')]));
    const kept = header.filter(({ name }) => !name.endsWith('.gram'));
    unwrap(
      writeSafetensors(
        calibration,
        kept.map(({ name, format, shape, source, offset, bytes }) => {
          return { name, dtype: format.name, shape, bytes: unwrap(source.read(offset, bytes)) };
        }),
        { format: 'quikc-calibration-1', tokens: '24', window: '8', shares: sharesOf(llama) },
      ),
    );
    const { code, err } = await run(llama, { exportWork: file, calibration });
    expect([code, err]).toEqual([1, expect.stringMatching(/QK176[\s\S]*--grams/)]);
    expect(existsSync(file)).toBe(false);
  });

  test('weights of a GGUF file', async () => {
    const model = join(folder, 'small.gguf');
    writeFileSync(model, smallGguf());
    const { graph } = await loadPlanned(model, {});
    const calibration = join(folder, 'scales.safetensors');
    const names = listLayers(graph).flatMap(({ groups }) => groups);
    const scales = names.map(({ k, linears }) => {
      return { name: linears[0]!.name, dtype: 'F32', shape: [k], bytes: new Uint8Array(4 * k) };
    });
    unwrap(writeSafetensors(calibration, scales));
    const { code, err } = await run(model, { exportWork: file, calibration, layer: [], scheme: 'quik-4b' });
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/QK189[\s\S]*Q8_0 of a GGUF file[\s\S]*safetensors/),
    ]);
    expect(existsSync(file)).toBe(false);
  });
});

function sharesOf(path: string): string {
  const bytes = readFileSync(join(path, 'calibration.safetensors'));
  const text = bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0)));
  return (JSON.parse(text) as { __metadata__: { shares: string } }).__metadata__.shares;
}

describe('how long it takes', () => {
  const never = () => false;
  const gptq = { method: 'gptq', propagate: false } as const;
  const tokensOf = (count: number) =>
    ({ kind: 'walk', tokens: { window: 512, count, ids: new Uint32Array(0) } }) as const;

  test('is told from what is to be multiplied', async () => {
    const { plan, graph } = await loadPlanned(llama, overrides);
    const calibration = unwrap(readCalibration(join(llama, 'calibration.safetensors'), graph));
    const source = { kind: 'file', calibration } as const;
    const groups = plan.flatMap((layer) => layer.groups);
    const byHand = groups.reduce((sum, { group: { k }, linears }) => {
      return sum + k ** 3 / 3 + linears.reduce((rows, { n }) => rows + (n * k * k) / 2, 0);
    }, 0);
    expect(estimateWork(plan, source, gptq, never)).toBeCloseTo(byHand, 6);
    expect(estimateWork(plan, source, { ...gptq, method: 'rtn' }, never)).toBe(0);
    expect(estimateWork(plan, source, gptq, () => true)).toBe(0);
    const walk = estimateWork(plan, tokensOf(1), gptq, never) - byHand;
    // At least every weight once a token, and half of XᵀX.
    const weights = groups.flatMap(({ linears }) => linears).reduce((sum, { n, k }) => sum + n * k, 0);
    const squares = groups.reduce((sum, { group }) => sum + group.k ** 2 / 2, 0);
    expect(walk / 512 / (weights + squares)).toBeGreaterThan(0.8);
    expect(walk / 512 / (weights + squares)).toBeLessThan(1.2);
    expect(estimateWork(plan, tokensOf(3), gptq, never) - byHand).toBeCloseTo(3 * walk, 3);
    expect(estimateWork(plan, tokensOf(1), { ...gptq, propagate: true }, never) - byHand).toBeGreaterThan(
      walk,
    );
  });

  test('a warning, from two hours on', async () => {
    expect(warnOfWork(4e9 * 7200, 1)).toBeUndefined();
    expect(warnOfWork(4e9 * 7201 * 2, 2)).toMatchObject({
      ...{ code: 'QK199', severity: 'warning' },
      message: '5.8e13 multiply-adds are to be done: some 2.0 hours on 2 threads',
      hint: expect.stringMatching(
        /calibrate_transformers\.py[\s\S]*gptq_torch\.py[\s\S]*docs\/quantising\.md/,
      ),
    });
    expect(warnOfWork(4e9 * 3600 * 30, 1)?.message).toContain('some 30 hours on one thread');
  });

  test.each([
    ['SmolLM2-135M', { hidden: 576, ffn: 1536, q: 576, kv: 192, layers: 30 }, false],
    ['LLaMA-2-70B', { hidden: 8192, ffn: 28_672, q: 8192, kv: 1024, layers: 80 }, true],
  ])('%s, 8,192 tokens, one thread', async (_name, { hidden, ffn, q, kv, layers }, long) => {
    const { plan } = await loadPlanned(llama, {});
    const [first] = plan.filter(({ groups }) => groups.length > 0);
    const size = (name: string): readonly [number, number] => {
      if (/[kv]_proj/.test(name)) return [kv, hidden];
      if (/q_proj/.test(name)) return [q, hidden];
      if (/o_proj/.test(name)) return [hidden, q];
      return /down_proj/.test(name) ? [hidden, ffn] : [ffn, hidden];
    };
    const groups = first!.groups.map(({ group, linears }) => ({
      group: { ...group, k: size(linears[0]!.name)[1] },
      linears: linears.map((linear) => ({ ...linear, n: size(linear.name)[0], k: size(linear.name)[1] })),
    }));
    const nodes = first!.layer.block.nodes.map((node) => {
      if (node.op !== 'linear') return node;
      const [n, k] = size(node.id);
      return { ...node, k, parts: node.parts.map((part) => ({ ...part, n })) };
    });
    const layer = { ...first!.layer, block: { ...first!.layer.block, nodes } };
    const many = Array.from({ length: layers }, () => ({ layer, groups }));
    const work = estimateWork(many, tokensOf(16), gptq, never);
    expect(warnOfWork(work, 1) !== undefined, `${work}`).toBe(long);
  });

  test('people are told before it starts', async () => {
    const model = join(folder, 'wide');
    mkdirSync(model);
    const size = { hidden: 4096, ffn: 11_008, layers: 2, q: 4096, kv: 4096, vocab: 640 };
    const heads = { num_attention_heads: 32, num_key_value_heads: 32 };
    saveConfig(model, { ...smallConfig, ...heads, hidden_size: 4096, intermediate_size: 11_008 });
    saveZeros(join(model, 'model.safetensors'), llamaShapes(size));
    const tokens = join(folder, 'tokens.bin');
    writeFileSync(tokens, new Uint8Array(2 * 512 * 400));
    const given = { output, tokens, threads: '1', scheme: 'quik-4b', outliers: '64' };
    // Ended with the first window before it.
    const running = runCommand((context) => quantize(model, given, context, worker));
    process.emit('SIGINT');
    const { code, err } = await running;
    expect([code, err]).toEqual([130, expect.stringMatching(/^warning QK199[\s\S]*hours on one thread/)]);
    expect(err).toContain('gptq_torch.py');
  });

  test('no warning of a small model', async () => {
    expect((await run(llama)).err).toBe('');
  });
});

test('a command as a shell takes it', () => {
  const options = { scheme: 'quik-4b', layer: ['*=a', "it's"], propagate: true, clip: false, maxTokens: '8' };
  expect(formatCommand('quantize', 'my model', { ...options, dump: undefined })).toBe(
    "quikc quantize 'my model' --scheme quik-4b --layer '*=a' --layer 'it'\\''s' --propagate --no-clip --max-tokens 8",
  );
});

test('weights that moved are another job', async () => {
  const copy = join(folder, 'llama');
  cpSync(llama, copy, { recursive: true });
  expect((await run(copy, { exportWork: file })).code).toBe(0);
  const { job } = readWork();
  copyFileSync(join(falcon, 'tokens.bin'), join(copy, 'tokens.bin'));
  expect((await run(copy, { exportWork: file })).code).toBe(0);
  expect(readWork().job).toBe(job);
  writeFileSync(join(copy, 'model.safetensors'), readFileSync(join(llama, 'model.safetensors')));
  expect((await run(copy, { exportWork: file })).code).toBe(0);
  expect(readWork().job).not.toBe(job);
});
