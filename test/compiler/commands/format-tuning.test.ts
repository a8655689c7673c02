import { expect, test } from 'vitest';
import { formatMicroseconds } from '../../../compiler/commands/format-microseconds.ts';
import { formatSpread } from '../../../compiler/commands/format-spread.ts';
import { formatTuning } from '../../../compiler/commands/format-tuning.ts';
import type { TunedUnit } from '../../../compiler/measure/tune-bundle.ts';
import type { TunedDevice } from '../../../ir/tuned-device.ts';
import type { TuningRecord } from '../../../ir/tuning-record.ts';
import { aRecord, aTrial } from '../tune/a-record.ts';

const model: TunedDevice = { kind: 'model', name: 'model of A100', driver: '', software: false };

/** Rows of a search in which the bundle's own schedule has 64 threads. */
function rowsOf(changes: Partial<TuningRecord>) {
  const record = aRecord(changes);
  const unit = { kernel: { spec: { schedule: aTrial(64, 1).schedule } } };
  const text = formatTuning([{ unit, record } as unknown as TunedUnit], 0, record.device, 'records');
  const [heading = '', ...lines] = text.split('\n');
  return { text, heading, row: lines[0] ?? '' };
}

test.each([
  [0.001, '0.001000'],
  [2.364, '2.364'],
  [158.7, '158.7'],
  [999.94, '999.9'],
  [999.96, '1,000'],
  [7702.4, '7,702'],
  [11_750, '11,750'],
  [1_234_567, '1,234,567'],
])('%d us reads %s', (value, text) => expect(formatMicroseconds(value)).toBe(text));

test.each([
  [3, '7,702-15,630 (range of 3)'],
  [5, '7,702-15,630 (range of 5)'],
  [6, '7,702-15,630 (95 %)'],
  [18, '7,702-15,630 (95 %)'],
])('what %d samples tell is no more than %s', (samples, text) =>
  expect(formatSpread({ low: 7702, high: 15_630 }, samples)).toBe(text),
);

test('a search shows what each of its times is worth, and numbers that can be compared', () => {
  const trials = [aTrial(64, 11_750, 3), aTrial(32, 158.7, 18)];
  const { row, heading } = rowsOf({ trials });
  expect(heading).toMatch(/spread .* gain/);
  expect(row).toMatch(/ 11,750 .* 158\.8 .* 158\.7-158\.8 \(95 %\) +74\.00x/);
  expect(rowsOf({ trials: [aTrial(64, 10)] }).row).toContain('10.00-10.02 (range of 3)');
});

test('without a GPU every row says that it is modelled; a constant has no spread and no gain', () => {
  const trials = [aTrial(64, 4, 3), aTrial(32, 2.364, 3)].map((trial) =>
    trial.outcome === 'timed' ? { ...trial, samples: trial.samples.map(() => trial.samples[0] ?? 0) } : trial,
  );
  const { text, row, heading } = rowsOf({ device: model, trials });
  expect(row).toMatch(/4\.000 \*modelled\* .* 2\.364 \*modelled\* +2 +4$/);
  expect(heading).not.toMatch(/spread|gain/);
  expect(text).not.toMatch(/95 %|range of|\dx/);
  expect(rowsOf({ device: model, trials: [aTrial(32, 2)] }).row).toContain('not counted');
});
