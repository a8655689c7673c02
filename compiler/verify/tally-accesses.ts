import type { ExecutionReport } from '../executor/index.ts';
import type { AccessCount } from './verification.ts';

/** Counters of every memory instruction, summed over launches, in PTX order. */
export function tallyAccesses(reports: readonly ExecutionReport[]): readonly AccessCount[] {
  const byLine = new Map<number, AccessCount>();
  for (const { instructions } of reports) {
    for (const count of instructions) {
      if (count.wavefronts === 0 && count.sectors === 0) continue;
      const before = byLine.get(count.ptxLine);
      byLine.set(count.ptxLine, {
        ptxLine: count.ptxLine,
        sourceLine: count.source[0]?.line,
        spelling: count.spelling,
        executed: (before?.executed ?? 0) + count.executed,
        wavefronts: (before?.wavefronts ?? 0) + count.wavefronts,
        idealWavefronts: (before?.idealWavefronts ?? 0) + count.idealWavefronts,
        sectors: (before?.sectors ?? 0) + count.sectors,
        idealSectors: (before?.idealSectors ?? 0) + count.idealSectors,
      });
    }
  }
  return [...byLine.values()].sort((a, b) => a.ptxLine - b.ptxLine);
}
