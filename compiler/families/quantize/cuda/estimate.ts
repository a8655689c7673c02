import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { QuantizeSchedule } from '../../../../ir/schedule.ts';
import { residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm, CountedFigures } from '../../family.ts';
import { codeRowBytes, quantizeGeometry } from '../geometry.ts';
import { quantizeResources, valuesPerThread } from './schedule-space.ts';

/** Warps whose next instruction an SM issues each clock. */
const warpsPerClock = 4;
/** Part of the second longest term that does not hide behind the longest. Stated. */
const overlapLoss = 0.1;
/** Cycles of a row's fixed path: load latency, barriers, reductions, division. Stated, not measured. */
const rowLatencyCycles = 3000;

/**
 * PTX instructions of a thread, a line fitted to counts in the executor: K = 4096 of which 256 outliers, with 32 and 16 values
 * a thread. Compact rows are stored twice, the second time value by value.
 */
const perThread = 110;
const perThreadOfNorm = 70;
const perValue = { none: 8, compact: 18, 'rms-norm': 8, 'silu-mul': 10 };

/** Instructions that a thread executes for its values of a row. */
function instructionsPerThread(problem: QuantizeProblem, schedule: QuantizeSchedule): number {
  const { op } = problem.prologue;
  const isCompact = problem.columns === 'compact' && problem.outliers > 0;
  const each = (isCompact ? perValue.compact : perValue.none) + (op === 'none' ? 0 : perValue[op]);
  return perThread + (op === 'rms-norm' ? perThreadOfNorm : 0) + each * valuesPerThread(problem, schedule);
}

/** Bytes a row moves through DRAM: its input, its codes, its meta, its outlier columns. */
function rowBytes(problem: QuantizeProblem): number {
  const geometry = quantizeGeometry(problem);
  const input = problem.k * 2 * (problem.prologue.op === 'silu-mul' ? 2 : 1);
  return input + codeRowBytes(problem) + 8 + geometry.paddedOutliers * 2;
}

/** A modelled time for M rows: DRAM, instruction issue, or row latency over the rows in flight: the longest counts. */
export function estimateQuantize(
  problem: QuantizeProblem,
  schedule: QuantizeSchedule,
  target: CudaTarget,
  m: number,
  counted?: CountedFigures,
): CostEstimate {
  const { gpu } = target;
  const resources = quantizeResources(problem, schedule, target);
  const resident = residentCtas(
    { ...resources, registers: counted?.registers ?? resources.registerCap },
    target,
  );
  const bytes = m * rowBytes(problem) * (counted?.sectorFactor ?? 1);
  const dram = bytes / (gpu.dramGBps * 1e3);
  const rounds = ceilDiv(m, gpu.smCount * resident);
  const instructions = instructionsPerThread(problem, schedule);
  const latency = (rounds * (rowLatencyCycles + instructions)) / gpu.clockMHz;
  const rowsPerSm = ceilDiv(m, gpu.smCount);
  const issue = (rowsPerSm * (schedule.threads / 32) * instructions) / warpsPerClock / gpu.clockMHz;
  const [longest = 0, second = 0] = [dram, issue, latency].sort((a, b) => b - a);
  const microseconds = longest + overlapLoss * second;
  const terms = (): readonly CostTerm[] => [
    {
      name: 'DRAM',
      microseconds: dram,
      how: `${(bytes / 1e6).toFixed(2)} MB once at ${gpu.dramGBps} GB/s`,
    },
    {
      name: 'issue',
      microseconds: issue,
      how: `${instructions} instructions a thread, ${warpsPerClock} warps a clock`,
    },
    {
      name: 'latency',
      microseconds: latency,
      how: `${rounds} rounds of ${resident} rows an SM, ${Math.round(rowLatencyCycles + instructions)} cycles each`,
    },
  ];
  return { microseconds, terms, waves: m / (gpu.smCount * resident), rooflineFraction: dram / microseconds };
}
