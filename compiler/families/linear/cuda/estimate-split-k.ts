import type { LinearProblem } from '../../../../ir/problem.ts';
import type { SplitKSchedule } from '../../../../ir/schedule.ts';
import { residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm, CountedFigures } from '../../family.ts';
import { blockBytes, linearGeometry } from '../geometry.ts';
import { launchTerm, launchWork } from './launch-work.ts';
import { linearResources } from './resources.ts';
import { segmentsAhead, sliceSegments, threadsOf, warpTile } from './tile-geometry.ts';

/** DRAM latency in nanoseconds under load: what bytes in flight have to cover. Stated, not measured. */
const latencyNs = 800;
/** From the last slice's end to y: atomics, fence, counter, reading sums back. Stated. */
const handoverMicroseconds = 2;

/**
 * A modelled time for one decode launch: weights stream through DRAM as fast as the bytes in flight allow (Little's
 * law) in whole waves, the longest slice of the last wave counts, sums cross L2 twice, then the hand-over.
 */
export function estimateSplitK(
  problem: LinearProblem,
  schedule: SplitKSchedule,
  target: CudaTarget,
  m: number,
  counted?: CountedFigures,
): CostEstimate {
  const { gpu, timing } = target;
  const geometry = linearGeometry(problem);
  const tiles = ceilDiv(problem.n, schedule.tileN) * ceilDiv(m, schedule.tileM);
  const slices = schedule.slices + (problem.outliers > 0 ? 1 : 0);
  const ctas = tiles * slices;
  const resources = linearResources(problem, schedule, target);
  const resident = residentCtas(
    { ...resources, registers: counted?.registers ?? resources.registerCap },
    target,
  );
  const waves = ctas / (gpu.smCount * resident);
  const warps = threadsOf(schedule) / 32;

  const { bytes, idealMicroseconds } = launchWork(problem, target, m);
  const concurrent = Math.min(resident * gpu.smCount, ctas);
  const inFlight = concurrent * warps * warpTile(schedule).blocks * segmentsAhead * blockBytes;
  const attainable = Math.min(gpu.dramGBps, inFlight / latencyNs);
  const stream = (bytes * (counted?.sectorFactor ?? 1)) / (attainable * 1e3);

  // A wave is as long as its longest slice; slices shorter than that leave bandwidth unused at the end.
  const longest = Math.max(sliceSegments(problem, schedule), geometry.outlierSegments);
  const mean = (geometry.baseSegments + geometry.outlierSegments) / slices;
  const tail =
    stream * (longest / mean - 1) * 0.5 + (waves > 1 ? stream * (Math.ceil(waves) / waves - 1) * 0.5 : 0);

  const sums = m * problem.n * 4 * (slices + 1);
  const exchange = sums / (gpu.l2GBps * timing.atomicRate * 1e3);
  const microseconds = stream + tail + exchange + handoverMicroseconds + timing.launchMicroseconds;
  const terms = (): readonly CostTerm[] => [
    {
      name: 'DRAM',
      microseconds: stream,
      how: `${(bytes / 1e6).toFixed(1)} MB at ${Math.round(attainable)} GB/s, ${(inFlight / 1024).toFixed(0)} KiB in flight over ${latencyNs} ns`,
    },
    {
      name: 'tail',
      microseconds: tail,
      how: `longest slice ${longest} segments, mean ${mean.toFixed(1)}; ${waves.toFixed(2)} waves`,
    },
    {
      name: 'sums',
      microseconds: exchange,
      how: `${(sums / 1e6).toFixed(2)} MB of partial sums through L2`,
    },
    { name: 'hand-over', microseconds: handoverMicroseconds, how: 'fence, counter, reading sums back' },
    ...launchTerm(timing),
  ];
  return { microseconds, terms, waves, rooflineFraction: idealMicroseconds / microseconds };
}
