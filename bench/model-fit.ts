// The cost model against what was measured: every trial of the records that come with quikc, for the problems of some bundles.
//
//   node test/support/run-typescript.mjs bench/model-fit.ts <bundle>...

import { familiesOf } from '../compiler/families/index.ts';
import { readBundle } from '../compiler/package/read-bundle.ts';
import { medianInterval } from '../compiler/tune/median-interval.ts';
import { readRecords } from '../compiler/tune/read-records.ts';
import { shippedRecordsRoot } from '../compiler/tune/records-root.ts';
import { printSchedule } from '../ir/print-schedule.ts';
import { findTarget } from '../targets/index.ts';

interface Point {
  readonly measured: number;
  readonly modelled: number;
  readonly schedule: string;
}

export async function main(folders: readonly string[]): Promise<number> {
  const { records } = readRecords(shippedRecordsRoot());
  const seen = new Set<string>();
  const all: Point[] = [];
  const regrets: number[] = [];
  const ranks: number[] = [];
  for (const folder of folders) {
    const bundle = readBundle(folder);
    if (!bundle.ok) throw new Error(bundle.error[0]?.message);
    const target = findTarget(bundle.value.manifest.target.id);
    if (target === undefined) throw new Error('a bundle has a known target');
    const families = familiesOf(target.dialect);
    for (const { spec, problemHash } of bundle.value.manifest.kernels) {
      const family = families[spec.family];
      for (const { problem, tokens, trials } of records.filter((each) => each.problem.hash === problemHash)) {
        const unit = `${problem.description}, M ${tokens.from}-${tokens.to ?? ''}`;
        if (seen.has(unit)) continue;
        seen.add(unit);
        const points = trials.flatMap((trial): readonly Point[] => {
          if (trial.outcome !== 'timed') return [];
          const { microseconds } = family.estimate(spec.problem, trial.schedule, target, tokens.at);
          const { median } = medianInterval(trial.samples);
          return [{ measured: median, modelled: microseconds, schedule: printSchedule(trial.schedule) }];
        });
        const best = least(points, ({ measured }) => measured);
        const favourite = least(points, ({ modelled }) => modelled);
        if (points.length < 3 || best === undefined || favourite === undefined) continue;
        all.push(...points);
        regrets.push(favourite.measured / best.measured);
        ranks.push(rankCorrelation(points));
        const line = [unit.padEnd(48), `${points.length}`.padStart(3), show(best), show(favourite)];
        process.stdout.write(`${line.join('  ')}  ${(favourite.measured / best.measured).toFixed(2)}\n`);
      }
    }
  }
  const squares = all.map(({ measured, modelled }) => Math.log(modelled / measured) ** 2);
  process.stdout.write(
    `\n${all.length} trials of ${regrets.length} units: error ${(100 * Math.sqrt(mean(squares))).toFixed(0)} % (root mean square of the logarithm), ` +
      `rank correlation ${mean(ranks).toFixed(2)}, favourite over best ${mean(regrets).toFixed(3)} on average, ${Math.max(...regrets).toFixed(2)} at worst\n`,
  );
  return 0;
}

function show({ schedule, measured, modelled }: Point): string {
  return `${schedule.padEnd(26)} ${measured.toFixed(1).padStart(6)} us, modelled ${modelled.toFixed(1).padStart(6)}`;
}

function least(points: readonly Point[], of: (point: Point) => number): Point | undefined {
  return [...points].sort((a, b) => of(a) - of(b))[0];
}

/** Spearman's, without ties. */
function rankCorrelation(points: readonly Point[]): number {
  const order = (of: (point: Point) => number) => [...points].sort((a, b) => of(a) - of(b));
  const measured = order((point) => point.measured);
  const modelled = order((point) => point.modelled);
  const n = points.length;
  const squares = points.reduce(
    (sum, point) => sum + (measured.indexOf(point) - modelled.indexOf(point)) ** 2,
    0,
  );
  return 1 - (6 * squares) / (n * (n * n - 1));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
