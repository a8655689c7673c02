import { describe, expect, test } from 'vitest';
import { gateKernel } from '../../../compiler/build/gate-kernel.ts';
import type { KernelResources } from '../../../compiler/build/kernel-resources.ts';

function resources(changes: Partial<KernelResources> = {}): KernelResources {
  return {
    ...{ symbol: 'k', arch: 'sm_80', registers: 80, stackBytes: 0, spillStoreBytes: 0, spillLoadBytes: 0 },
    ...{ staticSharedBytes: 0, barriers: 1, instructions: 544, opcodes: { IMMA: 16 }, mma: { IMMA: 16 } },
    ...{ subroutines: [], notes: [] },
    ...changes,
  };
}

function codes(changes: Partial<KernelResources>, expected = {}): string[] {
  return gateKernel(resources(changes), { mma: { IMMA: 16 }, ...expected }).map(({ code }) => code);
}

const division = '$__internal_0_$__cuda_sm20_div_s64';
const emulation = '$__internal_1_$__cuda_sm_9x_mma_sub_byte_internal_m16n8k64_s4_s4';

describe('gateKernel', () => {
  test('passes what was meant', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ opcodes: { CALL: 1 }, subroutines: [division] }, { calls: 1 })).toEqual([]);
  });

  test('refuses more, fewer and other matrix instructions', () => {
    expect(codes({ mma: { IMMA: 15 } })).toEqual(['QK641']);
    expect(codes({ mma: { IMMA: 17 } })).toEqual(['QK641']);
    expect(codes({ mma: {} })).toEqual(['QK641']);
    expect(codes({ mma: { IMMA: 16, HMMA: 4 } })).toEqual(['QK641']);
  });

  test('refuses an emulated one, whatever calls and counts are allowed', () => {
    const emulated = { opcodes: { CALL: 16, IMMA: 2 }, mma: { IMMA: 2 }, subroutines: [division, emulation] };
    expect(codes(emulated, { calls: 99 })).toEqual(['QK642']);
    expect(gateKernel(resources(emulated), { mma: {} })[0]!.message).toContain(
      '(__cuda_sm_9x_mma_sub_byte_internal_m16n8k64_s4_s4)',
    );
  });

  test('refuses unexpected calls', () => {
    expect(codes({ opcodes: { CALL: 1 }, subroutines: [division] })).toEqual(['QK643']);
    expect(codes({ opcodes: { CALL: 2, RET: 1 } }, { calls: 1 })).toEqual(['QK643']);
  });

  test('takes a CALL that nothing returns from for the jump it is', () => {
    expect(codes({ opcodes: { CALL: 2 } })).toEqual([]);
  });

  test('refuses spills and local memory', () => {
    expect(codes({ stackBytes: 8, spillStoreBytes: 4, opcodes: { STL: 1 } })).toEqual(['QK644']);
    expect(codes({ spillLoadBytes: 4 })).toEqual(['QK644']);
    expect(codes({ stackBytes: 8 })).toEqual(['QK645']);
    expect(codes({ opcodes: { LDL: 1 } })).toEqual(['QK645']);
  });

  test('refuses C75xx notes, one diagnostic a kind', () => {
    const notes = ['(C7519) arrive in line 5', '(C7511) serialized', '(C7519) arrive in line 9'];
    const found = gateKernel(resources({ notes }), { mma: { IMMA: 16 } });
    expect(found.map(({ message }) => message.replace(/.*: \(/, '('))).toEqual([
      '(C7511) serialized',
      '(C7519) arrive in line 5 (and 1 more like it)',
    ]);
  });

  test('refuses more registers than the schedule was chosen for', () => {
    expect(codes({ registers: 129 }, { maxRegisters: 128 })).toEqual(['QK647']);
    expect(codes({ registers: 128 }, { maxRegisters: 128 })).toEqual([]);
  });

  test('refuses other static shared memory than the schedule was chosen for', () => {
    expect(codes({ staticSharedBytes: 32 }, { staticSharedBytes: 16 })).toEqual(['QK648']);
    expect(codes({ staticSharedBytes: 0 }, { staticSharedBytes: 16 })).toEqual(['QK648']);
    expect(codes({ staticSharedBytes: 16 }, { staticSharedBytes: 16 })).toEqual([]);
  });

  test('names everything at once', () => {
    expect(codes({ mma: {}, spillLoadBytes: 4, notes: ['(C7510) x'] })).toEqual(['QK641', 'QK644', 'QK646']);
  });
});
