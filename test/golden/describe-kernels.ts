import { familiesOf } from '../../compiler/families/index.ts';
import { sha256 } from '../../compiler/support/hash.ts';
import type { CallContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import type { ManifestResources } from '../../ir/manifest.ts';
import type { Site } from '../../ir/plan.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import { printSchedule, printTokens } from '../../ir/print-schedule.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { EmittedModel } from './golden-files.ts';

/** The part of a manifest that a reviewer reads: each kernel in numbers, and which kernels serve which M of a site. */
export function describeKernels(emitted: EmittedModel, texts: ReadonlyMap<string, string>): string {
  const kernels = emitted.kernels.map((kernel) =>
    describeKernel(kernel, emitted, texts.get(kernel.id) ?? ''),
  );
  return `${[...kernels, ...emitted.plan.sites.map(describeSite)].join('\n\n')}\n`;
}

function describeKernel(kernel: ScheduledKernel, { target }: EmittedModel, text: string): string {
  const { id, spec, choices, serves } = kernel;
  const family = familiesOf(target.dialect)[spec.family];
  const resources = family.describeResources(spec, target);
  const contract = family.contract(spec);
  const sample = choices[0]?.from ?? 1;
  return [
    `kernel ${id}`,
    `  schedule   ${printSchedule(spec.schedule)}`,
    `  serves     M ${choices.map(printTokens).join(', ')} of ${serves.join(', ')}`,
    `  launch     grid ${gridsOf(contract, sample).join(', then ')} at M = ${sample}, ${resources.threads} threads`,
    ...describeResources(resources),
    `  text       ${text.split('\n').length - 1} lines, sha256 ${sha256(text).slice(0, 16)}…`,
  ].join('\n');
}

function gridsOf(contract: CallContract, m: number): readonly string[] {
  if ('launch' in contract) return [contract.launch.grid.map((extent) => evaluate(extent, m)).join(' x ')];
  return planDispatches(contract, m).map(({ workgroups }) => workgroups.join(' x '));
}

function describeResources(resources: ManifestResources): readonly string[] {
  if (resources.dialect === 'wgsl')
    return [`  takes      ${resources.workgroupBytes} bytes of workgroup memory`];
  const { estimated, mma } = resources;
  const { registers, registerCap, sharedBytes } = estimated;
  return [
    `  estimated  ${registers} registers, at most ${registerCap}; ${sharedBytes} bytes of shared memory, ${mma.imma} IMMA, ${mma.hmma} HMMA`,
  ];
}

function describeSite({ id, buckets }: Site): string {
  const lines = buckets.flatMap((bucket) => [
    `  M ${printTokens(bucket)}${bucket.variant === undefined ? '' : `, ${bucket.variant}`}`,
    ...bucket.launches.map(({ kernel }) => `    ${kernel}`),
  ]);
  return [`site ${id}`, ...lines].join('\n');
}
