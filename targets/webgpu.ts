import { noNeeds } from '../ir/device-needs.ts';
import type { WgslTarget } from './target.ts';

/** dot4I8Packed and its kin. */
const packed = { languageFeatures: ['packed_4x8_integer_dot_product'] } as const;

/** WebGPU's least subgroup: kernels that serve it serve every size. */
const anySubgroup = { features: ['subgroups'], leastSubgroupSize: 4 } as const;

/** WebGPU with its default limits; reference GPU an Intel Arc of a laptop. */
export const webgpu: WgslTarget = {
  dialect: 'wgsl',
  id: 'webgpu',
  promised: noNeeds,
  variants: [
    { name: 'scalar', ...noNeeds },
    { name: 'base', ...noNeeds, ...packed },
    { name: 'subgroups', ...packed, ...anySubgroup },
    { name: 'f16', ...noNeeds, ...packed, features: ['shader-f16'] },
    { name: 'f16-subgroups', ...packed, ...anySubgroup, features: ['shader-f16', 'subgroups'] },
  ],
  limits: {
    workgroupStorageBytes: 16_384,
    invocationsPerWorkgroup: 256,
    storageBuffersPerStage: 8,
    workgroupsPerDimension: 65_535,
    bindingBytes: 134_217_728,
    bufferBytes: 268_435_456,
    requestedBufferBytes: 2_147_483_647,
    source:
      'WebGPU, 3.6.2 Limits: default values; buffers on request: Dawn, in Chrome, has tiers of 1, 2 and 4 GiB, wgpu, in Firefox, 2 GiB - 1',
  },
  gpu: {
    name: 'Arc-140V',
    coreCount: 8,
    clockMHz: 2050,
    dramGBps: 136,
    l2GBps: 1050,
    perCoreClock: { dot4: 128, fma: 128 },
    source:
      'Intel Core Ultra 7 258V: 8 Xe2 cores of 8 x SIMD16 lanes, 2.05 GHz, LPDDR5X-8533 on 128 bits; L2 reckoned, not measured, as 64 bytes a core and clock: 64 x 8 x 2.05 GHz; DP4A taken at the rate of FP32 FMA',
  },
};
