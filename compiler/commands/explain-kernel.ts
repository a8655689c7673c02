import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import { printSchedule, printTokens } from '../../ir/print-schedule.ts';
import type { RangeChoice, ScheduleReport } from '../../ir/schedule-choice.ts';
import { variantsOf } from '../package/variants-of.ts';
import { formatCount } from '../support/format-count.ts';
import { compareTimes } from './compare-times.ts';
import { describeResources } from './describe-resources.ts';
import { explainTuned } from './explain-tuned.ts';
import { type Column, formatTable } from './format-table.ts';

/** One kernel for a person: what it serves and takes, and for each range of M why it was chosen. */
export function explainKernel(manifest: Manifest, kernel: ManifestKernel): string {
  return [
    `${kernel.id}\n`,
    facts(manifest, kernel),
    ...kernel.explain.map((choice) => explainRange(choice)),
    kernel.explain.some(({ report }) => report.tuned !== undefined)
      ? 'Times under *modelled* are for the reference GPU; those under *measured* are of the device that the line names. docs/bundle.md\n'
      : 'All times are modelled for the reference GPU, none is measured. How the terms combine: docs/bundle.md.\n',
  ].join('\n');
}

function facts(
  manifest: Manifest,
  { id, resources, serves, sites, files, workspace }: ManifestKernel,
): string {
  const variants = variantsOf(id, manifest.sites);
  const rows = [
    ['serves', serves.join(', ')],
    ...(variants.length === 0 ? [] : [['variants', variants.join(', ')]]),
    ['sites', sites.join(', ')],
    ...describeResources(resources),
    ...(workspace === undefined
      ? []
      : [
          [
            'workspace',
            `${workspace.argument}, ${workspace.before === 'any' ? 'scratch' : 'zeroed before and after'}`,
          ],
        ]),
    ['source', files.source.path],
    ['target', `${manifest.target.id}; times for ${manifest.target.referenceGpu}`],
  ];
  const width = Math.max(...rows.map(([label = '']) => label.length));
  return rows.map(([label = '', text = '']) => `  ${label.padEnd(width)}  ${text}\n`).join('');
}

function explainRange({ report, ...range }: RangeChoice): string {
  const { chosen, tokens, legal, runnersUp, outlierCost } = report;
  const percent = Math.round(100 * chosen.rooflineFraction);
  const rejected = report.rejections.reduce((sum, { count }) => sum + count, 0);
  return [
    `M ${printTokens(range)}: ${printSchedule(chosen.schedule)}, ${chosen.microseconds.toFixed(2)} us modelled at M = ${tokens}, ${percent} % of the roofline, ${chosen.waves.toFixed(2)} waves\n`,
    ...(report.tuned === undefined ? [] : [explainTuned(report.tuned)]),
    formatTable(termColumns, terms(report)),
    ...(outlierCost === undefined
      ? []
      : [
          `outliers cost ${outlierCost.microseconds.toFixed(2)} us *modelled* and ${formatCount(outlierCost.weightBytes)} bytes of weights more than quantising every column\n`,
        ]),
    ...(report.tuned === undefined
      ? [
          `ranked against ${formatCount(legal)} legal schedules; the ${runnersUp.length} next best:\n`,
          formatTable(rankColumns, ranking(report)),
        ]
      : [
          `by the model alone, of ${formatCount(legal)} legal schedules: what was chosen, among ${runnersUp.length} of its best:\n`,
          formatTable(orderColumns, modelOrder(report)),
        ]),
    `${formatCount(rejected)} schedules rejected:\n`,
    formatTable(rejectionColumns, rejections(report)),
  ].join('\n');
}

const termColumns: readonly Column[] = [
  { heading: 'term', align: 'left' },
  { heading: '*modelled*', align: 'right' },
  { heading: 'arithmetic', align: 'left' },
];

function terms(report: ScheduleReport): readonly (readonly string[])[] {
  return report.terms.map(({ name, microseconds, how }) => [name, `${microseconds.toFixed(2)} us`, how]);
}

const rankColumns: readonly Column[] = [
  { heading: 'rank', align: 'right' },
  { heading: 'schedule', align: 'left' },
  { heading: '*modelled*', align: 'right' },
  { heading: 'slower', align: 'right' },
  { heading: 'roofline', align: 'right' },
  { heading: 'waves', align: 'right' },
];

function ranking({ chosen, runnersUp }: ScheduleReport): readonly (readonly string[])[] {
  return [chosen, ...runnersUp].map(({ schedule, microseconds, rooflineFraction, waves }, index) => [
    `${index + 1}`,
    printSchedule(schedule),
    `${microseconds.toFixed(2)} us`,
    index === 0 ? 'chosen' : `${(100 * (microseconds / chosen.microseconds - 1)).toFixed(1)} %`,
    `${Math.round(100 * rooflineFraction)} %`,
    waves.toFixed(2),
  ]);
}

const orderColumns: readonly Column[] = [
  { heading: 'schedule', align: 'left' },
  { heading: '*modelled*', align: 'right' },
  { heading: 'time', align: 'right' },
  { heading: 'roofline', align: 'right' },
  { heading: 'waves', align: 'right' },
];

/** Where what was measured as the fastest stands among those that the model likes. */
function modelOrder({ chosen, runnersUp }: ScheduleReport): readonly (readonly string[])[] {
  const ordered = [chosen, ...runnersUp].sort((a, b) => a.microseconds - b.microseconds);
  return ordered.map((entry) => [
    printSchedule(entry.schedule),
    `${entry.microseconds.toFixed(2)} us`,
    entry === chosen ? 'chosen' : compareTimes(entry.microseconds, chosen.microseconds),
    `${Math.round(100 * entry.rooflineFraction)} %`,
    entry.waves.toFixed(2),
  ]);
}

const rejectionColumns: readonly Column[] = [
  { heading: 'count', align: 'right' },
  { heading: 'reason', align: 'left' },
  { heading: 'for example', align: 'left' },
];

function rejections(report: ScheduleReport): readonly (readonly string[])[] {
  return report.rejections.map(({ kind, count, example }) => [formatCount(count), kind, example]);
}
