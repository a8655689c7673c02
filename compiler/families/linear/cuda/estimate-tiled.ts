import { addsResidual, type LinearProblem } from '../../../../ir/problem.ts';
import type { TiledSchedule } from '../../../../ir/schedule.ts';
import { residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { formatCount } from '../../../support/format-count.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm, CountedFigures } from '../../family.ts';
import { linearGeometry } from '../geometry.ts';
import { launchWork } from './launch-work.ts';
import { linearResources, sharedBytesPerStep } from './resources.ts';
import { stageBytes, tokenGroup, warpTile } from './tile-geometry.ts';

/**
 * Tensor cores, shared memory, L2, DRAM and step latency work side by side but not without cost when several are
 * nearly busy: times combine as the p-norm, p = 6, the maximum where one dominates, 1.2 times three equal ones. Stated.
 */
const overlapPower = 6;
/** Cycles from a CTA's start to its first MMA, and from its last MMA to its end beside the stores. Stated. */
const fillCycles = 1200;
const drainCycles = 600;
const sharedBytesPerClock = 128;
/** Latency under load that bytes in flight have to cover, in nanoseconds. Stated. */
const l2LatencyNs = 400;
const dramLatencyNs = 800;
const schedulersPerSm = 4;

/** Cycles from a barrier to the first result of the MMAs behind it, which other warps of a scheduler may fill. Stated. */
const stepLatencyCycles = 200;
/** Cycles that a scheduler's tensor core takes for one MMA of a segment: 8192 s4 or 4096 s8 MACs at a quarter SM's rate. */
const mmaCycles = 8;
/** Attainable part of the DRAM peak. */
const dramEfficiency = 0.9;

/**
 * Part of the tensor rate that `warps` resident warps reach: per step a warp keeps its scheduler's tensor core busy for
 * its MMAs' time and then waits out the step's latency, in which the scheduler's other warps can run.
 */
function issueEfficiency(warps: number, stepCycles: number): number {
  const perScheduler = warps / schedulersPerSm;
  return Math.min(1, (perScheduler * stepCycles) / (stepCycles + stepLatencyCycles));
}

/**
 * A modelled time for one launch: tensor work, shared-memory traffic and step latency in rounds of CTAs over the SMs, L2
 * and DRAM traffic of the whole launch, combined; fill, drain and epilogue hide only behind other resident CTAs.
 */
export function estimateTiled(
  problem: LinearProblem,
  schedule: TiledSchedule,
  target: CudaTarget,
  m: number,
  counted?: CountedFigures,
): CostEstimate {
  const { gpu } = target;
  const geometry = linearGeometry(problem);
  const cycles = (count: number): number => count / gpu.clockMHz;
  const tiles = ceilDiv(problem.n, schedule.tileN) * ceilDiv(m, schedule.tileM);
  const resources = linearResources(problem, schedule, target);
  const resident = residentCtas(
    { ...resources, registers: counted?.registers ?? resources.registerCap },
    target,
  );
  const rounds = ceilDiv(tiles, gpu.smCount);
  const waves = tiles / (gpu.smCount * resident);

  const rate = problem.activationBits === 4 ? gpu.macsPerSmClock.s4 : gpu.macsPerSmClock.s8;
  const tileArea = schedule.tileN * schedule.tileM;
  const baseCycles = (tileArea * geometry.baseSegments * geometry.codesPerSegment) / rate;
  const outlierCycles = (tileArea * geometry.outlierSegments * 16) / gpu.macsPerSmClock.f16;
  const residentWarps = (Math.min(resident, rounds) * resources.threads) / 32;
  const stepSegments = schedule.tileKBytes / 32;
  const { blocks, groups } = warpTile(schedule);
  const efficiency = issueEfficiency(residentWarps, stepSegments * blocks * groups * mmaCycles);
  const tensor = cycles((rounds * (baseCycles + outlierCycles)) / efficiency);

  const segments = geometry.baseSegments + geometry.outlierSegments;
  const sharedCycles =
    (((sharedBytesPerStep(schedule) / stepSegments) * segments) / sharedBytesPerClock) *
    (counted?.sharedFactor ?? 1);
  const shared = cycles(rounds * sharedCycles);

  const operandBytes =
    tiles * (schedule.tileN + schedule.tileM) * segments * 32 * (counted?.sectorFactor ?? 1);
  // Little's law: the ring's steps that are not in use are in flight, in every resident CTA.
  const concurrent = Math.min(tiles, resident * gpu.smCount);
  const inFlight = concurrent * (schedule.stages - 1) * stageBytes(schedule);
  const l2Rate = Math.min(gpu.l2GBps, inFlight / l2LatencyNs);
  const dramRate = Math.min(gpu.dramGBps * dramEfficiency, inFlight / dramLatencyNs);
  const l2 = operandBytes / (l2Rate * 1e3);
  const { bytes, weightBytes, idealMicroseconds } = launchWork(problem, target, m);
  // Weights that L2 does not keep are read again by every group of token tiles.
  const tokenGroups = ceilDiv(ceilDiv(m, schedule.tileM), tokenGroup);
  const readings = weightBytes > gpu.l2Bytes / 2 ? tokenGroups : 1;
  const dramBytes = bytes + (readings - 1) * weightBytes;
  const dram = dramBytes / (dramRate * 1e3);

  // The tile is written to and read from shared memory once, with a residual twice.
  const passes = addsResidual(problem) ? 4 : 2;
  const epilogueCycles = (tileArea * 2 * passes) / sharedBytesPerClock + drainCycles;
  const exposedRounds = ceilDiv(rounds, resident);
  const epilogue = cycles(exposedRounds * epilogueCycles);
  const fill = cycles(exposedRounds * fillCycles);

  const steps =
    ceilDiv(geometry.baseSegments, stepSegments) + ceilDiv(geometry.outlierSegments, stepSegments);
  // A step's operands are asked for stages - 1 steps ahead; what DRAM takes longer than that stands open.
  const stepCycles =
    (Math.min(resident, rounds) * Math.max(baseCycles + outlierCycles, sharedCycles)) / steps;
  const open = Math.max(0, (dramLatencyNs * gpu.clockMHz) / 1000 - (schedule.stages - 1) * stepCycles);
  const waitCycles = stepLatencyCycles + open;
  const latency = cycles(exposedRounds * steps * waitCycles);

  const side = [tensor, shared, l2, dram, latency];
  const inside = side.reduce((sum, time) => sum + time ** overlapPower, 0) ** (1 / overlapPower);
  const microseconds = inside + epilogue + fill;
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
      how: `${megabytes(dramBytes)} at ${formatCount(dramRate)} GB/s: every byte once${readings > 1 ? `, weights ${readings} times` : ''}`,
    },
    {
      name: 'step latency',
      microseconds: latency,
      how: `${exposedRounds} x ${steps} steps of at least ${formatCount(waitCycles)} cycles`,
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

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
