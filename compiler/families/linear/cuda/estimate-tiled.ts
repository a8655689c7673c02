import { addsResidual, type LinearProblem } from '../../../../ir/problem.ts';
import type { TiledSchedule } from '../../../../ir/schedule.ts';
import { residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { formatCount } from '../../../support/format-count.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm, CountedFigures } from '../../family.ts';
import { linearGeometry } from '../geometry.ts';
import { codeMma, mmasPerSegment } from './code-mma.ts';
import { launchTerm, launchWork } from './launch-work.ts';
import { linearResources, registersTaken, sharedBytesPerStep } from './resources.ts';
import { stageBytes, tokenGroup, warpTile } from './tile-geometry.ts';

const sharedBytesPerClock = 128;
const schedulersPerSm = 4;

/** Cycles that a scheduler's tensor core takes for one MMA of a segment: 4096 s8 MACs at a quarter SM's rate, s4 alike. */
function mmaCycles({ gpu }: CudaTarget): number {
  return (4096 * schedulersPerSm) / gpu.macsPerSmClock.s8;
}
/** Attainable part of the DRAM peak. */
const dramEfficiency = 0.9;

/**
 * Part of the tensor rate that CTAs side by side on an SM reach: per step a CTA keeps a scheduler's tensor core busy for the
 * MMAs of its warps there, and then all of them wait at its barrier for the step's latency, in which only other CTAs can
 * run.
 */
function issueEfficiency(ctas: number, ctaCycles: number, latencyCycles: number): number {
  return Math.min(1, (ctas * ctaCycles) / (ctaCycles + latencyCycles));
}

/**
 * A modelled time for one launch: tensor work and shared-memory traffic in rounds of CTAs over the SMs, L2 and DRAM traffic
 * of the whole launch, combined; fill, drain and epilogue hide only behind other resident CTAs.
 */
export function estimateTiled(
  problem: LinearProblem,
  schedule: TiledSchedule,
  target: CudaTarget,
  m: number,
  counted?: CountedFigures,
): CostEstimate {
  const { gpu, timing } = target;
  const geometry = linearGeometry(problem);
  const cycles = (count: number): number => count / gpu.clockMHz;
  const tiles = ceilDiv(problem.n, schedule.tileN) * ceilDiv(m, schedule.tileM);
  const resources = linearResources(problem, schedule, target);
  const resident = residentCtas({ ...resources, registers: registersTaken(resources, counted) }, target);
  const rounds = ceilDiv(tiles, gpu.smCount);
  const waves = tiles / (gpu.smCount * resident);

  const rate = problem.activationBits === 4 ? gpu.macsPerSmClock.s4 : gpu.macsPerSmClock.s8;
  const tileArea = schedule.tileN * schedule.tileM;
  const baseCycles = (tileArea * geometry.baseSegments * geometry.codesPerSegment) / rate;
  const outlierCycles = (tileArea * geometry.outlierSegments * 16) / gpu.macsPerSmClock.f16;
  const sideBySide = Math.min(resident, rounds);
  const stepSegments = schedule.tileKBytes / 32;
  const { blocks, groups } = warpTile(schedule);
  const schedulerWarps = resources.threads / 32 / schedulersPerSm;
  const mmas = mmasPerSegment(codeMma(problem));
  const widening = mmas === 1 ? 0 : timing.wideningCycles * (12 * blocks + 6 * groups);
  const segmentCycles = blocks * groups * mmaCycles(target) * mmas + widening;
  const efficiency = issueEfficiency(
    sideBySide,
    schedulerWarps * stepSegments * segmentCycles,
    timing.stepLatencyCycles,
  );
  const widened = widening * schedulerWarps * geometry.baseSegments;
  const tensor = cycles((rounds * (baseCycles + widened + outlierCycles)) / efficiency);

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
  const l2Rate = Math.min(gpu.l2GBps, inFlight / timing.l2LatencyNs);
  const dramRate = Math.min(gpu.dramGBps * dramEfficiency, inFlight / timing.dramLatencyNs);
  const l2 = operandBytes / (l2Rate * 1e3);
  const { bytes, weightBytes, idealMicroseconds } = launchWork(problem, target, m);
  // Weights that L2 does not keep are read again by every group of token tiles.
  const tokenGroups = ceilDiv(ceilDiv(m, schedule.tileM), tokenGroup);
  const readings = weightBytes > gpu.l2Bytes / 2 ? tokenGroups : 1;
  const dramBytes = bytes + (readings - 1) * weightBytes;
  const dram = dramBytes / (dramRate * 1e3);

  // The tile is written to and read from shared memory once, with a residual twice.
  const passes = addsResidual(problem) ? 4 : 2;
  const epilogueCycles = (tileArea * 2 * passes) / sharedBytesPerClock + timing.drainCycles;
  const exposedRounds = ceilDiv(rounds, resident);
  const epilogue = cycles(exposedRounds * epilogueCycles);
  const fill = cycles(exposedRounds * timing.fillCycles);

  const side = [tensor, shared, l2, dram];
  const inside =
    side.reduce((sum, time) => sum + time ** timing.overlapPower, 0) ** (1 / timing.overlapPower);
  const microseconds = inside + epilogue + fill + timing.launchMicroseconds;
  const terms = (): readonly CostTerm[] => [
    {
      name: 'tensor cores',
      microseconds: tensor,
      how: `${rounds} rounds x (${formatCount(baseCycles)} cycles base + ${formatCount(outlierCycles)} outliers), ${tiles} tiles on ${gpu.smCount} SMs, ${percent(efficiency)} issued by ${sideBySide} CTAs an SM`,
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
      name: 'epilogue',
      microseconds: epilogue,
      how: `${exposedRounds} x ${formatCount(epilogueCycles)} cycles not hidden by ${resident} resident CTAs`,
    },
    {
      name: 'fill',
      microseconds: fill,
      how: `${exposedRounds} x ${timing.fillCycles} cycles until the first MMA`,
    },
    ...launchTerm(timing),
  ];
  return { microseconds, terms, waves, rooflineFraction: idealMicroseconds / microseconds };
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
