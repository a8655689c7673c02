import { describe, expect, test } from 'vitest';
import { pickTuned } from '../../../compiler/tune/pick-tuned.ts';
import { readRecords } from '../../../compiler/tune/read-records.ts';
import { shippedRecordsRoot } from '../../../compiler/tune/records-root.ts';
import type { TunedDevice } from '../../../ir/tuned-device.ts';
import type { TuningRecord } from '../../../ir/tuning-record.ts';
import { findTarget } from '../../../targets/index.ts';
import { aRecord, aTrial } from './a-record.ts';

const { hash } = aRecord().problem;
const { templatesDigest } = aRecord().provenance;
const named = (name: string, changes: Partial<TunedDevice> = {}) =>
  aRecord({ device: { ...aRecord().device, name, ...changes } });
const pick = (
  records: readonly TuningRecord[],
  device?: string,
  range: { from: number; to?: number } = { from: 1 },
) => {
  const picked = pickTuned(records, { target: 'sm80', referenceGpu: 'NVIDIA A100', device });
  if (!picked.ok) throw new Error(`${picked.error.code}: ${picked.error.message}; ${picked.error.expected}`);
  return picked.value.find(hash, range, templatesDigest);
};

describe('without a device named', () => {
  test("records of the target's own GPU are taken, the fastest schedule first", () => {
    expect(pick([aRecord()])?.ranked.map(({ microseconds }) => microseconds)).toEqual([10.01, 20.01]);
    expect(pick([aRecord()])).toMatchObject({ tried: 3, failed: 1, tokens: 2048, sameTemplates: true });
  });

  test.each([
    ['another GPU', named('NVIDIA H100')],
    ['a software adapter', named('llvmpipe', { kind: 'adapter', software: true })],
    ['the model', named('model of NVIDIA A100', { kind: 'model' })],
  ])('those of %s are not', (_, record) => {
    expect(pick([record])).toBeUndefined();
    expect(pick([record], record.device.name)).toBeDefined();
  });
});

test('a name may be a part of a device’s, and must fit one alone', () => {
  const records = [named('NVIDIA H100'), named('NVIDIA H200'), named('NVIDIA H100 PCIe')];
  expect(pick(records, 'h200')?.device.name).toBe('NVIDIA H200');
  expect(pick(records, 'NVIDIA H100')?.device.name).toBe('NVIDIA H100');
  expect(() => pick(records, 'nvidia')).toThrow('QK575: --tuned "nvidia" fits 3 devices');
  expect(() => pick(records, 'B200')).toThrow('a part of one name: "NVIDIA H100", "NVIDIA H200"');
  expect(() => pick([], 'B200')).toThrow('none has records');
});

test('a record serves its own problem and range alone', () => {
  const record = aRecord({ tokens: { from: 9, to: 16, at: 16 } });
  expect(pick([record], undefined, { from: 9, to: 16 })).toBeDefined();
  for (const range of [{ from: 9 }, { from: 9, to: 32 }, { from: 1, to: 16 }])
    expect(pick([record], undefined, range)).toBeUndefined();
  expect(pick([aRecord({ target: 'webgpu' })])).toBeUndefined();
});

test('of several, one of these templates comes first, and one with nothing timed never', () => {
  const other = { quikc: '0.0.9', templatesDigest: 'cd'.repeat(32) };
  const older = aRecord({
    provenance: other,
    trials: [aTrial(256, 1), aTrial(32, 2), aTrial(64, 3), aTrial(512, 4)],
  });
  expect(pick([older, aRecord()])).toMatchObject({ sameTemplates: true, tried: 3 });
  expect(pick([older])).toMatchObject({ sameTemplates: false, tried: 4 });
  expect(pick([aRecord({ trials: [aTrial(32, 'build')] })])).toBeUndefined();
});

test('another content is another digest', () => {
  const digestOf = (records: readonly TuningRecord[]) => {
    const picked = pickTuned(records, { target: 'sm80', referenceGpu: 'NVIDIA A100' });
    return picked.ok ? picked.value.digest : undefined;
  };
  expect(digestOf([aRecord()])).not.toBe(digestOf([aRecord({ trials: [] })]));
  expect(digestOf([named('NVIDIA H100')])).toBe(digestOf([]));
});

test('the driver says NVIDIA before the name of a reference GPU', () => {
  const records = [named('NVIDIA H200', {}), named('NVIDIA H100')];
  const picked = pickTuned(records, { target: 'sm80', referenceGpu: 'H200' });
  if (!picked.ok) throw new Error(picked.error.message);
  expect(picked.value.find(hash, { from: 1 }, templatesDigest)?.device.name).toBe('NVIDIA H200');
});

test('the records that come with quikc are whole, and of GPUs that its targets are modelled for', () => {
  const { records, warnings } = readRecords(shippedRecordsRoot());
  expect(warnings).toEqual([]);
  expect(records.length).toBeGreaterThan(0);
  for (const { target, device } of records)
    expect(device.name.replace('NVIDIA ', '')).toBe(findTarget(target)?.gpu.name);
});
