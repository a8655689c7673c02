import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { QuantizeSchedule } from '../../../../ir/schedule.ts';
import { residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm, CountedFigures } from '../../family.ts';
import { codeRowBytes, quantizeGeometry } from '../geometry.ts';
import { quantizeResources, vectorsPerThread } from './schedule-space.ts';

/** Part of the second longest term that does not hide behind the longest. Stated. */
const overlapLoss = 0.1;
/** Cycles of a row's fixed path: load latency, barriers, reductions, division. Stated, not measured. */
const rowLatencyCycles = 3000;
/** Instructions a value costs from load to code, counted in the executor (44 to 55 PTX instructions); 4 warps issue a clock and SM. */
const instructionsPerValue = 48;

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
  const serial =
    vectorsPerThread(problem, schedule) * quantizeGeometry(problem).vector * instructionsPerValue;
  const latency = (rounds * (rowLatencyCycles + serial)) / gpu.clockMHz;
  const rowsPerSm = ceilDiv(m, gpu.smCount);
  const issue = (rowsPerSm * problem.k * instructionsPerValue) / 32 / 4 / gpu.clockMHz;
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
      how: `${instructionsPerValue} instructions a value, 4 warps a clock`,
    },
    {
      name: 'latency',
      microseconds: latency,
      how: `${rounds} rounds of ${resident} rows an SM, ${Math.round(rowLatencyCycles + serial)} cycles each`,
    },
  ];
  return { microseconds, terms, waves: m / (gpu.smCount * resident), rooflineFraction: dram / microseconds };
}
