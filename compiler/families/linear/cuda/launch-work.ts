import type { LinearProblem } from '../../../../ir/problem.ts';
import type { CudaTarget, LaunchTiming } from '../../../../targets/target.ts';
import type { CostTerm } from '../../family.ts';
import { linearWork, totalBytes } from '../work.ts';

/** MACs per second of the whole GPU at the base width, and at 16 bit. */
function mmaRates(
  problem: LinearProblem,
  target: CudaTarget,
): { readonly base: number; readonly outlier: number } {
  const { macsPerSmClock, smCount, clockMHz } = target.gpu;
  const perSecond = smCount * clockMHz * 1e6;
  return {
    base: (problem.activationBits === 4 ? macsPerSmClock.s4 : macsPerSmClock.s8) * perSecond,
    outlier: macsPerSmClock.f16 * perSecond,
  };
}

/**
 * The mixed-precision roofline in microseconds: base MACs at their rate plus outlier MACs at the FP16 rate (one set of
 * tensor cores does both, so they add up), or all bytes once through DRAM, whichever is longer.
 */
function rooflineMicroseconds(problem: LinearProblem, target: CudaTarget, m: number): number {
  const work = linearWork(problem, m);
  const rates = mmaRates(problem, target);
  const tensor = work.baseMacs / rates.base + work.outlierMacs / rates.outlier;
  const dram = totalBytes(work) / (target.gpu.dramGBps * 1e9);
  return Math.max(tensor, dram) * 1e6;
}

/** What is the same for every schedule of a launch. */
interface LaunchWork {
  readonly target: CudaTarget;
  readonly m: number;
  readonly bytes: number;
  /** Of these, packed weights. */
  readonly weightBytes: number;
  readonly idealMicroseconds: number;
}

const lastWork = new WeakMap<LinearProblem, LaunchWork>();

/** Bytes and roofline of a launch, remembered from one estimate to the next: thousands follow for the same one. */
export function launchWork(problem: LinearProblem, target: CudaTarget, m: number): LaunchWork {
  const last = lastWork.get(problem);
  if (last?.m === m && last.target === target) return last;
  const made = linearWork(problem, m);
  const bytes = totalBytes(made);
  const weightBytes = made.weightBytes + made.outlierWeightBytes;
  const work = { target, m, bytes, weightBytes, idealMicroseconds: rooflineMicroseconds(problem, target, m) };
  lastWork.set(problem, work);
  return work;
}

/** What every launch costs, where a target says so. */
export function launchTerm({ launchMicroseconds }: LaunchTiming): readonly CostTerm[] {
  if (launchMicroseconds === 0) return [];
  const how = `${launchMicroseconds} us beside its work`;
  return [{ name: 'launch', microseconds: launchMicroseconds, how }];
}
