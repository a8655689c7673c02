import { evaluate } from '../../../../ir/formula.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { IntegerDot, WgslLinearSchedule } from '../../../../ir/schedule.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm } from '../../family.ts';
import { linearGeometry, segmentBytes } from '../geometry.ts';
import { linearWork } from '../work.ts';
import { sharesArgument, shareVectors } from './slice-shares.ts';
import { tileOf } from './tile-of.ts';

/** Part of the time of all shorter terms that does not hide behind the longest. Stated. */
const overlapLoss = 0.2;
/** 16-byte loads that a core serves from its caches a clock. Stated. */
const loadsPerCoreClock = 16;
/** What a dispatch takes that waits for the one before it. Stated. */
const dispatchMicroseconds = 10;
/** Invocations that a core needs at once to hide the latency of its loads. Stated. */
const threadsToHide = 512;

/**
 * A modelled time for M tokens: dot products and outlier multiply-adds, vector loads, L2, or DRAM, the longest counts; all
 * but DRAM are stretched where there are too few invocations to fill every core, or some core has a workgroup more. A workgroup has the rows of its tile from
 * L2 once: what its threads share they find in the core's own cache.
 */
export function estimateLinear(
  problem: LinearProblem,
  schedule: WgslLinearSchedule,
  target: WgslTarget,
  m: number,
): CostEstimate {
  const { gpu } = target;
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  const tile = tileOf(schedule);
  const tiles = ceilDiv(channelBlocks * 16, tile.channels) * ceilDiv(m, tile.tokens);
  const workgroups = tiles * slicesOf(schedule);
  const threads = workgroups * tile.block[0] * tile.block[1];
  const perMicrosecond = gpu.coreCount * gpu.clockMHz;
  const filled = Math.min(1, threads / (gpu.coreCount * threadsToHide));
  const balance = workgroups / (gpu.coreCount * ceilDiv(workgroups, gpu.coreCount));
  const used = Math.min(filled, balance);

  const each = baseWork(problem, schedule);
  const dots = threads * each.dots;
  const fmas = threads * (each.fmas + each.outlierFmas);
  const arithmetic = (dots / gpu.perCoreClock.dot4 + fmas / gpu.perCoreClock.fma) / perMicrosecond / used;
  const loads = threads * each.loads;
  const loading = loads / loadsPerCoreClock / perMicrosecond / used;
  const rowsBytes = (tile.channels + tile.tokens) * (baseSegments + outlierSegments) * segmentBytes;
  const l2 = (tiles * rowsBytes) / (gpu.l2GBps * 1e3) / used;
  const work = linearWork(problem, m);
  const bytes = Object.entries(work)
    .filter(([name]) => name.endsWith('Bytes'))
    .reduce((sum, [, value]) => sum + value, 2 * shareBytes(problem, schedule, m));
  const dram = bytes / (gpu.dramGBps * 1e3);

  const secondDispatch = schedule.kind === 'slice-split' ? dispatchMicroseconds : 0;
  const microseconds = overlap([arithmetic, loading, l2, dram]) + secondDispatch;
  const ideal = Math.max(
    work.baseMacs / 4 / gpu.perCoreClock.dot4 / perMicrosecond +
      work.outlierMacs / gpu.perCoreClock.fma / perMicrosecond,
    dram,
  );
  const terms = (): readonly CostTerm[] => [
    {
      name: 'arithmetic',
      microseconds: arithmetic,
      how: `${(dots / 1e6).toFixed(1)} M dot4I8Packed and ${(fmas / 1e6).toFixed(1)} M multiply-adds, ${Math.round(100 * used)} % of the cores in use`,
    },
    {
      name: 'loads',
      microseconds: loading,
      how: `${(loads / 1e6).toFixed(1)} M loads of 16 bytes, ${loadsPerCoreClock} a core and clock`,
    },
    {
      name: 'L2',
      microseconds: l2,
      how: `${((tiles * rowsBytes) / 1e6).toFixed(1)} MB at ${gpu.l2GBps} GB/s: ${tiles} tiles of ${tile.channels} channels x ${tile.tokens} tokens`,
    },
    {
      name: 'DRAM',
      microseconds: dram,
      how: `${(bytes / 1e6).toFixed(1)} MB once at ${gpu.dramGBps} GB/s`,
    },
    ...(secondDispatch === 0
      ? []
      : [{ name: 'second dispatch', microseconds: secondDispatch, how: 'drain, start and fill; stated' }]),
  ];
  const waves = threads / (gpu.coreCount * threadsToHide);
  return { microseconds, terms, waves, rooflineFraction: ideal / microseconds };
}

