// What the package's modules do before any shader runs: on a device that counts, and fails where it is told to.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeBundle } from '../../../../compiler/package/write-bundle.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { compileFixture, onlySlices, tinyLlama } from '../../compile-fixture.ts';
import { fakeDevice } from './fake-device.ts';

const { files } = await compileFixture(tinyLlama, { target: webgpu });
const root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-web-')));
writeBundle(join(root, 'bundle'), files);
const bundle = await import(/* @vite-ignore */ pathToFileURL(join(root, 'bundle', 'web', 'index.js')).href);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const layer = 'layers/self_attn.o_proj';
const { bytes: sizes, spec } = bundle.layers[layer];

/** Packed weights in which every byte tells its place. */
function packed(): Record<string, Uint8Array> {
  const entries = Object.entries(sizes as Record<string, number>);
  return Object.fromEntries(
    entries.map(([name, size], index) => [name, Uint8Array.from({ length: size }, (_, i) => i * 7 + index)]),
  );
}

async function ready() {
  const fake = fakeDevice();
  const pipelines = await bundle.createPipelines(fake.device, { gpu: {}, checkFinite: false });
  const site = pipelines.sites.o_proj;
  const { buffers, linears } = await site.createBuffers(64);
  const weights = await bundle.uploadWeights(fake.device, layer, packed());
  const request = (M: number) => ({ M, buffers, linears: { o_proj: { ...linears.o_proj, ...weights } } });
  return { ...fake, pipelines, site, request };
}

describe('encode', () => {
  test('makes bind groups once, whatever M comes, and dispatches what the launch formulas say', async () => {
    const { site, request, counts, pass } = await ready();
    for (const M of [1, 2, 3, 64, 1, 3]) site.encode(pass, request(M));
    expect(counts.groups).toBe(2);
    expect(counts.dispatches.slice(0, 4)).toEqual([
      [1, 1, 1],
      [3, 1, 1], // another kernel serves one token
      [2, 1, 1],
      [3, 2, 1],
    ]);
    expect(counts.dispatches).toHaveLength(12);
  });

  test('makes others for other buffers, and records nothing for no tokens', async () => {
    const { site, request, counts, pass } = await ready();
    const other = await site.createBuffers(1);
    site.encode(pass, request(1));
    site.encode(pass, { ...request(1), buffers: other.buffers });
    expect(counts.groups).toBe(4);
    site.encode(pass, request(0));
    expect(counts.dispatches).toHaveLength(4);
  });

  test('gives each M a place of its own, for what is recorded may be submitted later', async () => {
    const { site, request, pass, written } = await ready();
    for (const M of [5, 6]) site.encode(pass, request(M));
    const uniform = [...written.values()].find((content) => content.length === 256 * 256)!;
    const counts = new Uint32Array(uniform.buffer);
    expect([counts[0], counts[64], counts[128]]).toEqual([5, 6, 0]);
  });

  test('says so where M takes more workgroups than a device has', async () => {
    const { site, request, pass, device } = await ready();
    Object.assign(device.limits, { maxComputeWorkgroupsPerDimension: 4 });
    expect(() => site.encode(pass, request(64))).toThrow(/64 x 1 x 1 workgroups, 4 a side/);
  });
});

test('a quantize is followed by a look at its row meta and its outliers, unless nobody wants it', async () => {
  const { device, pass, counts } = fakeDevice();
  const site = (await bundle.createPipelines(device, { gpu: {} })).sites.o_proj;
  const { buffers } = await site.createBuffers(1000);
  site.quantize.encode(pass, { M: 1000, buffers });
  // 1000 rows of 2 words, and of 16 outliers in 8 words, 256 words a workgroup.
  expect(counts.dispatches).toEqual([[1000, 1, 1], [8], [32]]);
});

describe('a launch of two dispatches', () => {
  test('takes the workspace that createBuffers made for as many tokens, or more', async () => {
    const sliced = await compileFixture(tinyLlama, { target: webgpu, exclude: onlySlices });
    writeBundle(join(root, 'sliced'), sliced.files);
    const path = pathToFileURL(join(root, 'sliced', 'web', 'index.js')).href;
    const { createPipelines, uploadWeights } = await import(/* @vite-ignore */ path);
    const { device, pass, counts } = fakeDevice();
    const site = (await createPipelines(device, { gpu: {}, checkFinite: false })).sites.o_proj;
    const weights = await uploadWeights(device, layer, packed());
    const made = await site.createBuffers(64);
    const linears = { o_proj: { ...made.linears.o_proj, ...weights } };
    // Of 32 tokens, the most that slices serve: 8 bytes a channel and slice.
    expect(linears.o_proj.workspace.size % (32 * 192 * 8)).toBe(0);
    for (const M of [6, 64]) site.encode(pass, { M, buffers: made.buffers, linears });
    expect(counts.dispatches).toHaveLength(3 + 2);
    expect(counts.dispatches[2]).toEqual([1, 6, 1]);
    const { workspace: _, ...without } = linears.o_proj;
    expect(() => site.encode(pass, { M: 6, buffers: made.buffers, linears: { o_proj: without } })).toThrow(
      /the buffer "workspace" is missing/,
    );
    expect(() =>
      site.encode(pass, { M: 64, buffers: made.buffers, linears: { o_proj: without } }),
    ).not.toThrow();
  });
});

