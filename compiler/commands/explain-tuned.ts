import { printSchedule } from '../../ir/print-schedule.ts';
import type { TunedReport } from '../../ir/schedule-choice.ts';
import { compareTimes } from './compare-times.ts';
import { formatMicroseconds } from './format-microseconds.ts';
import { formatSpread } from './format-spread.ts';
import { type Column, formatTable } from './format-table.ts';

const before: readonly Column[] = [
  { heading: 'rank', align: 'right' },
  { heading: 'schedule', align: 'left' },
];
const after: readonly Column[] = [
  { heading: 'time', align: 'right' },
  { heading: '*modelled*', align: 'right' },
];
const measuredColumns: readonly Column[] = [
  ...before,
  { heading: '*measured*', align: 'right' },
  { heading: 'spread', align: 'left' },
  { heading: 'samples', align: 'right' },
  ...after,
];
/** A constant that was counted has no spread. */
const countedColumns: readonly Column[] = [
  ...before,
  { heading: '*modelled*, counted', align: 'right' },
  ...after,
];

/** What was measured: the chosen schedule and others, each with its spread and what the model thought of it. */
export function explainTuned(tuned: TunedReport): string {
  const { device, clock, tokens, chosen, runnersUp, tried, failed, sameTemplates } = tuned;
  const isModel = device.kind === 'model';
  const on = isModel ? device.name : `${device.name}${device.driver && `, ${device.driver}`}`;
  const note = [
    ...(device.software ? ['a software adapter, whose order of kernels is not a GPU’s'] : []),
    ...(isModel ? ['ptxas’s registers and the executor’s counts in it, nothing timed'] : []),
    ...(sameTemplates ? [] : ['timed with other templates than these']),
  ];
  const how = isModel ? 'counted' : 'measured';
  return [
    `chosen by what was ${how} on ${on} at M = ${tokens} (${clock}): ${tried} schedules tried, ${failed} of them fell${note.map((text) => `; ${text}`).join('')}\n`,
    formatTable(
      isModel ? countedColumns : measuredColumns,
      [chosen, ...runnersUp].map((entry, index) => [
        `${index + 1}`,
        printSchedule(entry.schedule),
        `${formatMicroseconds(entry.microseconds)} us`,
        ...(isModel ? [] : [formatSpread(entry, entry.samples), `${entry.samples}`]),
        index === 0 ? 'chosen' : compareTimes(entry.microseconds, chosen.microseconds),
        `${entry.modelled.toFixed(2)} us`,
      ]),
    ),
  ].join('\n');
}
