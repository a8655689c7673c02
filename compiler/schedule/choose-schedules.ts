import { isDeepStrictEqual } from 'node:util';
import type { FamilyName, KernelSpec, ProblemOf, ScheduleOf, SpecOf } from '../../ir/kernel-spec.ts';
import type { PlannedProblem } from '../../ir/plan.ts';
import { printTokens } from '../../ir/print-schedule.ts';
import type {
  KernelChoice,
  RankedSchedule,
  ScheduleReport,
  TunedRange,
  TunedReport,
} from '../../ir/schedule-choice.ts';
import type { Target } from '../../targets/target.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { CostEstimate, KernelFamily, TokenRange } from '../families/family.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { type Ranked, rankSchedules, type ScheduleSpace, surveySchedules } from './rank-schedules.ts';
import { type RankedRange, tokenRanges } from './token-ranges.ts';

/** Schedules ranked, from which the runners-up are picked: variants of a tile tie by the dozen. */
const rankedKept = 240;
/** Runner-up schedules kept for `explain`. */
const runnersUpKept = 12;

/** Measured runners-up kept for `explain`. */
const measuredKept = 8;

export interface ChoiceOptions<F extends FamilyName> {
  /** Takes schedules out of the running by giving a reason. */
  readonly exclude?: (schedule: ScheduleOf<F>) => string | undefined;
  readonly tuned?: TunedLookup | undefined;
}

/** Finds what was measured for a problem over a range of M; undefined: nothing, so the model chooses. */
export type TunedLookup = (planned: PlannedProblem, range: TokenRange) => TunedRange | undefined;

/**
 * Chooses a kernel for every M in [from, to] of one problem: one choice a range, though ranges side by side may come to
 * the same kernel. The fastest legal schedule that was measured wins, else the model's first. Fails with QK401 where
 * nothing legal is left, naming the commonest reasons.
 */
export function chooseSchedules<F extends FamilyName>(
  family: KernelFamily<F>,
  planned: PlannedProblem,
  problem: ProblemOf<F>,
  tokens: { readonly from: number; readonly to?: number },
  target: Target,
  { exclude = () => undefined, tuned }: ChoiceOptions<F> = {},
): Result<readonly KernelChoice[], Diagnostic> {
  const space = surveySchedules(family, problem, target);
  const choices: KernelChoice[] = [];
  for (const range of tokenRanges(family.rangeEdges, tokens.from, tokens.to)) {
    const candidates = spaceOfRange(family, space, range, exclude);
    const ranked = rankSchedules(family, problem, candidates.legal, target, range.representative, rankedKept);
    const favourite = ranked[0];
    if (favourite === undefined) return fail(nothingFits(planned, range, candidates));
    const measured = pickMeasured(family, problem, candidates, target, range, tuned?.(planned, range));
    const winner = measured?.winner ?? favourite;
    const spec = { family: family.name, problem, schedule: winner.schedule } as unknown as SpecOf<F>;
    choices.push({
      problem: planned.hash,
      kernel: family.kernelId(spec),
      spec,
      from: range.from,
      ...(range.to === undefined ? {} : { to: range.to }),
      report: {
        ...report(family, problem, target, range, winner, ranked, candidates),
        ...(measured === undefined ? {} : { tuned: measured.report }),
      },
    });
  }
  return succeed(choices);
}

/** What of a space is left for one range of M. */
function spaceOfRange<F extends FamilyName>(
  family: KernelFamily<F>,
  space: ScheduleSpace<F>,
  range: RankedRange,
  exclude: (schedule: ScheduleOf<F>) => string | undefined,
): ScheduleSpace<F> {
  const serving = space.legal.filter((schedule) => family.servesRange(schedule, range));
  const legal: ScheduleOf<F>[] = [];
  const excluded: string[] = [];
  for (const schedule of serving) {
    const reason = exclude(schedule);
    if (reason === undefined) legal.push(schedule);
    else excluded.push(reason);
  }
  const rejections = [
    ...space.rejections,
    {
      kind: 'meant for other M',
      count: space.legal.length - serving.length,
      example: `not for M = ${printTokens(range)}: tiles of other heights, decode kernels beyond 16 tokens`,
    },
    { kind: 'excluded', count: excluded.length, example: excluded[0] ?? '' },
  ];
  return {
    legal,
    rejections: rejections.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count),
  };
}

