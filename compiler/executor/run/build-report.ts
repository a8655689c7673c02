import type { ExecutableKernel } from '../codegen/compile-kernel.ts';
import { COUNTERS, type Machine } from './machine.ts';
import type { ExecutionReport, InstructionCounters } from './report.ts';

/** Multiply-accumulates of one `mNnNkN` MMA. */
function macsOf(modifiers: readonly string[]): number {
  const shape = modifiers.map((m) => /^m(\d+)n(\d+)k(\d+)$/.exec(m)).find((match) => match !== null);
  return shape === null || shape === undefined ? 0 : Number(shape[1]) * Number(shape[2]) * Number(shape[3]);
}

/** Turns the raw counts of a run into its report. */
export function buildReport(
  kernel: ExecutableKernel,
  machine: Machine,
  blockCounts: Float64Array,
): ExecutionReport {
  const instructions: InstructionCounters[] = [];
  let mmaInstructions = 0;
  let macs = 0;
  for (const [block, { first, end }] of kernel.flow.blocks.entries()) {
    const executed = blockCounts[block] ?? 0;
    for (let index = first; index < end; index += 1) {
      const at = kernel.flow.instructions[index];
      if (at === undefined || executed === 0) continue;
      if (at.opcode === 'mma') {
        mmaInstructions += executed;
        macs += executed * macsOf(at.modifiers);
      }
      const counter = (which: number) => machine.counters[index * COUNTERS.width + which] ?? 0;
      instructions.push({
        ptxLine: at.line,
        spelling: at.spelling,
        source: at.source,
        executed,
        wavefronts: counter(COUNTERS.wavefronts),
        idealWavefronts: counter(COUNTERS.idealWavefronts),
        sectors: counter(COUNTERS.sectors),
        idealSectors: counter(COUNTERS.idealSectors),
        bytes: counter(COUNTERS.bytes),
      });
    }
  }
  return {
    violations: machine.violations,
    violationCount: machine.violationCount,
    mmaInstructions,
    macs,
    instructions,
  };
}
