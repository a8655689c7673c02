import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { addsResidual } from '../../../../ir/problem.ts';
import type { CtaIndex } from '../../family.ts';
import { linearGeometry, segmentBytes } from '../geometry.ts';
import { outputRegion } from './cover.ts';
import { metaBytes, outputTileBytes, sliceSegments } from './tile-geometry.ts';

/**
 * Bytes into and out of shared memory that the tile itself asks for: operands and meta once in and once out, the output
 * tile likewise, twice with a residual. Fragments that several warps need are read more than once: that is the rest.
 * Split-K stages token rows only, and counts the output tile in none of its slices: only the last to arrive writes it.
 */
export function leastSharedBytes(spec: SpecOf<'linear', 'cuda'>, cta: CtaIndex, m: number): number {
  const { problem, schedule } = spec;
  const { m0, m1 } = outputRegion(spec, cta, m);
  if (m0 >= m1) return 0;
  const { baseSegments, outlierSegments } = linearGeometry(problem);
  if (schedule.kind === 'tiled') {
    const operands = (schedule.tileN + schedule.tileM) * (baseSegments + outlierSegments) * segmentBytes;
    const passes = addsResidual(problem) ? 2 : 1;
    return 2 * (operands + metaBytes(schedule) + passes * outputTileBytes(schedule));
  }
  const length = sliceSegments(problem, schedule);
  const base = Math.max(0, Math.min(baseSegments - cta[2] * length, length));
  const segments = cta[2] < schedule.slices ? base : outlierSegments;
  return 2 * schedule.tileM * segments * segmentBytes;
}