/** The longest, and part of what the others take together by the same rule. */
function overlap(terms: readonly number[]): number {
  const ascending = [...terms].sort((a, b) => a - b);
  return ascending.reduce((shorter, term) => term + overlapLoss * shorter, 0);
}

/** Multiply-adds' worth of unpacking a code into an i32: two shifts. */
const unpackCode = 2;

function slicesOf(schedule: WgslLinearSchedule): number {
  return schedule.kind === 'slice-split' ? schedule.slices : 1;
}

/** Bytes that go through the workspace, one way. */
function shareBytes(problem: LinearProblem, schedule: WgslLinearSchedule, m: number): number {
  return schedule.kind === 'slice-split' ? evaluate(sharesArgument(problem, schedule).bytes, m) : 0;
}

/** What a thread does: dot products and multiply-adds over the base columns, and 16-byte loads over all. */
function baseWork(problem: LinearProblem, schedule: WgslLinearSchedule) {
  const { baseSegments, outlierSegments, codesPerSegment } = linearGeometry(problem);
  const segments = baseSegments + outlierSegments;
  const fourBit = problem.activationBits === 4;
  /** `steps` of `codes` codes for `tokens` tokens x 4 channels; by themselves, weights are unpacked once for all tokens. */
  const products = (dot: IntegerDot, tokens: number, steps: number, codes: number) => {
    if (dot === 'packed') return { dots: tokens * steps * codes, fmas: 0 };
    return { dots: 0, fmas: steps * codes * (tokens * (4 + unpackCode) + 4 * unpackCode) };
  };
  switch (schedule.kind) {
    case 'register-tile': {
      const { dot, tokensPerThread } = schedule;
      return {
        ...products(dot, tokensPerThread, baseSegments, codesPerSegment),
        outlierFmas: tokensPerThread * outlierSegments * 64,
        loads: segments * (8 + 2 * tokensPerThread),
      };
    }
    case 'broadcast-tile': {
      const { dot, tokens, lanes } = schedule;
      // A broadcast of a known lane is no instruction on the reference GPU, whose instructions read one lane of a register
      // as they read all (Intel's regions). In f32 two channels of 4 bit share a product.
      const floats = tokens * baseSegments * codesPerSegment * (fourBit ? 2 : 4);
      return {
        ...(dot === 'packed'
          ? products(dot, tokens, baseSegments, codesPerSegment)
          : { dots: 0, fmas: floats }),
        outlierFmas: tokens * outlierSegments * 64,
        loads: segments * (8 + (8 * tokens) / lanes),
      };
    }
    case 'slice-split': {
      const { slices, tokens, dot } = schedule;
      const [share, outlierShare] = [ceilDiv(baseSegments, slices), ceilDiv(outlierSegments, slices)];
      // The shares, once each way, are spread over the threads that made them.
      const loads = (share + outlierShare) * (8 + 2 * tokens) + 2 * tokens * shareVectors(problem);
      const outlierFmas = tokens * outlierShare * 64;
      return { ...products(dot, tokens, share, codesPerSegment), outlierFmas, loads };
    }
    case 'lane-split': {
      const { lanes, tokens, dot } = schedule;
      const [steps, outlierSteps] = [ceilDiv(4 * baseSegments, lanes), ceilDiv(4 * outlierSegments, lanes)];
      const rounds = tokens * (Math.log2(lanes) + 2); // of the tree, two vectors each way and a barrier
      const loads = (steps + outlierSteps) * (2 + 2 * tokens) + rounds * 4;
      const outlierFmas = tokens * outlierSteps * 16;
      return { ...products(dot, tokens, steps, codesPerSegment / 4), outlierFmas, loads };
    }
  }
}
