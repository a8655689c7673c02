// gptq_torch.py beside quikc's own GPTQ: the same work, the same files.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { openWeights } from '../../../compiler/checkpoint/open-weights.ts';
import { quantisedFormat, writeLinear } from '../../../compiler/checkpoint/quantised-tensors.ts';
import { readQuantisedLinear } from '../../../compiler/checkpoint/read-quantised-linear.ts';
import { restoreRowOrder } from '../../../compiler/checkpoint/restore-row-order.ts';
import { writeSafetensors } from '../../../compiler/checkpoint/write-safetensors.ts';
import { calibrate } from '../../../compiler/commands/calibrate.ts';
import { quantize } from '../../../compiler/commands/quantize.ts';
import type { QuantizeOptions } from '../../../compiler/commands/quantize-options.ts';
import { type GptqOptions, gptq } from '../../../compiler/quantise/gptq.ts';
import type { LinearWeights } from '../../../compiler/quantise/linear-weights.ts';
import { orderColumns } from '../../../compiler/quantise/order-columns.ts';
import { quadraticLoss } from '../../../compiler/quantise/quadratic-loss.ts';
import type { GptqWork } from '../../../compiler/quantised-checkpoint/describe-work.ts';
import { readLayerFiles } from '../../../compiler/quantised-checkpoint/read-layer-files.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import type { QuantisedLinear } from '../../../compiler/reference/quantised-linear.ts';
import { modelsFolder } from '../../support/reference-models.ts';
import { runCommand } from '../commands/run-command.ts';
import { type LoadedModel, loadPlanned } from '../quantised-checkpoint/load-planned.ts';
import { exampleGram, exampleLinear, threads, unwrap } from './example-linear.ts';

const python = process.env['QUIKC_TORCH_PYTHON'] ?? '';
const missing = python === '' ? ' (NOT RUN: QUIKC_TORCH_PYTHON names no Python with torch)' : '';
const script = resolve('compiler/quantise/gptq_torch.py');
const worker = new URL('file:///no-such-worker.js');
const root = mkdtempSync(join(tmpdir(), 'quikc-gptq-torch-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const fixture = (name: string) => ({
  name,
  path: join('test/fixtures/calibration', name),
  tokens: join('test/fixtures/calibration', name, 'tokens.bin'),
  window: '8',
});
const falcon = {
  name: 'tiny-falcon-outliers',
  path: join(modelsFolder, 'tiny-falcon-outliers'),
  tokens: join(modelsFolder, 'text', 'calib.bin'),
  window: '256',
  maxTokens: '1024',
};
const models = [fixture('llama'), fixture('falcon'), falcon].filter(({ path }) => existsSync(path));
const absent = models.includes(falcon) ? '' : `; NOT RUN for ${falcon.name}: no models in ${modelsFolder}`;

/** Another count of outlier columns for some linears that read what others read, so that they have a factor of their own. */
const mixed = ['*.v_proj=quik-8b,outliers=0', '*.{down_proj,dense_4h_to_h}=quik-8b,outliers=5'];
const cases: readonly (readonly [string, Partial<QuantizeOptions>])[] = [
  ['score order', {}],
  ['act-order, no clip, another damping', { order: 'act-order', clip: false, damping: '0.1' }],
  ['natural order, 4 and 8 bits', { order: 'natural', layer: mixed }],
  ['2:4', { sparsity: '2:4' }],
  ['4:8-pairs, 4 and 8 bits', { sparsity: '4:8-pairs', layer: mixed }],
];

const ask = (...args: readonly string[]) => {
  const env = { ...process.env, OMP_NUM_THREADS: '1' };
  const { status, stderr } = spawnSync(python, [script, ...args], { encoding: 'utf8', env });
  expect(stderr).not.toContain('Traceback');
  return { status, stderr };
};

type Model = (typeof models)[number];
const statistics = new Map<Model, string>();

async function calibrationOf(model: Model): Promise<string> {
  const known = statistics.get(model);
  if (known !== undefined) return known;
  const { name, path, ...given } = model;
  const output = join(root, `${name}.safetensors`);
  expect(
    (await runCommand((context) => calibrate(path, { ...given, grams: true, output }, context))).err,
  ).toBe('');
  statistics.set(model, output);
  return output;
}

