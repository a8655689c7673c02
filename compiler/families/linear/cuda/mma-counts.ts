import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { CtaIndex, MmaExpectation } from '../../family.ts';
import { linearGeometry } from '../geometry.ts';
import { codeMma, mmasPerSegment } from './code-mma.ts';
import { outputRegion } from './cover.ts';
import { segmentsAhead, sliceSegments, threadsOf, warpTile } from './tile-geometry.ts';

/** MMAs of all warps of a CTA for one segment of K. */
function perSegment(spec: SpecOf<'linear', 'cuda'>): number {
  const { blocks, groups } = warpTile(spec.schedule);
  return blocks * groups * (threadsOf(spec.schedule) / 32);
}

/** What CTA `cta` executes: every segment once, K padded to the MMA's and no further; nothing if it has no tile. */
export function executedMma(spec: SpecOf<'linear', 'cuda'>, cta: CtaIndex, m: number): MmaExpectation {
  const { problem, schedule } = spec;
  const { baseSegments, outlierSegments } = linearGeometry(problem);
  const { m0, m1 } = outputRegion(spec, cta, m);
  const each = m0 < m1 ? perSegment(spec) : 0;
  const imma = each * mmasPerSegment(codeMma(problem));
  if (schedule.kind === 'tiled') return { imma: baseSegments * imma, hmma: outlierSegments * each };
  const slice = cta[2];
  if (slice >= schedule.slices) return { imma: 0, hmma: outlierSegments * each };
  const length = sliceSegments(problem, schedule);
  const segments = Math.max(0, Math.min(baseSegments - slice * length, length));
  return { imma: segments * imma, hmma: 0 };
}

/**
 * What stands in the kernel's text. Main loops are not unrolled: a K step (tiled) or a round of `kAhead` segments
 * (split-K) once each for base and outlier columns, shorter where the compiler knows that there are fewer segments than
 * that: not where several slices share them, since each finds its own end at run time.
 */
export function staticMma({ problem, schedule }: SpecOf<'linear', 'cuda'>): MmaExpectation {
  const { baseSegments, outlierSegments } = linearGeometry(problem);
  const { blocks, groups } = warpTile(schedule);
  const unrolled = schedule.kind === 'tiled' ? schedule.tileKBytes / 32 : segmentsAhead;
  const sliced = schedule.kind === 'split-k' && schedule.slices > 1;
  return {
    imma:
      (sliced ? unrolled : Math.min(unrolled, baseSegments)) *
      blocks *
      groups *
      mmasPerSegment(codeMma(problem)),
    hmma: Math.min(unrolled, outlierSegments) * blocks * groups,
  };
}