describe('a device that fails', () => {
  test('without memory gives out-of-memory, and keeps none of the buffers', async () => {
    const { site, faults, counts, device } = await ready();
    faults['out-of-memory'] = 'no more';
    const { buffers, destroyed } = counts;
    await expect(site.createBuffers(4)).rejects.toMatchObject({
      code: 'out-of-memory',
      message: expect.stringContaining('no more'),
    });
    await expect(bundle.uploadWeights(device, layer, packed())).rejects.toMatchObject({
      code: 'out-of-memory',
    });
    expect(counts.destroyed - destroyed).toBe(counts.buffers - buffers);
  });

  test('and is lost ends what waits for it, and refuses the rest', async () => {
    const { site, request, pass, pipelines, lose } = await ready();
    const waiting = pipelines.orLost(new Promise(() => {}));
    lose({ reason: 'unknown', message: 'the driver went' });
    const told = { code: 'device-lost', message: 'the device is lost (unknown): the driver went' };
    await expect(waiting).rejects.toMatchObject(told);
    expect(() => site.encode(pass, request(1))).toThrow(expect.objectContaining(told));
  });

  test('was made without the limits gives unsupported', async () => {
    const { device } = fakeDevice();
    Object.assign(device.limits, { maxComputeInvocationsPerWorkgroup: 128 });
    const told = {
      code: 'unsupported',
      message: expect.stringContaining('maxComputeInvocationsPerWorkgroup is 128, 256 is needed'),
    };
    await expect(bundle.createPipelines(device, { gpu: {} })).rejects.toMatchObject(told);
  });
});

test('unsupported says what an adapter lacks, and when that cannot be told', () => {
  const adapter = fakeDevice().device;
  const has = (name: string) => ({ wgslLanguageFeatures: new Set([name]) });
  expect(bundle.unsupported(null)).toEqual(['there is no WebGPU adapter']);
  expect(bundle.unsupported(adapter, has('packed_4x8_integer_dot_product'))).toEqual([]);
  expect(bundle.unsupported(adapter)).toEqual([]);
  expect(bundle.unsupported(adapter, has('other'), 'base')).toEqual([
    expect.stringContaining('packed_4x8_integer_dot_product is missing'),
  ]);
  expect(bundle.unsupported(adapter, undefined, 'base')).toEqual([expect.stringContaining('cannot be told')]);
  expect(() => bundle.unsupported(adapter, has('other'), 'best')).toThrow(
    /no variant "best", the variants are scalar/,
  );
  Object.assign(adapter.limits, { maxBufferSize: 1 });
  expect(bundle.unsupported(adapter, has('packed_4x8_integer_dot_product'))).toEqual([
    expect.stringContaining('maxBufferSize is 1'),
  ]);
});

/** A safetensors file of the layer's weights for number 2, by its header. */
function safetensors(
  change: { metadata?: object; dtype?: string; name?: string } = {},
): Uint8Array<ArrayBuffer> {
  const { dtype = 'U8', name = 'layers.2.self_attn.o_proj' } = change;
  const specs = JSON.stringify({ [layer]: spec });
  const metadata = { format: 'quikc-packed-1', model: 'tiny-llama', specs, ...change.metadata };
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const [argument, { length }] of Object.entries(packed())) {
    header[`${name}.${argument}`] = { dtype, shape: [length], data_offsets: [at, at + length] };
    at += length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let end = 8 + text.length;
  for (const part of Object.values(packed())) {
    file.set(part, end);
    end += part.length;
  }
  return file;
}

/** A stream in pieces of odd sizes, as networks give them. */
function inPieces(bytes: Uint8Array) {
  return { size: bytes.length, stream: () => ReadableStream.from(pieces(bytes)) };
}
function* pieces(bytes: Uint8Array) {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 5 + 3) % 4099)
    yield bytes.subarray(at, at + size);
}

