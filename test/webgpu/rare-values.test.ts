// What few inputs reach: rows beyond a dimension's workgroups, the roundings at the ends of 16-bit floats, ranges that overflow.
import { describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { narrowFloat } from '../../compiler/reference/narrow-float.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { runOnAdapter } from '../../compiler/verify/run-on-adapter.ts';
import { runBuffers } from './run-buffers.ts';
import { contractOf, quantizeShader, renderShader, runShader } from './shader-workbench.ts';

const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

needsDawn('a quantize of as many rows as two dimensions of workgroups have', () => {
  const spec = quantizeShader({ k: 2, outliers: 0 }, 32);
  const text = renderShader(spec);
  // The last row of a full fold: one less in the first dimension would leave it out.
  const verify = (altered: string) => runShader(spec, altered, [2 * 65_535], contractOf(spec), 48);

  test('has each of them', async () => {
    expect(await verify(text)).toMatchObject({ faults: [] });
  });

  test('and shows a fold that is off by one', async () => {
    expect(text).toContain('65535u');
    expect(await verify(text.replace('65535u', '65534u'))).toMatchObject({ passed: false });
  });
});

const templates = loadTemplates('templates').sources;
const float = new Float32Array(1);
const bitsOf = new Uint32Array(float.buffer);

/** Every 16-bit float and every middle between two, of either sign, with their neighbours in f32; and what is no number. */
function* edges(dtype: 'f16' | 'bf16'): Generator<number> {
  const { decode } = narrowFloat(dtype);
  const infinity = dtype === 'f16' ? 0x7c00 : 0x7f80;
  for (let bits = 0; bits < infinity; bits++) {
    const value = decode(bits);
    const next = bits + 1 === infinity ? 2 * value - decode(bits - 1) : decode(bits + 1);
    for (const place of [value, (value + next) / 2]) {
      float[0] = place;
      const [at = 0] = bitsOf;
      for (const near of [at - 1, at, at + 1])
        if (near >= 0 && near < 0x7f800000) yield* [near, near | 0x80000000];
    }
  }
  yield* [0x7f800000, 0xff800000];
}

/** How many f32 values `round_16` of a text rounds otherwise than the reference. */
async function countMisrounded(dtype: 'f16' | 'bf16', functions: string): Promise<number> {
  const inputs = Uint32Array.from(edges(dtype));
  const count = inputs.length;
  const text = `@group(0) @binding(1) var<storage, read> given: array<u32>;
@group(0) @binding(2) var<storage, read_write> rounded: array<u32>;
${functions}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = thread.x; i < ${count}u; i += 64u * groups.x) { rounded[i] = round_16(bitcast<f32>(given[i])); }
}`;
  if (!found.ok) throw new Error(found.error.message);
  const bytes = 4 * count;
  const fill = (into: Uint8Array) => into.set(new Uint8Array(inputs.buffer));
  const buffers = [
    { argument: 'given', name: 'given', bytes, fill, output: false },
    { argument: 'rounded', name: 'rounded', bytes, fill: () => {}, output: true },
  ];
  const bound = buffers.map(({ argument }, at) => ({ binding: at + 1, argument, offset: 0, bytes }));
  const dispatch = {
    index: 0,
    entryPoint: 'main',
    workgroups: [256, 1, 1] as const,
    uniforms: [],
    buffers: bound,
  };
  const needs = { features: [], languageFeatures: [], leastSubgroupSize: 1 };
  const options = { dawn: found.value.module, env: process.env };
  const job = { dispatches: [dispatch as never], buffers };
  const ran = await runOnAdapter(
    { text, needs },
    [job],
    options,
    ({ read }) => new Uint32Array(new Uint8Array(read(0, 'rounded')).buffer),
  );
  if (!ran.ok) throw new Error(ran.error.message);
  const { encode } = narrowFloat(dtype);
  const values = new Float32Array(inputs.buffer);
  return ran.value.reduce((wrong, bits, at) => wrong + (bits === encode(values[at]!) ? 0 : 1), 0);
}

needsDawn('rounding to 16 bit', () => {
  const f16 = templates.get('wgsl/parts/round-f16')!;
  const bf16 = templates.get('wgsl/slots/dtype/bf16')!;

  test.each([
    ['f16', f16],
    ['bf16', bf16],
  ] as const)('is to nearest, ties to even, at every edge of %s', async (dtype, functions) => {
    expect(await countMisrounded(dtype, functions)).toBe(0);
  });

  test.each([
    ['infinity from the largest number on', '0x477ff000u', '0x477fe000u'],
    ['ties upwards', '((size >> 13u) & 1u)', '1u'],
    ['a subnormal as a normal', '0x38800000u', '0x38000000u'],
  ])('and shows: %s', async (_, right, wrong) => {
    expect(f16).toContain(right);
    expect(await countMisrounded('f16', f16.replace(right, wrong))).toBeGreaterThan(0);
  });
});

needsDawn('a row whose values are finite and whose range is not', () => {
  const spec = quantizeShader({ k: 4, outliers: 0, dtype: 'bf16' }, 32);
  const { encode } = narrowFloat('bf16');
  const x = Uint16Array.from([1, -2, 3, 4, 3e38, -3e38, 0, 1, 5, 6, 7, 8], encode);
  const metaOf = async (text: string) => {
    const ran = await runBuffers(spec, text, 3, { x });
    if ('lacks' in ran) throw new Error(ran.lacks);
    return [...new Float32Array(ran.get('row_meta')!.buffer)].map(Number.isNaN);
  };
  const right = [false, false, true, true, false, false];

  test('has NaN for its meta, and no other row has', async () => {
    expect(await metaOf(renderShader(spec))).toEqual(right);
  });

  test('and shows where only values are looked at', async () => {
    const text = renderShader(spec);
    const half = ' || (bitcast<u32>(range) & 0x7f800000u) == 0x7f800000u';
    expect(text).toContain(half);
    expect(await metaOf(text.replace(half, ''))).not.toEqual(right);
  });
});
