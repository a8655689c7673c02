import { printSchedule, printTokens } from '../../ir/print-schedule.ts';
import type { TunedDevice } from '../../ir/tuned-device.ts';
import type { TuningRecord } from '../../ir/tuning-record.ts';
import type { TunedUnit } from '../measure/tune-bundle.ts';
import { rankTrials } from '../tune/rank-trials.ts';
import { formatMicroseconds } from './format-microseconds.ts';
import { formatSpread } from './format-spread.ts';
import { type Column, formatTable } from './format-table.ts';

const firstColumns: readonly Column[] = [
  { heading: 'problem', align: 'left' },
  { heading: 'M', align: 'left' },
  { heading: 'at M', align: 'right' },
  { heading: 'the bundle has', align: 'left' },
  { heading: 'us', align: 'right' },
  { heading: 'best', align: 'left' },
  { heading: 'us', align: 'right' },
];

/** A constant has no spread, and what the model gains no launch need gain. */
const timedColumns: readonly Column[] = [
  { heading: 'spread', align: 'left' },
  { heading: 'gain', align: 'right' },
];

const lastColumns: readonly Column[] = [
  { heading: 'tried', align: 'right' },
  { heading: 'legal', align: 'right' },
];

/** What a search found, problem by problem, and how to use it. */
export function formatTuning(
  units: readonly TunedUnit[],
  unsearched: number,
  device: TunedDevice,
  root: string,
): string {
  const failed = units.flatMap(({ record }) => failures(record));
  const unfinished = units.filter(({ record }) => !record.search.complete).length;
  const isModel = device.kind === 'model';
  const how = isModel
    ? `*modelled*, not timed: no GPU here; the model of ${device.name.replace('model of ', '')} with ptxas's registers and the executor's counts`
    : `timed on ${device.name}${device.software ? ', a software adapter: its order of kernels is not that of a GPU' : ''}`;
  return [
    formatTable(
      [...firstColumns, ...(isModel ? [] : timedColumns), ...lastColumns],
      units.map((unit) => row(unit, isModel)),
    ),
    `\n${how}\n`,
    ...(unfinished === 0
      ? []
      : [`${unfinished} of ${units.length} searches ran out of budget: the same call again goes on\n`]),
    ...(unsearched === 0 ? [] : [`${unsearched} more were not begun\n`]),
    ...(failed.length === 0 ? [] : [`${failed.length} schedules fell: ${summarise(failed)}\n`]),
    `records: ${root}\n`,
    `use them: quikc compile … --tuned '${device.name}'\n`,
  ].join('');
}

function row({ unit, record }: TunedUnit, isModel: boolean): readonly string[] {
  const { problem, tokens, search, trials } = record;
  const timed = rankTrials(trials.flatMap((trial) => (trial.outcome === 'timed' ? [trial] : [])));
  const [best] = timed;
  const own = JSON.stringify(unit.kernel.spec.schedule);
  const present = timed.find(({ schedule }) => JSON.stringify(schedule) === own);
  const show = ({ median }: { readonly median: number }) =>
    `${formatMicroseconds(median)}${isModel ? ' *modelled*' : ''}`;
  return [
    problem.description,
    printTokens(tokens),
    `${tokens.at}`,
    printSchedule(unit.kernel.spec.schedule),
    present === undefined ? `not ${isModel ? 'counted' : 'timed'}` : show(present),
    best === undefined ? 'none' : printSchedule(best.schedule),
    best === undefined ? '' : show(best),
    ...(isModel
      ? []
      : [
          best === undefined ? '' : formatSpread(best, best.samples.length),
          best === undefined || present === undefined ? '' : `${(present.median / best.median).toFixed(2)}x`,
        ]),
    `${trials.length}`,
    `${search.legal}`,
  ];
}

function failures({ trials }: TuningRecord): readonly { readonly stage: string; readonly reason: string }[] {
  return trials.flatMap((trial) => (trial.outcome === 'failed' ? [trial] : []));
}

function summarise(failed: readonly { readonly stage: string; readonly reason: string }[]): string {
  const stages = ['build', 'verify', 'time'].flatMap((stage) => {
    const own = failed.filter((failure) => failure.stage === stage);
    return own[0] === undefined ? [] : [`${own.length} at ${stage} (${own[0].reason.slice(0, 120)})`];
  });
  return stages.join('; ');
}