/** Every linear of a plan out of safetensors files. */
function readLinears({ plan }: LoadedModel, files: readonly string[]): ReadonlyMap<string, QuantisedLinear> {
  const tensors = new Map(unwrap(readLayerFiles(files)).map((tensor) => [tensor.name, tensor]));
  const linears = plan.flatMap(({ groups }) => groups.flatMap((group) => group.linears));
  return new Map(
    linears.flatMap(({ name, n, k, bits }) => {
      const outliers = tensors.get(`${name}.outlier_columns`)?.shape[0];
      if (outliers === undefined) return [];
      const expected = { name, n, k, bits, outliers, outlierColumns: undefined };
      return [[name, unwrap(readQuantisedLinear(tensors, expected, ''))]];
    }),
  );
}

const bytesOf = ({ codes, scales, outlierColumns, outlierWeights }: QuantisedLinear) =>
  [codes, scales, outlierColumns, outlierWeights].map(({ buffer }) => Buffer.from(buffer).toString('latin1'));
const isSame = (a?: QuantisedLinear, b?: QuantisedLinear) =>
  a !== undefined && b !== undefined && bytesOf(a).join() === bytesOf(b).join();

/** Doubles the first scale of a file, and the sum beside it; the linear's name. */
function tamper(file: string): string {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, { data_offsets: number[] }>;
  const name = Object.keys(header)
    .find((key) => key.endsWith('.scales'))!
    .slice(0, -'.scales'.length);
  for (const part of ['scales', 'reduced']) {
    const at = start + header[`${name}.${part}`]!.data_offsets[0]!;
    bytes.writeFloatLE(2 * bytes.readFloatLE(at), at);
  }
  writeFileSync(file, bytes);
  return name;
}

/** What is further apart than a sum in another order can bring about: more than a code in a thousand, a thousandth of a loss. */
async function compare(
  title: string,
  { plan, graph, tensors }: LoadedModel,
  calibration: string,
  own: ReadonlyMap<string, QuantisedLinear>,
  theirs: ReadonlyMap<string, QuantisedLinear>,
): Promise<readonly string[]> {
  const read = openWeights(tensors, '', { dtype: graph.dtype });
  const grams = unwrap(readCalibration(calibration, graph));
  const faults: string[] = [];
  let [codes, different, worstLoss] = [0, 0, 0];
  for (const { layer, groups } of plan)
    for (const { name, weight } of groups.flatMap(({ linears }) => linears)) {
      const [mine, other] = [own.get(name), theirs.get(name)];
      if (mine === undefined || other === undefined) return [`there is no ${name}`];
      if (mine.scales.some((scale, at) => scale !== other.scales[at])) faults.push(`scales of ${name}`);
      if (mine.outlierColumns.join() !== other.outlierColumns.join()) faults.push(`columns of ${name}`);
      codes += mine.codes.length;
      different += mine.codes.filter((code, at) => code !== other.codes[at]).length;
      const [values, gram] = [unwrap(read(weight, layer.index)), unwrap(grams.gramOf(name))];
      const lossOf = (linear: QuantisedLinear) => quadraticLoss(threads, values, linear, gram!);
      worstLoss = Math.max(worstLoss, Math.abs(lossOf(other) / lossOf(mine) - 1));
    }
  // biome-ignore lint/suspicious/noConsole: the figures are what this is run for
  console.log(`${title}: ${different} of ${codes} codes differ, losses by at most ${worstLoss}`);
  if (!(different / codes <= 1e-3)) faults.push(`${different} codes`);
  if (!(worstLoss <= 1e-3)) faults.push(`a loss by ${worstLoss}`);
  return faults;
}

