import type { LinearProblem } from '../../../../ir/problem.ts';
import type { RegisterTileSchedule } from '../../../../ir/schedule.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import type { Rejection, TokenRange } from '../../family.ts';

const space = {
  channelThreads: [4, 8, 16, 32, 64],
  tokenThreads: [1, 2, 4, 8, 16],
  tokensPerThread: [1, 2, 4, 8],
} as const;

/** Every schedule of the space, legal or not, in a fixed order. */
export function* enumerateRegisterTiles(): Iterable<RegisterTileSchedule> {
  for (const channelThreads of space.channelThreads) {
    for (const tokenThreads of space.tokenThreads) {
      for (const tokensPerThread of space.tokensPerThread)
        yield { kind: 'register-tile', channelThreads, tokenThreads, tokensPerThread };
    }
  }
}

/** The first reason why `schedule` cannot serve `problem` on `target`; undefined if it can. */
export function rejectRegisterTile(
  problem: LinearProblem,
  { channelThreads, tokenThreads }: RegisterTileSchedule,
  target: WgslTarget,
): Rejection | undefined {
  const threads = channelThreads * tokenThreads;
  const most = target.limits.invocationsPerWorkgroup;
  if (threads > most)
    return { kind: 'workgroup too large', reason: () => `${threads} invocations, ${most} may be asked for` };
  if (threads < 32)
    return { kind: 'workgroup too small', reason: () => `${threads} invocations leave SIMD lanes idle` };
  const tileN = 4 * channelThreads;
  if (tileN >= 2 * problem.n && channelThreads > 4) {
    return {
      kind: 'tile wider than N',
      reason: () => `${tileN} channels are at least twice N = ${problem.n}`,
    };
  }
  return undefined;
}

/** A tile no taller than needed: less than twice as many tokens as the range has. */
export function servesRegisterTile(schedule: RegisterTileSchedule, range: TokenRange): boolean {
  const tileM = schedule.tokenThreads * schedule.tokensPerThread;
  return tileM < 2 * Math.max(1, range.to ?? Number.POSITIVE_INFINITY);
}