/** The fastest of the measured schedules that is legal here, with what there is to say of it. */
function pickMeasured<F extends FamilyName>(
  family: KernelFamily<F>,
  problem: ProblemOf<F>,
  { legal }: ScheduleSpace<F>,
  target: Target,
  range: RankedRange,
  found: TunedRange | undefined,
): { readonly winner: Ranked<F>; readonly report: TunedReport } | undefined {
  if (found === undefined) return undefined;
  const { ranked, ...rest } = found;
  const serving = ranked.flatMap((measured) => {
    const schedule = legal.find((candidate) => isDeepStrictEqual(candidate, measured.schedule));
    return schedule === undefined ? [] : [{ measured, schedule }];
  });
  const [first, ...others] = serving;
  if (first === undefined) return undefined;
  const { schedule, measured } = first;
  const estimate = family.estimate(problem, schedule, target, range.representative);
  const runnersUp = others.slice(0, measuredKept).map((entry) => entry.measured);
  return { winner: { schedule, estimate }, report: { ...rest, chosen: measured, runnersUp } };
}

function report<F extends FamilyName>(
  family: KernelFamily<F>,
  problem: ProblemOf<F>,
  target: Target,
  range: RankedRange,
  winner: Ranked<F>,
  ranked: readonly Ranked<F>[],
  space: ScheduleSpace<F>,
): ScheduleReport {
  const cost = family.outlierCost(problem, winner.schedule, target, range.representative);
  return {
    gpu: target.gpu.name,
    tokens: range.representative,
    chosen: summary(winner.schedule, winner.estimate),
    terms: winner.estimate.terms(),
    runnersUp: pickRunnersUp(family, winner, ranked).map((entry) => summary(entry.schedule, entry.estimate)),
    legal: space.legal.length,
    rejections: space.rejections,
    ...(cost === undefined ? {} : { outlierCost: cost }),
  };
}

/** The best of every other tile or warp layout; then, where those are few, variants of the ones there are. */
function pickRunnersUp<F extends FamilyName>(
  family: KernelFamily<F>,
  winner: Ranked<F>,
  ranked: readonly Ranked<F>[],
): readonly Ranked<F>[] {
  const rest = ranked.filter(({ schedule }) => !isDeepStrictEqual(schedule, winner.schedule));
  const taken = new Set([family.shapeOf(winner.schedule)]);
  const others: Ranked<F>[] = [];
  const variants: Ranked<F>[] = [];
  for (const entry of rest) {
    const shape = family.shapeOf(entry.schedule);
    (taken.has(shape) ? variants : others).push(entry);
    taken.add(shape);
  }
  const picked = [...others.slice(0, runnersUpKept), ...variants].slice(0, runnersUpKept);
  return picked.sort((a, b) => a.estimate.microseconds - b.estimate.microseconds);
}

function summary(schedule: KernelSpec['schedule'], estimate: CostEstimate): RankedSchedule {
  const { microseconds, rooflineFraction, waves } = estimate;
  return { schedule, microseconds, rooflineFraction, waves };
}

function nothingFits(
  planned: PlannedProblem,
  range: RankedRange,
  { rejections }: Pick<ScheduleReport, 'rejections'>,
): Diagnostic {
  const commonest = rejections
    .slice(0, 3)
    .map(({ kind, count, example }) => `${count} x ${kind} (${example})`);
  return diagnose('QK401', {
    message: `no schedule fits ${planned.serves.join(', ')} for ${range.from} to ${range.to ?? 'any number of'} tokens`,
    ...pointer(planned),
    hint: `rejected: ${commonest.join('; ')}`,
  });
}

function pointer(planned: PlannedProblem): { readonly pointer?: string } {
  const first = planned.origins[0];
  return first === undefined ? {} : { pointer: first };
}
