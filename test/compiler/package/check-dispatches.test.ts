// What a manifest may say of a WGSL kernel's dispatches: what does not hang together is refused before anything runs.
import { describe, expect, test } from 'vitest';
import { checkManifest } from '../../../compiler/package/check-manifest.ts';
import { checkContract } from '../../../compiler/verify/check-contract.ts';
import type { DispatchContract } from '../../../ir/call-contract.ts';
import type { ManifestKernel } from '../../../ir/manifest.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const { manifest } = await compileFixture(tinyLlama, { target: webgpu });
const kernel = manifest.kernels.find(({ family }) => family === 'linear')!;
const at = manifest.kernels.indexOf(kernel);
const [only] = kernel.dispatches as readonly [DispatchContract];

function pointersOf(change: object): readonly string[] {
  const kernels = manifest.kernels.map((each) => (each === kernel ? { ...each, ...change } : each));
  return checkManifest({ ...manifest, kernels }).map(({ pointer }) => pointer);
}

const dispatch = (change: object) => ({ dispatches: [{ ...only, ...change }] });
const one = { const: 1 };

describe('a kernel in WGSL', () => {
  test('is right as it was written', () => {
    expect(pointersOf({})).toEqual([]);
    expect(checkContract(kernel)).toBeUndefined();
  });

  test.each<[string, object]>([
    ['dispatches', { dispatches: undefined }],
    ['dispatches', { dispatches: [] }],
    ['dispatches', { tokensAtOnce: undefined }],
    ['launch', { launch: { grid: [one, one, one], block: [1, 1, 1], dynamicSharedBytes: 0 } }],
    ['dispatches/0/grid/0', dispatch({ grid: [{ const: 65_536 }, one, one] })],
    ['dispatches/0/grid/1', dispatch({ grid: [one, { const: 0 }, one] })],
    ['dispatches/0/buffers/0/argument', dispatch({ buffers: [{ binding: 1, argument: 'wieghts' }] })],
    ['dispatches/0/buffers/0/argument', dispatch({ buffers: [{ binding: 1, argument: 'M' }] })],
    [
      'dispatches/0/buffers/0/range',
      dispatch({ buffers: [{ binding: 1, argument: 'weights', range: { offset: 256, bytes: 30_720 } }] }),
    ],
  ])('is refused for its %s (case %#)', (field, change) => {
    expect(pointersOf(change)).toContain(`/kernels/${at}/${field}`);
  });

  test.each<[string, object]>([
    ['tokensAtOnce', { tokensAtOnce: 64 }],
    ['dispatches', dispatch({ entryPoint: 'other' })],
    ['dispatches', { dispatches: [only, only] }],
    ['dispatches', dispatch({ uniforms: [] })],
  ])('is not run with another %s than this quikc gives it (case %#)', (field, change) => {
    expect(checkContract({ ...kernel, ...change } as ManifestKernel)).toMatchObject({ field });
  });
});
