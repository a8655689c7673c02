import type { DeviceNeeds } from '../../../../ir/device-needs.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type {
  BroadcastTileSchedule,
  LaneSplitSchedule,
  RegisterTileSchedule,
  SliceSplitSchedule,
  WgslLinearSchedule,
} from '../../../../ir/schedule.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { Rejection, TokenRange } from '../../family.ts';
import { halfFeatures, rejectHalves } from '../../half-access.ts';
import { rejectUnpromised } from '../../reject-unpromised.ts';
import { blockChannels, linearGeometry } from '../geometry.ts';
import { launchTokens } from './contract.ts';
import { tileOf } from './tile-of.ts';

const registerTiles = {
  channelThreads: [4, 8, 16, 32, 64],
  tokenThreads: [1, 2, 4, 8, 16],
  tokensPerThread: [1, 2, 4, 8],
} as const;

const laneSplits = { lanes: [8, 16, 32, 64], channelThreads: [4, 8, 16], tokens: [1, 2, 4, 8] } as const;

const sliceSplits = { slices: [2, 4, 8, 16], channelThreads: [32, 64], tokens: [1, 2, 4, 8] } as const;

/** Tokens beyond which shares take more room and traffic than slices can win. Stated. */
const mostSplitTokens = 32;

const broadcastTiles = { threads: [32, 64, 128], tokens: [8, 16], lanes: [4, 8, 16] } as const;

/** Forms of a tile: what asks for more of a device comes first, and wins where times are equal. */
const forms = {
  halves: ['vectors', 'words'],
  dot: ['packed', 'scalar'],
  broadcastDot: ['packed', 'floats'],
} as const;

/** Every schedule of the space, legal or not, in a fixed order. */
export function* enumerateLinears(): Iterable<WgslLinearSchedule> {
  for (const halves of forms.halves) {
    for (const dot of forms.dot) {
      for (const tile of enumerateRegisterTiles()) yield { ...tile, dot, halves };
      for (const tile of enumerateLaneSplits()) yield { ...tile, dot, halves };
      for (const tile of enumerateSliceSplits()) yield { ...tile, dot, halves };
    }
    for (const dot of forms.broadcastDot) {
      for (const tile of enumerateBroadcastTiles()) yield { ...tile, dot, halves };
    }
  }
}

type Tile<S> = Omit<S, 'dot' | 'halves'>;

function* enumerateRegisterTiles(): Iterable<Tile<RegisterTileSchedule>> {
  for (const channelThreads of registerTiles.channelThreads) {
    for (const tokenThreads of registerTiles.tokenThreads) {
      for (const tokensPerThread of registerTiles.tokensPerThread)
        yield { kind: 'register-tile', channelThreads, tokenThreads, tokensPerThread };
    }
  }
}

function* enumerateLaneSplits(): Iterable<Tile<LaneSplitSchedule>> {
  for (const lanes of laneSplits.lanes) {
    for (const channelThreads of laneSplits.channelThreads) {
      for (const tokens of laneSplits.tokens) yield { kind: 'lane-split', lanes, channelThreads, tokens };
    }
  }
}

function* enumerateSliceSplits(): Iterable<Tile<SliceSplitSchedule>> {
  for (const slices of sliceSplits.slices) {
    for (const channelThreads of sliceSplits.channelThreads) {
      for (const tokens of sliceSplits.tokens) yield { kind: 'slice-split', slices, channelThreads, tokens };
    }
  }
}

function* enumerateBroadcastTiles(): Iterable<Tile<BroadcastTileSchedule>> {
  for (const threads of broadcastTiles.threads) {
    for (const tokens of broadcastTiles.tokens) {
      for (const lanes of broadcastTiles.lanes) yield { kind: 'broadcast-tile', threads, tokens, lanes };
    }
  }
}

/** What a schedule's kernel asks of a device. */
export function linearNeeds(schedule: WgslLinearSchedule): DeviceNeeds {
  const languageFeatures = schedule.dot === 'packed' ? ['packed_4x8_integer_dot_product'] : [];
  const halves = halfFeatures(schedule);
  switch (schedule.kind) {
    case 'register-tile':
    case 'lane-split':
    case 'slice-split':
      return { features: halves, languageFeatures, leastSubgroupSize: 1 };
    case 'broadcast-tile':
      return { features: [...halves, 'subgroups'], languageFeatures, leastSubgroupSize: schedule.lanes };
  }
}

/** The first reason why `schedule` cannot serve `problem` on `target`; undefined if it can. */
export function rejectLinear(
  problem: LinearProblem,
  schedule: WgslLinearSchedule,
  target: WgslTarget,
): Rejection | undefined {
  const unpromised = rejectUnpromised(linearNeeds(schedule), target) ?? rejectHalves(problem.dtype, schedule);
  if (unpromised !== undefined) return unpromised;
  if (schedule.kind === 'broadcast-tile' && schedule.tokens % schedule.lanes !== 0) {
    const { tokens, lanes } = schedule;
    return { kind: 'idle lanes', reason: () => `${tokens} tokens leave some of ${lanes} lanes without one` };
  }
  if (schedule.kind === 'slice-split') {
    const { slices } = schedule;
    const { baseSegments, outlierSegments, channelBlocks } = linearGeometry(problem);
    const segments = Math.max(baseSegments, outlierSegments);
    if (slices > segments)
      return { kind: 'slices without K', reason: () => `${slices} slices of ${segments} segments` };
    const workgroups = ceilDiv(channelBlocks * blockChannels, tileOf(schedule).channels);
    const { workgroupsPerDimension } = target.limits;
    if (workgroups > workgroupsPerDimension) {
      const reason = () => `${workgroups} workgroups finish, ${workgroupsPerDimension} may be asked for`;
      return { kind: 'too many channels at once', reason };
    }
    if (launchTokens({ family: 'linear', problem, schedule }) === 0)
      return { kind: 'workspace too large', reason: () => 'the shares of one token do not fit a binding' };
  }
  const { channels, block } = tileOf(schedule);
  const threads = block[0] * block[1];
  const most = target.limits.invocationsPerWorkgroup;
  if (threads > most)
    return { kind: 'workgroup too large', reason: () => `${threads} invocations, ${most} may be asked for` };
  if (threads < 32)
    return { kind: 'workgroup too small', reason: () => `${threads} invocations leave SIMD lanes idle` };
  if (channels >= 2 * problem.n && channels > 16) {
    return {
      kind: 'tile wider than N',
      reason: () => `${channels} channels are at least twice N = ${problem.n}`,
    };
  }
  return undefined;
}

/** Bytes of workgroup memory: a share of sums and of outliers a thread. */
export function workgroupBytes(schedule: WgslLinearSchedule): number {
  const { block } = tileOf(schedule);
  return schedule.kind === 'lane-split' ? block[0] * block[1] * 32 : 0;
}

/** A tile no taller than needed: less than twice as many tokens as the range has; slices for few tokens alone. */
export function servesLinear(schedule: WgslLinearSchedule, range: TokenRange): boolean {
  if (schedule.kind === 'slice-split' && !(range.to !== undefined && range.to <= mostSplitTokens))
    return false;
  return tileOf(schedule).tokens < 2 * Math.max(1, range.to ?? Number.POSITIVE_INFINITY);
}
