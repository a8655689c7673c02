// The package that a bundle for WebGPU carries: sealed with it, true to its manifest, and proof against odd names.
import { appendFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadWebRuntime } from '../../../../compiler/package/load-web-runtime.ts';
import { readBundle } from '../../../../compiler/package/read-bundle.ts';
import { formatSums } from '../../../../compiler/package/sums.ts';
import { formatFormula } from '../../../../compiler/package/web/format-formula.ts';
import { makeWebPackage } from '../../../../compiler/package/web/make-web-package.ts';
import { writeBundle } from '../../../../compiler/package/write-bundle.ts';
import { narrowFloat } from '../../../../compiler/reference/narrow-float.ts';
import { constant, evaluate, type Formula, tokens } from '../../../../ir/formula.ts';
import type { Manifest } from '../../../../ir/manifest.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { compileFixture, llama7b, llama70b, tinyLlama } from '../../compile-fixture.ts';

const { manifest, files } = await compileFixture(tinyLlama, { target: webgpu });
const runtime = loadWebRuntime('templates/package/web');
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? '').toString('utf8');

let root: string;
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-web-')));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function load(folder: string) {
  return import(/* @vite-ignore */ pathToFileURL(join(root, folder, 'web', 'index.js')).href);
}

test('a bundle for CUDA has none', async () => {
  const cuda = await compileFixture(tinyLlama);
  expect([...cuda.files.keys()].filter((path) => path.startsWith('web/'))).toEqual([]);
});

test('it is sealed with the bundle: whoever alters a module is found out', () => {
  const folder = join(root, 'sealed');
  expect(writeBundle(folder, files).ok).toBe(true);
  expect(readBundle(folder).ok).toBe(true);
  appendFileSync(join(folder, 'web', 'index.js'), '// more');
  const read = readBundle(folder);
  expect(read.ok ? [] : read.error.map(({ code, file }) => `${code} ${file}`)).toEqual([
    `QK561 ${join(folder, 'web', 'index.js')}`,
  ]);
});

test('a bundle with it is replaced, and one with a module of somebody’s own is not', () => {
  const folder = join(root, 'again');
  expect(writeBundle(folder, files).ok).toBe(true);
  expect(writeBundle(folder, files).ok).toBe(true);
  const own = new Map([...files, ['web/own.js', Buffer.from('mine')]]);
  const sums = Buffer.from(formatSums(own));
  writeFileSync(join(folder, 'web', 'own.js'), 'mine');
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
  expect(writeBundle(folder, files)).toMatchObject({ ok: false, error: { code: 'QK550' } });
});

