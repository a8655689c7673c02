import { join } from 'node:path';
import type { TuningRecord } from '../../ir/tuning-record.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { lockFolder } from '../tune/lock-folder.ts';
import { firstTrials } from '../tune/propose.ts';
import { tuneUnit } from '../tune/tune-unit.ts';
import { type BundleUnit, type UnitSource, unitsOf } from './units-of.ts';

const defaultGraceMs = 10_000;

export interface TuneRequest extends UnitSource {
  /** Root of the records. */
  readonly root: string;
  /** Folder in which this machine's searches keep out of each other's way, whatever their records. */
  readonly lockRoot: string;
  /** Milliseconds for all units together. */
  readonly budget: number;
  /** Schedules to try of each unit, not counting those in use by further variants. */
  readonly most: number;
  /** Milliseconds that a trial still in flight may take when the time of its unit is over; then it is given up. */
  readonly graceMs?: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

export interface TunedUnit {
  readonly unit: BundleUnit;
  readonly record: TuningRecord;
}

export interface TunedBundle {
  readonly tuned: readonly TunedUnit[];
  /** Units that the budget did not come to. */
  readonly unsearched: number;
}

/**
 * Searches every unit, as many side by side as the plane takes, each with an equal share of what is left of the budget; a
 * unit that needs less leaves the rest to others, and where nothing is left the last ones are not searched. An
 * interruption keeps what was found. Fails with QK571, QK572.
 */
export async function tuneBundle(request: TuneRequest): Promise<Result<TunedBundle, Diagnostic>> {
  const { plane, signal, onFraction } = request;
  // One search a device, whatever it is a search for.
  const lock = lockFolder(join(request.lockRoot, plane.device.kind));
  if (!lock.ok) return lock;
  try {
    const units = unitsOf(request);
    const start = performance.now();
    const done = units.map(() => 0);
    const records = new Map<number, TuningRecord>();
    let next = 0;
    let fault: Diagnostic | undefined;
    const lanes = Math.min(plane.searches, units.length);
    const lane = async (): Promise<void> => {
      while (next < units.length && fault === undefined && !signal.aborted) {
        const index = next;
        const unit = units[index];
        const left = request.budget - (performance.now() - start);
        if (unit === undefined || left <= 0) return;
        next += 1;
        const note = (part: number) => {
          done[index] = part;
          onFraction(done.reduce((sum, value) => sum + value, 0) / units.length);
        };
        const share = (left * lanes) / Math.max(lanes, units.length - index);
        const record = await searchUnit(unit, request, share, note);
        if (record.ok) records.set(index, record.value);
        else fault = record.error;
        note(1);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (fault !== undefined) return fail(fault);
    const tuned = units.flatMap((unit, index) => {
      const record = records.get(index);
      return record === undefined ? [] : [{ unit, record }];
    });
    return succeed({ tuned, unsearched: units.length - tuned.length });
  } finally {
    lock.value();
  }
}

async function searchUnit(
  unit: BundleUnit,
  { plane, root, most, seed, signal, graceMs = defaultGraceMs }: TuneRequest,
  budget: number,
  onTrial: (done: number) => void,
): Promise<Result<TuningRecord, Diagnostic>> {
  const { tokens } = unit.key;
  const favourites = favouritesOf(unit, most);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(budget + graceMs))]);
  const opened = plane.open({ tokens, seed, signal: limited, favourites, kernelOf: unit.kernelOf });
  try {
    const now = () => performance.now();
    return await tuneUnit(unit, opened.device, { root, budget, most, seed, now, signal: limited, onTrial });
  } finally {
    opened.close();
  }
}

/** The search begins with some of the model's favourites. */
function favouritesOf({ candidates }: BundleUnit, most: number): readonly string[] {
  const ranked = [...candidates].sort((a, b) => a.modelled - b.modelled);
  return ranked.slice(0, Math.min(most, firstTrials / 2)).map(({ key }) => key);
}
