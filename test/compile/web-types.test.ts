// index.d.ts as a program in TypeScript meets it: what is right compiles, and each slip is a type error that names it.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { webgpu } from '../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compiler/compile-fixture.ts';

let app: string;

beforeAll(async () => {
  app = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-types-')));
  const { files } = await compileFixture(tinyLlama, { target: webgpu });
  const folder = join(app, 'node_modules', 'tiny-llama.webgpu');
  mkdirSync(folder, { recursive: true });
  for (const [path, bytes] of files) {
    if (/^web\/[^/]+$/.test(path)) writeFileSync(join(folder, path.slice('web/'.length)), bytes);
  }
  symlinkSync(resolve('node_modules/@webgpu'), join(app, 'node_modules', '@webgpu'));
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(app, { recursive: true, force: true }));

/** What tsc says of programs, each a file of its own: its messages by name, library files included. */
function check(programs: Readonly<Record<string, string>>, types: readonly string[]) {
  const names = Object.keys(programs).map((name) => join(app, `${name.replaceAll(' ', '-')}.ts`));
  for (const [index, text] of Object.values(programs).entries()) writeFileSync(names[index]!, text);
  const program = ts.createProgram(names, {
    ...{ strict: true, noEmit: true, exactOptionalPropertyTypes: true },
    ...{
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
    },
    ...{ moduleResolution: ts.ModuleResolutionKind.NodeNext, types: [...types] },
  });
  const messages = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => ({
    file: file?.fileName,
    text: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
  return (name?: string) =>
    messages.flatMap(({ file, text }) => {
      const wanted = name === undefined || file === join(app, `${name.replaceAll(' ', '-')}.ts`);
      return wanted ? [text] : [];
    });
}

const program = (body: string) => `
import { bytes, createPipelines, layers, open, openSafetensors, requiredFeatures, requiredLimits, supportedVariants, unsupported, uploadWeights, type VariantName, variants } from 'tiny-llama.webgpu';
export async function run(adapter: GPUAdapter, encoder: GPUCommandEncoder, pass: GPUComputePassEncoder, own: GPUBuffer) {
  const missing: string[] = unsupported(adapter, navigator.gpu);
  const names: VariantName[] = supportedVariants(adapter, navigator.gpu);
  await adapter.requestDevice(variants[names[0] ?? 'scalar']);
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  const { sites, orLost, variant } = await createPipelines(device);
  const site = sites.o_proj;
  const { buffers, linears } = await site.createBuffers(8);
  const file = await openSafetensors(new Blob([]));
  const weights = await uploadWeights(device, 'layers/self_attn.o_proj', file.weights('layers/self_attn.o_proj', 2));
  const all = { ...linears.o_proj, ...weights };
  ${body}
  return { missing, variant, layers, sizes: bytes('o_proj', 8).buffers.codes, orLost };
}`;

const right = program(`
  site.encode(encoder, { M: 8, buffers, linears: { o_proj: all } });
  site.run({ M: 8, buffers, linears: { o_proj: all } });
  site.quantize.encode(pass, { M: 8, buffers: { ...buffers, x: own } });
  site.encode(pass, { M: 8, buffers, linears: { o_proj: { ...all, y: { buffer: linears.o_proj.y, offset: 256 } } } });
  device.queue.writeBuffer(buffers.x, 0, new Uint16Array(8 * 192));
  const next = await sites.down_proj.createBuffers(8);
  sites.down_proj.linears.down_proj.encode(pass, { M: 8, buffers: {
    ...next.buffers, ...next.linears.down_proj, residual: linears.o_proj.y as GPUBuffer,
    ...(await uploadWeights(device, 'layers/mlp.down_proj', { weights: new ArrayBuffer(1), column_meta: new Uint8Array(1), outlier_weights: new Blob([]) })) } });
  const few = await createPipelines(device, { sites: ['qkv_proj'], variant: 'subgroups', gpu: navigator.gpu });
  few.sites.qkv_proj.encode;
  const opened = await open({ sites: ['o_proj'] });
  opened.device.queue.writeBuffer((await opened.sites.o_proj.createBuffers(1)).buffers.x, 0, new Uint16Array(192));
  (await open({ gpu: navigator.gpu, variant: 'scalar' })).device.queue;`);

/** What somebody wrote, and words of what the compiler answers. */
const slips: readonly (readonly [string, string, RegExp])[] = [
  [
    'a buffer is missing',
    'const { y, ...rest } = all; site.encode(encoder, { M: 8, buffers, linears: { o_proj: rest } });',
    /'y' is missing/,
  ],
  [
    'a name is wrong',
    'site.encode(encoder, { M: 8, buffers: { ...buffers, gama: own }, linears: { o_proj: all } });',
    /'gama' does not exist/,
  ],
  [
    'a buffer of another site',
    'const { buffers: other } = await sites.down_proj.createBuffers(8); site.quantize.encode(pass, { M: 8, buffers: { ...buffers, codes: other.codes } });',
    /s8\[M\]\[512\] codes-rows/,
  ],
  [
    'two buffers are swapped',
    'site.quantize.encode(pass, { M: 8, buffers: { ...buffers, codes: buffers.row_meta } });',
    /f32\[M\]\[2\] row-meta/,
  ],
  [
    'written over what is read, of one shape though they are',
    'site.run({ M: 8, buffers, linears: { o_proj: { ...all, y: linears.o_proj.residual } } });',
    /"residual: f16\[M\]\[192\]"' is not assignable to type '"y: f16\[M\]\[192\]"/,
  ],
  [
    'read from where it is written',
    'site.run({ M: 8, buffers, linears: { o_proj: { ...all, residual: linears.o_proj.y } } });',
    /"y: f16\[M\]\[192\]"' is not assignable to type '"residual: f16\[M\]\[192\]"/,
  ],
  [
    'a result where an input is meant',
    'site.run({ M: 8, buffers: { ...buffers, x: linears.o_proj.y }, linears: { o_proj: all } });',
    /"y: f16\[M\]\[192\]"' is not assignable to type '"x: f16\[M\]\[192\]"/,
  ],
  [
    'weights of another layer',
    "const other = await uploadWeights(device, 'layers/mlp.gate_up_proj', file.weights('layers/mlp.gate_up_proj', 2)); site.encode(encoder, { M: 8, buffers, linears: { o_proj: { ...all, ...other } } });",
    /s4\[64\]\[3\]\[512\]/,
  ],
  [
    'no such linear',
    'site.encode(encoder, { M: 8, buffers, linears: { q_proj: all } });',
    /'q_proj' does not exist/,
  ],
  ['M is missing', 'site.encode(encoder, { buffers, linears: { o_proj: all } });', /'M' is missing/],
  ['no such site', 'sites.x_proj;', /'x_proj' does not exist/],
  [
    'a site that was not compiled',
    "(await createPipelines(device, { sites: ['qkv_proj'] })).sites.o_proj;",
    /'o_proj' does not exist/,
  ],
  [
    'a site that was not opened',
    "(await open({ sites: ['qkv_proj'] })).sites.o_proj;",
    /'o_proj' does not exist/,
  ],
  [
    'no such layer',
    "await uploadWeights(device, 'layers/o_proj', {});",
    /'"layers\/o_proj"' is not assignable/,
  ],
  [
    'an argument of a layer is missing',
    "await uploadWeights(device, 'layers/self_attn.o_proj', { weights: new ArrayBuffer(1), column_meta: new ArrayBuffer(1) });",
    /'outlier_weights' is missing/,
  ],
  [
    'not a buffer',
    'site.quantize.encode(pass, { M: 8, buffers: { ...buffers, x: new Uint8Array(1) } });',
    /Uint8Array/,
  ],
];

describe('index.d.ts, with the types of WebGPU that programs have', () => {
  const told = { say: (_name?: string): readonly string[] => [] };
  beforeAll(() => {
    const wrong = Object.fromEntries(slips.map(([name, body]) => [name, program(body)]));
    told.say = check({ right, ...wrong }, ['@webgpu/types']);
  });

  test('accepts what is right', () => expect(told.say('right')).toEqual([]));

  test.each(slips)('refuses: %s', (name, _, words) => {
    expect(told.say(name)).toEqual([expect.stringMatching(words)]);
  });
});

test('index.d.ts needs no declaration of WebGPU: whatever has the members it asks for will do', () => {
  const text = `
import { createPipelines, uploadWeights, type BufferLike, type EncoderLike } from 'tiny-llama.webgpu';
interface MyBuffer extends BufferLike { readonly mine: true }
interface MyDevice { createBuffer(descriptor: { size: number; usage: number }): MyBuffer; readonly lost: Promise<unknown> }
export async function run(device: MyDevice, encoder: EncoderLike, bytes: ArrayBuffer): Promise<true> {
  const { sites } = await createPipelines(device);
  const { buffers, linears } = await sites.o_proj.createBuffers(1);
  const source = { weights: bytes, column_meta: bytes, outlier_weights: bytes };
  const weights = await uploadWeights(device, 'layers/self_attn.o_proj', source);
  sites.o_proj.encode(encoder, { M: 1, buffers, linears: { o_proj: { ...linears.o_proj, ...weights } } });
  return weights.weights.mine;
}`;
  expect(check({ own: text }, [])()).toEqual([]);
});