test('it is an npm package of quikc’s version that depends on nothing', () => {
  const found = JSON.parse(text(files.get('web/package.json')));
  expect(found).toMatchObject({
    name: 'tiny-llama.webgpu',
    type: 'module',
    version: manifest.provenance.quikc,
  });
  expect(Object.keys(found).filter((key) => /dependencies|scripts/i.test(key))).toEqual([]);
  for (const [path, bytes] of files) {
    const specifiers = [...text(bytes).matchAll(/^(?:im|ex)port .*from ['"](.+)['"]/gm)].map(
      ([, name]) => name,
    );
    if (/^web\/.*\.js$/.test(path)) expect(specifiers.filter((name) => !name?.startsWith('./'))).toEqual([]);
  }
});

test('its shaders are files too, the texts that the modules have, and can be asked for by name', async () => {
  writeBundle(join(root, 'files'), files);
  const { shaders } = await import(
    /* @vite-ignore */ pathToFileURL(join(root, 'files', 'web', 'shaders.js')).href
  );
  const paths = [...files.keys()].filter((path) => path.endsWith('.wgsl'));
  expect(paths.toSorted()).toEqual(manifest.kernels.map(({ id }) => `web/kernels/${id}.wgsl`).toSorted());
  for (const { id } of manifest.kernels) expect(text(files.get(`web/kernels/${id}.wgsl`))).toBe(shaders[id]);
  expect(JSON.parse(text(files.get('web/package.json'))).exports['./kernels/*']).toBe('./kernels/*');
});

test('its types can be read: signatures are short, and no sentence of a function is another’s', () => {
  const types = text(files.get('web/index.d.ts'));
  const long = types
    .split('\n')
    .filter((line) => /^export (declare )?(function|type)/.test(line) && line.length > 210);
  expect(long).toEqual([]);
  const functions = types.slice(types.indexOf('/** Where each layer goes'));
  const comments = [...functions.matchAll(/\/\*\*([\s\S]*?)\*\//g)].map(([, comment = '']) => comment);
  expect(comments.length).toBeGreaterThan(8);
  const sentences = comments.flatMap((comment) =>
    comment.replaceAll(/\s*\n?\s*\*?\s+/g, ' ').split(/(?<=\.) /),
  );
  expect(
    sentences.filter((sentence, at) => sentence.trim() !== '' && sentences.indexOf(sentence) !== at),
  ).toEqual([]);
});

test.each(['f16', 'bf16'] as const)('its decoder reads every %s as quikc’s own does', async (dtype) => {
  writeBundle(join(root, dtype), files);
  const { decodeFloats } = await import(
    /* @vite-ignore */ pathToFileURL(join(root, dtype, 'web', 'decode-floats.js')).href
  );
  const bits = Uint16Array.from({ length: 65_536 }, (_, value) => value);
  const { decode } = narrowFloat(dtype);
  expect(decodeFloats(bits, dtype)).toEqual(Float32Array.from(bits, decode));
});

test('a formula in JavaScript has the values of the formula', () => {
  const formulas: readonly Formula[] = [
    ...manifest.kernels.flatMap(({ arguments: all, dispatches = [] }) => [
      ...dispatches.flatMap(({ grid }) => grid),
      ...all.flatMap((argument) => (argument.kind === 'buffer' ? [argument.bytes] : [])),
    ]),
    { mul: [{ add: [tokens, constant(3)] }, { ceilDiv: [{ mul: [tokens, constant(5)] }, constant(7)] }] },
    { ceilDiv: [{ add: [tokens, constant(1)] }, { max: [tokens, constant(4)] }] },
    { ceilDiv: [constant(9), { mul: [constant(2), tokens] }] },
  ];
  for (const formula of formulas) {
    const made = new Function('M', `return ${formatFormula(formula)}`);
    for (const m of [1, 2, 7, 8, 9, 65_535, 65_536, 200_000])
      expect(made(m), JSON.stringify(formula)).toBe(evaluate(formula, m));
  }
});

describe('what it tells', () => {
  test('are the bytes of the manifest, for the kernel that serves M', async () => {
    writeBundle(join(root, 'bytes'), files);
    const { bytes, layers } = await load('bytes');
    for (const m of [1, 8, 33, 1000]) {
      expect(bytes('o_proj', m).buffers).toMatchObject({ x: m * 384, codes: m * 96, outlier_columns: 32 });
      expect(bytes('down_proj', m).linears.down_proj).toMatchObject({ weights: 98304, y: m * 384 });
    }
    expect(Object.keys(layers)).toEqual(manifest.layers.map(({ id }) => id));
  });

  test.each([
    ['7B', llama7b, 31],
    ['70B', llama70b, 79],
  ])('fits LLaMA-2-%s: every limit is WebGPU’s default or less', async (name, file, last) => {
    const large = await compileFixture(file, { target: webgpu });
    writeBundle(join(root, name), large.files);
    const { requiredLimits, layers } = await load(name);
    expect(requiredLimits.maxStorageBufferBindingSize).toBeLessThanOrEqual(webgpu.limits.bindingBytes);
    expect(requiredLimits.maxBufferSize).toBeLessThanOrEqual(webgpu.limits.bufferBytes);
    expect(requiredLimits.maxComputeWorkgroupStorageSize).toBeLessThanOrEqual(16_384);
    expect(layers['layers/mlp.down_proj']).toMatchObject({ first: 0, last });
  });

  /** A model of one linear, quantised as QUIK-8B: with N = 57,344 LLaMA-2-70B's gate_up. */
  const oneLinear = (n: number) => {
    const file = join(root, `linear-${n}.json`);
    const node = { name: 'gate_up', op: 'linear', input: 'input', in: 8192, out: n, scheme: 'quik-8b' };
    const graph = { input: { features: 8192 }, blocks: [{ nodes: [node] }] };
    writeFileSync(file, JSON.stringify({ quikc: 1, name: `linear-${n}`, graph }));
    return compileFixture(file, { target: webgpu });
  };

  test('has what packed weights beyond a default buffer need, and binds them part by part', async () => {
    const large = await oneLinear(57_344);
    writeBundle(join(root, 'large'), large.files);
    const { variants } = await load('large');
    const { bindingBytes, bufferBytes } = webgpu.limits;
    for (const { requiredLimits } of Object.values<{ requiredLimits: Record<string, number> }>(variants)) {
      expect(requiredLimits['maxBufferSize']).toBe(57_344 * (8192 - 256));
      expect(requiredLimits['maxBufferSize']).toBeGreaterThan(bufferBytes);
      expect(requiredLimits['maxStorageBufferBindingSize']).toBeLessThanOrEqual(bindingBytes);
    }
    const linears = large.manifest.kernels.filter(({ spec }) => spec.family === 'linear');
    const parts = linears.flatMap(({ dispatches = [] }) =>
      dispatches.flatMap(({ buffers }) => buffers.flatMap(({ range }) => range?.bytes ?? [])),
    );
    expect(parts.length).toBeGreaterThanOrEqual(8 * linears.length);
    expect(Math.max(...parts)).toBeLessThanOrEqual(bindingBytes);
  });

  test('cannot have more than any device grants', async () => {
    await expect(oneLinear(2 ** 18 + 2 ** 14)).rejects.toThrow(/QK301.*packed weights of 2\d{9} bytes/s);
  });
});

/** A manifest in which a name stands for another, everywhere. */
function renamed(from: string, to: string): Manifest {
  return JSON.parse(JSON.stringify(manifest).replaceAll(from, JSON.stringify(to).slice(1, -1))) as Manifest;
}

const dollar = '$';
const oddNames = [
  'a */ throw 1; /*',
  `\`${dollar}{process.exit(1)}\``,
  '"\'\\',
  'line\nbreak',
  '__proto__',
  'ünïcode 7',
  '0',
];

test.each(oddNames)('a model with the name %j in it gives modules and types without a fault', async (odd) => {
  for (const name of ['o_proj', 'tiny-llama', 'layers/']) {
    const given = renamed(name, name === 'layers/' ? `${odd}/` : odd);
    if (name === 'layers/')
      for (const block of given.plan.blocks) if (block.name === 'layers') Object.assign(block, { name: odd });
    const made = makeWebPackage(given, new Map([['k', `\`\${1}\\ ${odd}`]]), runtime);
    for (const path of ['web/index.js', 'web/index.d.ts', 'web/shaders.js']) {
      const source = ts.createSourceFile(path, text(made.get(path)), ts.ScriptTarget.ES2022);
      const faults = (source as unknown as { parseDiagnostics: readonly unknown[] }).parseDiagnostics;
      expect(faults, `${path}: ${name}`).toEqual([]);
    }
    expect(JSON.parse(text(made.get('web/package.json'))).name).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
    const folder = `odd-${oddNames.indexOf(odd)}-${name.replace('/', '')}`;
    writeBundle(
      join(root, folder),
      new Map([...made, ['SHA256SUMS', Buffer.from('')], ['manifest.json', Buffer.from('{}')]]),
    );
    const { bytes, layers } = await load(folder);
    const [site] = given.sites.slice(1);
    expect(bytes(site?.id, 1).buffers.x).toBe(384);
    expect(Object.keys(layers)).toEqual(given.layers.map(({ id }) => id));
  }
});
