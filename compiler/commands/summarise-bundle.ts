import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import { printSchedule, printTokens } from '../../ir/print-schedule.ts';
import type { RangeChoice } from '../../ir/schedule-choice.ts';
import { familiesOf } from '../families/index.ts';
import { variantsOf } from '../package/variants-of.ts';
import { summariseResources } from './describe-resources.ts';
import { type Column, formatTable } from './format-table.ts';

const columns: readonly Column[] = [
  { heading: 'site', align: 'left' },
  { heading: 'kernel', align: 'left' },
  { heading: 'M', align: 'left' },
  { heading: 'schedule', align: 'left' },
  { heading: 'registers', align: 'right' },
  { heading: 'shared', align: 'right' },
  { heading: 'modelled', align: 'right' },
  { heading: 'at M', align: 'right' },
  { heading: 'roofline', align: 'right' },
];

const variantColumn: Column = { heading: 'variants', align: 'left' };

/** A bundle for a person: each site's kernels by the M they serve, totals, and what is not known or not done yet. */
export function summariseBundle(manifest: Manifest): string {
  const byId = new Map(manifest.kernels.map((kernel) => [kernel.id, kernel]));
  const hasVariants = manifest.target.variants !== undefined;
  const variants = (kernel: ManifestKernel) =>
    hasVariants ? [variantsOf(kernel.id, manifest.sites).join(', ')] : [];
  const rows = manifest.sites.flatMap((site) => {
    const problems = site.buckets[0]?.launches.map(({ problem }) => problem) ?? [];
    const lines = problems.flatMap((problem) => {
      const used = new Set(
        site.buckets.flatMap(({ launches }) =>
          launches.filter((launch) => launch.problem === problem).map(({ kernel }) => kernel),
        ),
      );
      const kernels = [...used].flatMap((id) => byId.get(id) ?? []);
      return kernels
        .flatMap((kernel) => kernel.explain.map((choice) => ({ kernel, choice })))
        .sort((a, b) => a.choice.from - b.choice.from)
        .map(({ kernel, choice }, index) => [...formatRow(kernel, choice, index === 0), ...variants(kernel)]);
    });
    return lines.map((line, index) => [index === 0 ? site.id : '', ...line]);
  });
  const tuned = manifest.kernels.some(({ explain }) =>
    explain.some(({ report }) => report.tuned !== undefined),
  );
  const measured: readonly Column[] = tuned ? [{ heading: 'measured', align: 'right' }] : [];
  const shown = [...columns, ...measured, ...(hasVariants ? [variantColumn] : [])];
  return `${formatTable(shown, rows)}\n${totals(manifest).join('\n')}\n`;
}

function formatRow(
  { spec, resources }: ManifestKernel,
  { report, ...range }: RangeChoice,
  isFirst: boolean,
): readonly string[] {
  const { microseconds, rooflineFraction } = report.chosen;
  const { registers, sharedBytes } = summariseResources(resources);
  return [
    isFirst ? familiesOf(resources.dialect)[spec.family].describeProblem(spec.problem) : '',
    printTokens(range),
    printSchedule(spec.schedule),
    registers,
    `${(sharedBytes / 1024).toFixed(1)} KiB`,
    `${microseconds.toFixed(1)} us`,
    `${report.tokens}`,
    `${Math.round(100 * rooflineFraction)} %`,
    report.tuned === undefined || report.tuned.device.kind === 'model'
      ? ''
      : `${report.tuned.chosen.microseconds.toFixed(1)} us at ${report.tuned.tokens}`,
  ];
}

function totals(manifest: Manifest): readonly string[] {
  const { kernels, plan, target, built, toolchain } = manifest;
  const made = built
    ? `${kernels.some(({ files }) => files.cubin !== undefined) ? 'built' : 'checked'} with ${toolchain?.tool} ${toolchain?.version}`
    : 'sources only, not built';
  const placeholders = plan.placeholderLayers;
  return [
    `${manifest.model} on ${target.id}: ${kernels.length} kernels, ${made}`,
    `modelled on ${target.referenceGpu}, never measured: ${modelPass(manifest)}`,
    ...tunedOn(manifest),
    placeholders.length === 0
      ? 'outlier columns: as the model lists them'
      : `outlier columns: placeholders in ${placeholders.length} of ${manifest.layers.length} layers, since the model lists none: ${placeholders.join(', ')}`,
    'executed on: not yet; run quikc verify',
  ];
}

/** The launches of the whole model at the M that the last bucket of every site was ranked for: of the best variant. */
function modelPass({ kernels, sites, plan }: Manifest): string {
  let microseconds = 0;
  let launches = 0;
  const ranked = new Set<number>();
  for (const block of plan.blocks) {
    const times = block.repeat?.count ?? 1;
    for (const step of block.steps) {
      if (step.kind === 'host') continue;
      const bucket = sites.find(({ id }) => id === step.site)?.buckets.at(-1);
      const launch = bucket?.launches.find(({ problem }) => problem === step.problem);
      const kernel = kernels.find(({ id }) => id === launch?.kernel);
      const choice = kernel?.explain.find(({ to }) => to === bucket?.to);
      if (choice === undefined) continue;
      microseconds += times * choice.report.chosen.microseconds;
      launches += times;
      ranked.add(choice.report.tokens);
    }
  }
  const tokens = [...ranked].sort((a, b) => a - b).join(', ');
  return `${(microseconds / 1000).toFixed(2)} ms for the ${launches} launches of the model at M = ${tokens}`;
}

/** On what devices some of the schedules were tried. */
function tunedOn({ kernels }: Manifest): readonly string[] {
  const choices = kernels.flatMap(({ explain }) => explain.map(({ report }) => report.tuned));
  const tuned = choices.flatMap((choice) => (choice === undefined ? [] : [choice.device.name]));
  const names = [...new Set(tuned)].join(', ');
  return tuned.length === 0 ? [] : [`tuned: ${tuned.length} of ${choices.length} choices, on ${names}`];
}