describe.skipIf(python === '')(`gptq_torch.py${missing}${absent}`, { timeout: 300_000 }, () => {
  describe.each(models)('$name', (model) => {
    test.each(cases)('%s: the codes and columns that quikc has', async (title, options) => {
      const calibration = await calibrationOf(model);
      const folder = mkdtempSync(join(root, 'case-'));
      const run = (output: string, more: Partial<QuantizeOptions> = {}) =>
        runCommand((context) => {
          const given = { calibration, threads: '1', outliers: '4', ...options, ...more };
          return quantize(model.path, { output: join(folder, output), ...given }, context, worker);
        });
      expect(await run('own')).toMatchObject({ code: 0, err: '' });
      const file = join(folder, 'work.json');
      expect(await run('theirs', { exportWork: file })).toMatchObject({ code: 0, err: '' });
      expect(ask(file).status).toBe(0);

      const planned = await loadPlanned(model.path, { ...options, outliers: '4' });
      const { plan, graph } = planned;
      const partial = join(folder, 'theirs.quikc-partial');
      const names = readdirSync(partial).filter((name) => name !== 'job');
      expect(names.length).toBe(plan.reduce((sum, { groups }) => sum + groups.length, 0));
      for (const name of names) {
        // What quikc writes of the same linears, byte for byte.
        const path = join(partial, name);
        const copy = join(folder, name);
        const linears = [...readLinears(planned, [path])];
        unwrap(
          writeSafetensors(
            copy,
            linears.flatMap(([own, linear]) => writeLinear(own, linear, graph.dtype)),
            { format: quantisedFormat },
          ),
        );
        expect(readFileSync(copy).equals(readFileSync(path)), name).toBe(true);
      }
      const files = names.map((name) => join(partial, name));
      const theirs = readLinears(planned, files);
      const own = readLinears(planned, [join(folder, 'own', 'weights.safetensors')]);
      expect(await compare(`${model.name}, ${title}`, planned, calibration, own, theirs)).toEqual([]);
      // And it is they that quikc goes on from.
      const marked = tamper(files[0] ?? '');
      expect(await run('theirs')).toMatchObject({ code: 0, err: '' });
      const placed = readLinears(planned, [join(folder, 'theirs', 'weights.safetensors')]);
      const differs = (name: string) => !isSame(placed.get(name), theirs.get(name));
      expect([...placed.keys()].filter(differs)).toEqual([marked]);
    });
  });

  const [llama] = models as [Model];
  const exportTo = async (file: string) => {
    const calibration = await calibrationOf(llama);
    const given = { calibration, threads: '1', outliers: '4', exportWork: file };
    const output = `${file}.out`;
    const run = runCommand((context) => quantize(llama.path, { output, ...given }, context, worker));
    expect(await run).toMatchObject({ code: 0, err: '' });
    return JSON.parse(readFileSync(file, 'utf8')) as GptqWork;
  };

  test('ended in between, it goes on, and leaves what is there', async () => {
    const file = join(root, 'ended.json');
    const { workspace, groups } = await exportTo(file);
    expect(ask(file).status).toBe(0);
    const paths = groups.map((group) => join(workspace, group.file));
    const [first, second, ...others] = paths.map((path) => readFileSync(path)) as [Buffer, Buffer];
    rmSync(paths[0]!);
    writeFileSync(paths[1]!, 'left as it is');
    expect(ask(file)).toMatchObject({ status: 0, stderr: expect.stringContaining('1 of 1 groups') });
    expect(readFileSync(paths[0]!).equals(first)).toBe(true);
    expect(readFileSync(paths[1]!, 'utf8')).toBe('left as it is');
    expect(second.length + others.length).toBeGreaterThan(0);
    expect(readdirSync(workspace).filter((name) => name.includes('.partial'))).toEqual([]);
  });

  test('in float32', async () => {
    const file = join(root, 'single.json');
    const { workspace } = await exportTo(file);
    expect(ask(file, '--dtype', 'float32').status).toBe(0);
    const calibration = await calibrationOf(llama);
    const output = join(root, 'double');
    const given = { calibration, threads: '1', outliers: '4' };
    const run = runCommand((context) => quantize(llama.path, { output, ...given }, context, worker));
    expect(await run).toMatchObject({ code: 0 });
    const planned = await loadPlanned(llama.path, { outliers: '4' });
    const files = readdirSync(workspace).filter((name) => name.startsWith('layer-'));
    const theirs = readLinears(
      planned,
      files.map((name) => join(workspace, name)),
    );
    const own = readLinears(planned, [join(output, 'weights.safetensors')]);
    expect(await compare('float32', planned, calibration, own, theirs)).toEqual([]);
  });

  test('refuses what quikc has not written, in one line', async () => {
    const file = join(root, 'hostile.json');
    const work = await exportTo(file);
    const [group, ...others] = work.groups as [GptqWork['groups'][number]];
    const [linear, ...linears] = group.linears as [(typeof group.linears)[number]];
    const [factor] = group.factors as [(typeof group.factors)[number]];
    const withGroup = (changed: object) => ({ ...work, groups: [{ ...group, ...changed }, ...others] });
    const withLinear = (changed: object) => withGroup({ linears: [{ ...linear, ...changed }, ...linears] });
    const withFactor = (changed: object) => withGroup({ factors: [{ ...factor, ...changed }] });
    const text = readFileSync(file, 'utf8');
    const cut = join(root, 'cut.safetensors');
    writeFileSync(cut, readFileSync(linear.weight.file).subarray(0, 3000));
    const hostile: readonly (readonly [unknown, RegExp])[] = [
      [text.slice(0, 700), /JSON/],
      ['[]', /hostile/],
      ['['.repeat(200_000), /Recursion|JSON/],
      [{ ...work, format: 'quikc-gptq-work-2' }, /format/],
      [{ ...work, damping: '0.01' }, /damping/],
      [{ ...work, damping: null }, /damping/],
      [{ ...work, workspace: root }, /not the workspace/],
      [{ ...work, job: 'another' }, /not the workspace/],
      [{ ...work, groups: [group, group] }, /twice/],
      [withGroup({ file: '../layer-00000-0.safetensors' }), /no name of a group/],
      [withGroup({ linears: [] }), /no linears/],
      [withGroup({ gram: { ...group.gram, tensor: 'another' } }), /not what it was/],
      [withGroup({ gram: { ...group.gram, offset: group.gram.offset + 8 } }), /not what it was/],
      [withGroup({ gram: { ...group.gram, shape: [4, 4] } }), /XᵀX/],
      [withLinear({ k: 2 ** 40 }), /"k"/],
      [withLinear({ n: true }), /"n"/],
      [withLinear({ bits: 5 }), /bits/],
      [withLinear({ factor: 7 }), /factor/],
      [withLinear({ rows: { order: 'grouped', period: 3, first: 3, count: 1 } }), /rows/],
      [withLinear({ weight: { ...linear.weight, file: join(root, 'absent') } }), /absent/],
      [withLinear({ weight: { ...linear.weight, file: cut } }), /cut short|not what it was/],
      [withFactor({ order: [...(factor.order as number[]).slice(1), 0] }), /order/],
      [withFactor({ outlierColumns: [3, 1] }), /ascending/],
      [withFactor({ sparsity: '1:4' }), /sparsity/],
      [withFactor({ sparsity: '2:4' }), /another order/],
    ];
    const files = hostile.map(([given], index) => {
      const name = join(root, `hostile-${index}.json`);
      writeFileSync(name, typeof given === 'string' ? given : JSON.stringify(given));
      return name;
    });
    // One process for all of them: to load torch takes longer than to refuse.
    const code = `
import json, sys
sys.path.insert(0, ${JSON.stringify(resolve('compiler/quantise'))})
import gptq_torch
for path in json.load(sys.stdin):
    sys.argv[1:] = [path]
    try:
        gptq_torch.main()
        print('"done"')
    except SystemExit as end:
        print(json.dumps(end.code))`;
    const input = JSON.stringify(files);
    const { stdout, stderr } = spawnSync(python, ['-B', '-c', code], { encoding: 'utf8', input });
    expect(stderr).toBe('');
    const refusals = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(refusals.length).toBe(hostile.length);
    for (const [index, [given, words]] of hostile.entries()) {
      const what = JSON.stringify(given).slice(0, 300);
      expect(refusals[index], what).toEqual(expect.stringMatching(/^error: [^\n]*$/));
      expect(refusals[index], what).toMatch(words);
    }
    const [first] = files as [string];
    expect(ask(first)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: [^\n]*\n$/) });
    expect(readdirSync(work.workspace)).toEqual(['job']);
  });

  // Columns that never saw anything, columns that are one and the same, more columns than a block, groups and bytes that end early.
  const hard: readonly (readonly [string, number, number, Partial<LinearWeights>, GptqOptions])[] = [
    ['300 columns', 7, 300, {}, {}],
    [
      'an odd number of columns, 8 bits, bf16',
      5,
      261,
      { bits: 8, dtype: 'bf16', clip: true },
      { damping: 0.1 },
    ],
    ['an odd number of columns, pruned by pairs', 9, 141, {}, { sparsity: '4:8-pairs' }],
    ['pruned 2:4, clipped', 9, 267, { clip: true }, { sparsity: '2:4' }],
    ['no damping at first', 120, 40, {}, { damping: 0, order: { kind: 'act-order' } }],
  ];
  test.each(hard)('dead and equal columns: %s', (title, n, k, given, options) => {
    const folder = mkdtempSync(join(root, 'hard-'));
    const gram = exampleGram(k);
    for (let i = 0; i < k; i++) {
      for (const dead of [2, 17, k - 4]) gram[dead * k + i] = gram[i * k + dead] = 0;
      gram[9 * k + i] = gram[8 * k + i]!;
    }
    for (let i = 0; i < k; i++) gram[i * k + 9] = gram[i * k + 8]!;
    const linear = exampleLinear(n, k, 6, given);
    const weights = linear.weights.map(narrowFloat(linear.dtype).round);
    const mine = unwrap(gptq(threads, { ...linear, weights }, gram, options));
    const file = join(folder, 'inputs.safetensors');
    const inputs = [
      { name: 'gram', dtype: 'F64', shape: [k, k], bytes: new Uint8Array(gram.buffer) },
      { name: 'weight', dtype: 'F32', shape: [n, k], bytes: new Uint8Array(weights.buffer) },
    ];
    unwrap(writeSafetensors(file, inputs));
    const { order = { kind: 'natural' }, damping = 0.01, sparsity = 'dense' } = options;
    const outlierColumns = [...linear.outlierColumns];
    const columns = orderColumns({ kind: 'natural' }, new Float64Array(k), linear.outlierColumns);
    const tensors = new Map(unwrap(readLayerFiles([file])).map((tensor) => [tensor.name, tensor]));
    const placeOf = ({ dtype, shape, name }: (typeof inputs)[number]) => {
      return { file, tensor: name, dtype, shape, offset: tensors.get(name)!.offset };
    };
    const { bits, clip, dtype } = linear;
    const work: GptqWork = {
      ...{ format: 'quikc-gptq-work-1', model: title, workspace: folder, job: 'job', dtype, damping },
      groups: [
        {
          ...{ file: 'layer-00000-0.safetensors', gram: placeOf(inputs[0]!) },
          factors: [
            { outlierColumns, order: order.kind === 'act-order' ? order.kind : [...columns], sparsity },
          ],
          linears: [{ name: 'a', weight: placeOf(inputs[1]!), n, k, bits, clip, factor: 0 }],
        },
      ],
    };
    writeFileSync(join(folder, 'job'), 'job');
    writeFileSync(join(folder, 'work.json'), JSON.stringify(work));
    expect(ask(join(folder, 'work.json')).status).toBe(0);
    const found = readLayerFiles([join(folder, 'layer-00000-0.safetensors')]);
    const read = new Map(unwrap(found).map((tensor) => [tensor.name, tensor]));
    const expected = { name: 'a', n, k, bits, outliers: 6, outlierColumns: linear.outlierColumns };
    const theirs = unwrap(readQuantisedLinear(read, expected, ''));
    expect(theirs.scales).toEqual(mine.linear.scales);
    const different = theirs.codes.filter((code, at) => code !== mine.linear.codes[at]).length;
    expect(different / (n * k)).toBeLessThanOrEqual(1e-3);
    const [loss, theirLoss] = [mine.linear, theirs].map((one) => quadraticLoss(threads, weights, one, gram));
    expect(Math.abs(theirLoss! / loss! - 1)).toBeLessThanOrEqual(1e-3);
    if (options.damping === 0) expect(mine.damping).toBeGreaterThan(0);
  });

  test('rows and roundings are those of quikc', () => {
    const values = [1, -1, 65504, 65519.99, 65520, 1e-8, 3e-8, 0.1, 1 / 3, 3.3895e38, 1e300, 0, -0, 5.1e-320];
    // Beside a tie of each format, by less than float32 tells: rounded to that first, they would be ties.
    for (const tie of [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 2 ** -25, 2 ** -134])
      values.push(tie, tie * (1 + 2 ** -40), tie * (1 - 2 ** -40), -tie * (1 + 2 ** -40));
    const code = `
import json, sys
sys.path.insert(0, ${JSON.stringify(resolve('compiler/quantise'))})
import numpy as np, gptq_torch as g
given = json.load(sys.stdin)
values = np.array(given['values'], np.float64)
print(json.dumps({
    'f16': g.to_16_bit(values, 'f16').tolist(), 'bf16': g.to_16_bit(values, 'bf16').tolist(),
    'rows': [g.row_numbers(rows, 24).tolist() for rows in given['rows']],
}))`;
    const rows = [
      { order: 'paired', headDim: 4 },
      { order: 'paired', headDim: 12 },
      { order: 'grouped', period: 6, first: 4, count: 1 },
      { order: 'grouped', period: 12, first: 2, count: 8 },
    ] as const;
    const input = JSON.stringify({ values, rows });
    const { stdout, stderr } = spawnSync(python, ['-B', '-c', code], { encoding: 'utf8', input });
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as { f16: number[]; bf16: number[]; rows: number[][] };
    // -0 is 0 in JSON.
    const encode = (dtype: 'f16' | 'bf16') => values.map((value) => narrowFloat(dtype).encode(value + 0));
    expect(found.f16).toEqual(encode('f16'));
    expect(found.bf16).toEqual(encode('bf16'));
    const numbers = Float32Array.from({ length: 24 }, (_, row) => row);
    expect(found.rows).toEqual(rows.map((order) => [...restoreRowOrder(order, 24, numbers)]));
  });
});
