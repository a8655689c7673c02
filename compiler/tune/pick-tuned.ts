import type { TargetId } from '../../ir/problem.ts';
import type { TunedRange } from '../../ir/schedule-choice.ts';
import type { TunedDevice } from '../../ir/tuned-device.ts';
import type { TuningRecord } from '../../ir/tuning-record.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { hashValue } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { rankTrials } from './rank-trials.ts';

export interface PickedRecords {
  /** Over all records that may be used. */
  readonly digest: string;
  /** Undefined: there is no record of the problem over that range. */
  find(
    problem: string,
    range: { readonly from: number; readonly to?: number },
    templatesDigest: string,
  ): TunedRange | undefined;
}

export interface PickRequest {
  readonly target: TargetId;
  /** A part of a device's name that the user gave; absent: nothing but the reference GPU's own records. */
  readonly device?: string | undefined;
  readonly referenceGpu: string;
}

/**
 * The records of one device. By default that is the GPU for which the target's times are modelled: another GPU's or a
 * software adapter's order of kernels is another, so those are taken only by name. Fails with QK575 where a name fits no
 * device or several.
 */
export function pickTuned(
  records: readonly TuningRecord[],
  request: PickRequest,
): Result<PickedRecords, Diagnostic> {
  const own = records.filter(({ target }) => target === request.target);
  const chosen = chooseDevice(own, request);
  if (!chosen.ok) return chosen;
  const usable = own.filter(({ device }) => device.name === chosen.value);
  return succeed({
    digest: hashValue(usable),
    find(problem, { from, to }, templatesDigest) {
      const fitting = usable.filter(
        (record) => record.problem.hash === problem && record.tokens.from === from && record.tokens.to === to,
      );
      const ranges = fitting.map((record) => toRange(record, templatesDigest));
      // Of these templates first; then the longest search, e.g. of two drivers.
      ranges.sort((a, b) => Number(b.sameTemplates) - Number(a.sameTemplates) || b.tried - a.tried);
      return ranges.find(({ ranked }) => ranked.length > 0);
    },
  });
}

/** Names of the devices that have records for a target, e.g. to say which could be asked for. */
export function devicesOf(records: readonly TuningRecord[], target: TargetId): readonly TunedDevice[] {
  const byName = new Map(
    records.filter((record) => record.target === target).map(({ device }) => [device.name, device]),
  );
  return [...byName.values()];
}

function chooseDevice(
  records: readonly TuningRecord[],
  { target, device, referenceGpu }: PickRequest,
): Result<string, Diagnostic> {
  const names = devicesOf(records, target).map(({ name }) => name);
  // The driver says "NVIDIA H200" of what data sheets call an H200.
  if (device === undefined)
    return succeed(names.find((name) => name === `NVIDIA ${referenceGpu}`) ?? referenceGpu);
  const fitting = names.filter((name) => name.toLowerCase().includes(device.toLowerCase()));
  const exact = fitting.find((name) => name === device);
  const [only, ...more] = exact === undefined ? fitting : [exact];
  if (only !== undefined && more.length === 0) return succeed(only);
  const known = names.length === 0 ? 'none has records' : names.map((name) => quoteText(name)).join(', ');
  return fail(
    diagnose('QK575', {
      message: `--tuned ${quoteText(device)} fits ${fitting.length === 0 ? 'no device' : `${fitting.length} devices`} with records for ${target}`,
      expected: `a part of one name: ${known}`,
    }),
  );
}

function toRange(record: TuningRecord, templatesDigest: string): TunedRange {
  const timed = record.trials.flatMap((trial) => (trial.outcome === 'timed' ? [trial] : []));
  return {
    device: record.device,
    clock: record.policy.clock,
    tokens: record.tokens.at,
    sameTemplates: record.provenance.templatesDigest === templatesDigest,
    ranked: rankTrials(timed).map(({ schedule, modelled, median, low, high, samples }) => ({
      ...{ schedule, low, high, modelled },
      microseconds: median,
      samples: samples.length,
    })),
    tried: record.trials.length,
    failed: record.trials.length - timed.length,
  };
}
