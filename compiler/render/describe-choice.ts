import { printSchedule } from '../../ir/print-schedule.ts';
import type { RangeChoice } from '../../ir/schedule-choice.ts';

/** Ranges of M that a banner explains; a kernel for more of them says how many it leaves out. */
const rangesShown = 2;

/** Why a kernel has its schedule, as lines of a banner: for whom, how long, how near the roofline, against what. */
export function describeChoice(choices: readonly RangeChoice[]): readonly string[] {
  const lines = choices.slice(0, rangesShown).map(describeRange);
  const hidden = choices.length - lines.length;
  return hidden === 0
    ? lines
    : [...lines, `and for ${hidden} more range${hidden === 1 ? '' : 's'} of tokens`];
}

function describeRange({ report, ...range }: RangeChoice): string {
  const { chosen, runnersUp, gpu, legal, tokens } = report;
  const percent = Math.round(100 * chosen.rooflineFraction);
  const next = runnersUp[0];
  const against =
    next === undefined
      ? `of ${legal.toLocaleString('en-US')} legal`
      : `${legal.toLocaleString('en-US')} legal, next ${microseconds(next.microseconds)} (${printSchedule(next.schedule)})`;
  return `${describeTokens(range)}: ${microseconds(chosen.microseconds)} at M=${tokens} modelled on ${shortName(gpu)}, ${percent} % of roofline; ${against}`;
}

function describeTokens({ from, to }: Pick<RangeChoice, 'from' | 'to'>): string {
  if (to === undefined) return from === 1 ? 'any M' : `M >= ${from}`;
  return from === to ? `M = ${from}` : `M ${from}-${to}`;
}

/** `A100-SXM4-80GB` as `A100`: a banner's line is short, and the target names the rest. */
function shortName(gpu: string): string {
  return gpu.split('-')[0] ?? gpu;
}

function microseconds(value: number): string {
  return `${value.toFixed(1)} us`;
}
