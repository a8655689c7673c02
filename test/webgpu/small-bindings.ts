import { afterAll, beforeAll } from 'vitest';
import { webgpu } from '../../targets/webgpu.ts';

/** For the tests of a file, bindings so small that small problems are sharded and few tokens are several launches. */
export function useSmallBindings(bindingBytes: number): void {
  const { bindingBytes: real } = webgpu.limits;
  beforeAll(() => {
    Object.assign(webgpu.limits, { bindingBytes });
  });
  afterAll(() => {
    Object.assign(webgpu.limits, { bindingBytes: real });
  });
}
