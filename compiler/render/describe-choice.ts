import { printSchedule } from '../../ir/print-schedule.ts';
import type { RangeChoice } from '../../ir/schedule-choice.ts';
import { formatCount } from '../support/format-count.ts';

type Range = Pick<RangeChoice, 'from' | 'to'>;

/**
 * Why a kernel has its schedule, as lines of a banner: for which M, how long, how near the roofline, what bounds it, and
 * against which other tile it won. A kernel that won several ranges tells of the one with the most tokens.
 */
export function describeChoice(choices: readonly RangeChoice[]): readonly string[] {
  const last = choices.at(-1);
  if (last === undefined) return [];
  const { chosen, runnersUp, gpu, legal, tokens } = last.report;
  const percent = Math.round(100 * chosen.rooflineFraction);
  const next = runnersUp[0];
  const binding = [...last.report.terms].sort((a, b) => b.microseconds - a.microseconds).slice(0, 2);
  const bounds = binding.map((term) => `${term.name} ${term.microseconds.toFixed(1)}`).join(', ');
  const ranges = joinRanges(choices).map(describeTokens).join(', ');
  const { tuned } = last.report;
  if (tuned !== undefined) {
    const { device, tried } = tuned;
    const how = device.kind === 'model' ? 'counted' : 'measured';
    return [
      `${ranges}: ${how} ${microseconds(tuned.chosen.microseconds)} at M = ${tuned.tokens} on ${device.name}, best of ${tried} tried`,
      `modelled ${microseconds(chosen.microseconds)} on ${gpu} at M = ${tokens}, ${percent} % of the roofline: ${bounds} us`,
    ];
  }
  return [
    `${ranges}: modelled ${microseconds(chosen.microseconds)} at M = ${tokens}, ${percent} % of the roofline: ${bounds} us`,
    `best on ${gpu} of ${formatCount(legal)} legal schedules${next === undefined ? '' : `; next ${microseconds(next.microseconds)}: ${printSchedule(next.schedule)}`}`,
  ];
}

/** Ranges side by side as one. */
function joinRanges(choices: readonly Range[]): readonly Range[] {
  const joined: Range[] = [];
  for (const { from, to } of choices) {
    const last = joined.at(-1);
    const start = last?.to === from - 1 ? last.from : from;
    if (start !== from) joined.pop();
    joined.push({ from: start, ...(to === undefined ? {} : { to }) });
  }
  return joined;
}

function describeTokens({ from, to }: Range): string {
  if (to === undefined) return from === 1 ? 'any M' : `M >= ${from}`;
  return from === to ? `M = ${from}` : `M ${from}-${to}`;
}

function microseconds(value: number): string {
  return `${value.toFixed(1)} us`;
}
