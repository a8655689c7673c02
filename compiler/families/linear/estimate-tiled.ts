import type { LinearProblem } from '../../../ir/problem.ts';
import type { TiledSchedule } from '../../../ir/schedule.ts';
import type { CudaTarget } from '../../../targets/target.ts';
import { formatCount } from '../../support/format-count.ts';
import { ceilDiv } from '../../support/integer.ts';
import type { CostEstimate, CostTerm } from '../family.ts';
import { linearGeometry, stageBytes } from './geometry.ts';
import { linearResources, residentCtas, sharedBytesPerStep } from './resources.ts';
import { launchWork } from './work.ts';

/** Part of the second longest of MMA, shared memory, L2 and DRAM that does not hide behind the longest. Stated. */
const overlapLoss = 0.1;
/** Cycles from a CTA's start to its first MMA, and from its last MMA to its end beside the stores. Stated. */
const fillCycles = 1200;
const drainCycles = 600;
const sharedBytesPerClock = 128;
/** Latency under load that bytes in flight have to cover, in nanoseconds. Stated. */
const l2LatencyNs = 400;
const dramLatencyNs = 800;
const schedulersPerSm = 4;

/**
 * Part of the tensor rate that `warps` resident warps reach: a scheduler without a warp does nothing, and a single warp
 * leaves its tensor core idle while it waits for fragments or a barrier; each further warp halves what is left. Stated.
 */
function issueEfficiency(warps: number): number {
  const perScheduler = warps / schedulersPerSm;
  return Math.min(1, perScheduler) * (1 - 0.5 ** (Math.max(1, perScheduler) + 1));
}

/**
 * A modelled time for one launch: the longest of tensor work and shared-memory traffic in rounds of CTAs over the SMs,
 * and of L2 and DRAM traffic of the whole launch; fill, drain and epilogue hide only behind other resident CTAs.
 */
export function estimateTiled(
  problem: LinearProblem,
  schedule: TiledSchedule,
  target: CudaTarget,
  m: number,
): CostEstimate {
  const { gpu } = target;
  const geometry = linearGeometry(problem);
  const cycles = (count: number): number => count / gpu.clockMHz;
  const tiles = ceilDiv(problem.n, schedule.tileN) * ceilDiv(m, schedule.tileM);
  const resources = linearResources(problem, schedule, target);
  const resident = residentCtas(resources, resources.registers, target);
  const rounds = ceilDiv(tiles, gpu.smCount);
  const waves = tiles / (gpu.smCount * resident);

  const rate = problem.activationBits === 4 ? gpu.macsPerSmClock.s4 : gpu.macsPerSmClock.s8;
  const tileArea = schedule.tileN * schedule.tileM;
  const baseCycles = (tileArea * geometry.baseSegments * geometry.codesPerSegment) / rate;
  const outlierCycles = (tileArea * geometry.outlierSegments * 16) / gpu.macsPerSmClock.f16;
  const residentWarps = (Math.min(resident, rounds) * resources.threads) / 32;
  const efficiency = issueEfficiency(residentWarps);
  const tensor = cycles((rounds * (baseCycles + outlierCycles)) / efficiency);

  const stepSegments = schedule.tileKBytes / 32;
  const segments = geometry.baseSegments + geometry.outlierSegments;
  const sharedCycles = ((sharedBytesPerStep(schedule) / stepSegments) * segments) / sharedBytesPerClock;
  const shared = cycles(rounds * sharedCycles);

  const operandBytes = tiles * (schedule.tileN + schedule.tileM) * segments * 32;
  // Little's law: the ring's steps that are not in use are in flight, in every resident CTA.
  const concurrent = Math.min(tiles, resident * gpu.smCount);
  const inFlight = concurrent * (schedule.stages - 1) * stageBytes(schedule);
  const l2Rate = Math.min(gpu.l2GBps, inFlight / l2LatencyNs);
  const dramRate = Math.min(gpu.dramGBps, inFlight / dramLatencyNs);
  const l2 = operandBytes / (l2Rate * 1e3);
  const { bytes, idealMicroseconds } = launchWork(problem, target, m);
  const dram = bytes / (dramRate * 1e3);

  // The tile is written to and read from shared memory once, with a residual twice.
  const passes = problem.epilogue.length > 0 ? 4 : 2;
  const epilogueCycles = (tileArea * 2 * passes) / sharedBytesPerClock + drainCycles;
  const exposedRounds = ceilDiv(rounds, resident);
  const epilogue = cycles(exposedRounds * epilogueCycles);
  const fill = cycles(exposedRounds * fillCycles);

  const longest = Math.max(tensor, shared, l2, dram);
  const second = secondLargest(tensor, shared, l2, dram);
  const microseconds = longest + overlapLoss * second + epilogue + fill;
  const terms = (): readonly CostTerm[] => [
    {
      name: 'tensor cores',
      microseconds: tensor,
      how: `${rounds} rounds x (${formatCount(baseCycles)} cycles base + ${formatCount(outlierCycles)} outliers), ${tiles} tiles on ${gpu.smCount} SMs, ${percent(efficiency)} issued by ${residentWarps} warps an SM`,
    },
    {
      name: 'shared memory',
      microseconds: shared,
      how: `${rounds} rounds x ${formatCount(sharedCycles)} cycles at ${sharedBytesPerClock} B/clock`,
    },
    {
      name: 'L2',
      microseconds: l2,
      how: `${megabytes(operandBytes)} of operands at ${formatCount(l2Rate)} GB/s, ${formatCount(inFlight / 1024)} KiB in flight`,
    },
    {
      name: 'DRAM',
      microseconds: dram,
      how: `${megabytes(bytes)}, every byte once, at ${formatCount(dramRate)} GB/s`,
    },
    {
      name: 'epilogue',
      microseconds: epilogue,
      how: `${exposedRounds} x ${formatCount(epilogueCycles)} cycles not hidden by ${resident} resident CTAs`,
    },
    {
      name: 'fill',
      microseconds: fill,
      how: `${exposedRounds} x ${fillCycles} cycles until the first MMA`,
    },
  ];
  return { microseconds, terms, waves, rooflineFraction: idealMicroseconds / microseconds };
}

function secondLargest(a: number, b: number, c: number, d: number): number {
  const [high, low] = a > b ? [a, b] : [b, a];
  const [otherHigh, otherLow] = c > d ? [c, d] : [d, c];
  return high > otherHigh ? Math.max(low, otherHigh) : Math.max(high, otherLow);
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