describe('weights', () => {
  const upload = async (source: unknown, options?: object) => {
    const { device, written } = fakeDevice();
    const buffers: Record<string, object> = await bundle.uploadWeights(device, layer, source, options);
    return Object.fromEntries(Object.entries(buffers).map(([name, buffer]) => [name, written.get(buffer)]));
  };
  let url: string;
  const server = createServer((request, response) => {
    const file = safetensors();
    const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    if (request.url === '/whole') return response.end(file);
    if (request.url !== '/ranges') return response.writeHead(404).end();
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${file.length}` });
    return response.end(file.subarray(Number(from), Number(to) + 1));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test('arrive byte for byte, whatever pieces they come in, and progress is told to the end', async () => {
    const progress: { loaded: number; total: number }[] = [];
    const onProgress = (step: { loaded: number; total: number }) => progress.push(step);
    const streams = Object.fromEntries(
      Object.entries(packed()).map(([name, bytes]) => [name, inPieces(bytes)]),
    );
    expect(await upload(streams, { onProgress })).toEqual(packed());
    expect(progress.length).toBeGreaterThan(10);
    expect(progress.every(({ loaded }, i) => loaded >= (progress[i - 1]?.loaded ?? 0))).toBe(true);
    expect(progress.at(-1)?.loaded).toBe(progress.at(-1)?.total);
  });

  test.each(['bytes', 'a Blob', 'an address'])('come out of a safetensors file that is %s', async (kind) => {
    const file = safetensors();
    const source = { bytes: file, 'a Blob': new Blob([file]), 'an address': `${url}/ranges` }[kind];
    const opened = await bundle.openSafetensors(source);
    expect(await upload(opened.weights(layer, 2))).toEqual(packed());
  });

  const bad: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['truncated', () => safetensors().subarray(0, -1), /it is truncated: \d+ of \d+ bytes/],
    ['cut off in its header', () => safetensors().subarray(0, 40), /it ends within its header: 40 of/],
    ['no safetensors file', () => new Uint8Array(3), /it has 3 bytes/],
    ['noise', () => new Uint8Array(64).fill(255), /no safetensors file/],
    [
      'of another model',
      () => safetensors({ metadata: { model: 'llama-2-7b' } }),
      /of the model llama-2-7b, this is tiny-llama/,
    ],
    [
      'not packed',
      () => safetensors({ metadata: { format: 'pt' } }),
      /has the format pt, expected quikc-packed-1/,
    ],
    [
      'packed for another spec',
      () => safetensors({ metadata: { specs: JSON.stringify({ [layer]: 'w8 n1' }) } }),
      /packed for "w8 n1", this is "w4 n192 k192 f8 compact f16"/,
    ],
    [
      'without the layer',
      () => safetensors({ name: 'layers.1.self_attn.o_proj' }),
      /no tensor layers.2.self_attn.o_proj.weights/,
    ],
    ['of another dtype', () => safetensors({ dtype: 'I8' }), /18432 bytes of I8, expected 18432 of U8/],
    ['behind a server without ranges', () => `${url}/whole`, /does not answer requests for a range/],
    ['not there', () => `${url}/none`, /answers 404/],
    [
      'at a path in place of an address',
      () => './packed.safetensors',
      /^\.\/packed\.safetensors cannot be fetched: /,
    ],
    ['at no server', () => 'http://127.0.0.1:1/x', /^http:\S+ cannot be fetched: /],
    [
      'a Blob that went',
      () => ({
        size: 64,
        slice: () => ({
          size: 8,
          stream: () => new ReadableStream({ pull: () => Promise.reject(new Error('it went')) }),
        }),
        stream: () => {},
      }),
      /cannot be read: it went/,
    ],
  ];
  test.each(bad)('are refused where the file is %s', async (_, source, words) => {
    const run = async () => (await bundle.openSafetensors(source())).weights(layer, 2);
    await expect(run()).rejects.toMatchObject({ code: 'weights', message: expect.stringMatching(words) });
  });

  test.each([undefined, null, 42, {}])('are no %j', async (source) => {
    const usage = {
      name: 'BundleError',
      code: 'usage',
      message: expect.stringMatching(/^weights are a File or Blob/),
    };
    await expect(bundle.openSafetensors(source)).rejects.toMatchObject(usage);
    const fault = { name: 'BundleError', code: 'weights' };
    await expect(upload(source)).rejects.toMatchObject(fault);
    await expect(upload({ ...packed(), weights: source })).rejects.toMatchObject(fault);
  });

  test('are asked for by a number that the layer has', async () => {
    const opened = await bundle.openSafetensors(safetensors());
    for (const number of [4, -1, undefined, 0.5])
      expect(() => opened.weights(layer, number)).toThrow(/packed for the layers 0 to 3/);
  });
});
