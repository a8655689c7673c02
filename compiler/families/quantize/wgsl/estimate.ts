import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { WorkgroupRowSchedule } from '../../../../ir/schedule.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { CostEstimate, CostTerm } from '../../family.ts';
import { codeRowBytes, quantizeGeometry } from '../geometry.ts';
import { phasesThatRead } from './phases.ts';

/** Instructions a value costs over all phases. Stated. */
const instructionsPerValue = 60;
/** Clocks of a row's fixed path: barriers, reductions, division. Stated. */
const rowLatencyClocks = 4000;
/** Clocks of a round of the tree that joins what threads have: workgroup memory there and back, a barrier. Stated. */
const roundClocks = 100;
/** Rows that a core works on at once. Stated. */
const rowsPerCore = 4;

/**
 * A modelled time for M rows: DRAM, L2, arithmetic, or latency over the rows in flight, the longest counts. Each phase reads the
 * row anew; the few rows at work stay in the cache meanwhile, so that DRAM gives each once.
 */
export function estimateWorkgroupRow(
  problem: QuantizeProblem,
  schedule: WorkgroupRowSchedule,
  target: WgslTarget,
  m: number,
): CostEstimate {
  const { gpu } = target;
  const { paddedOutliers } = quantizeGeometry(problem);
  const input = problem.k * 2 * (problem.prologue.op === 'silu-mul' ? 2 : 1);
  const bytes = m * (input + codeRowBytes(problem) + 8 + paddedOutliers * 2);
  const dram = bytes / (gpu.dramGBps * 1e3);
  const reads = phasesThatRead(problem);
  const cached = bytes + m * input * (reads - 1);
  const l2 = cached / (gpu.l2GBps * 1e3);
  const instructions = m * problem.k * instructionsPerValue;
  const arithmetic = instructions / gpu.perCoreClock.fma / gpu.coreCount / gpu.clockMHz;
  const rounds = ceilDiv(m, gpu.coreCount * rowsPerCore);
  const serial = ceilDiv(problem.k, schedule.threads) * instructionsPerValue;
  // Subgroups join in their registers, and once in workgroup memory; of the tree's rounds one is left.
  const saved = schedule.reduce === 'subgroup' ? roundClocks * (Math.log2(schedule.threads) - 1) : 0;
  const path = rowLatencyClocks - saved + serial;
  const latency = (rounds * path) / gpu.clockMHz;
  const microseconds = Math.max(dram, l2, arithmetic, latency);
  const terms = (): readonly CostTerm[] => [
    { name: 'DRAM', microseconds: dram, how: `${(bytes / 1e6).toFixed(2)} MB once at ${gpu.dramGBps} GB/s` },
    {
      name: 'L2',
      microseconds: l2,
      how: `${(cached / 1e6).toFixed(2)} MB at ${gpu.l2GBps} GB/s: rows are read ${reads === 1 ? 'once' : `${reads} times`}`,
    },
    {
      name: 'arithmetic',
      microseconds: arithmetic,
      how: `${instructionsPerValue} instructions a value`,
    },
    {
      name: 'latency',
      microseconds: latency,
      how: `${rounds} rounds of ${rowsPerCore} rows a core, ${path} clocks each`,
    },
  ];
  const waves = m / (gpu.coreCount * rowsPerCore);
  return { microseconds, terms, waves, rooflineFraction: dram / microseconds };
}
