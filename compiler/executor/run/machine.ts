import { type WasmMemory, wasm } from '../../support/wasm/web-assembly.ts';
import type { Ordering } from '../memory/ordering.ts';
import type { PtxInstruction } from '../parse/ptx-module.ts';
import type { Violation, ViolationKind } from './report.ts';

/** Sizes of a launch, all three axes. */
export type Dim3 = readonly [number, number, number];

const MAX_VIOLATIONS = 200;

/** Counters of one instruction while it runs, five numbers each: see {@link InstructionCounters}. */
export const COUNTERS = {
  wavefronts: 0,
  idealWavefronts: 1,
  sectors: 2,
  idealSectors: 3,
  bytes: 4,
  width: 5,
} as const;

/**
 * The state every operation of a launch shares: the register file and shared memory (one WebAssembly memory, seen
 * as words and floats), the clock, and the list of violations.
 */
export class Machine {
  readonly memory: WasmMemory;
  readonly words: Int32Array;
  readonly floats: Float32Array;
  readonly bytes: Uint8Array;
  readonly ordering: Ordering;
  readonly checks: boolean;
  readonly counters: Float64Array;
  readonly seed: number;
  readonly grid: Dim3;
  readonly blockSize: Dim3;
  block: Dim3 = [0, 0, 0];
  /** The warp now running. */
  warp = 0;
  /** Set to end the running CTA: what follows a broken barrier means nothing. */
  halted = false;
  readonly violations: Violation[] = [];
  violationCount = 0;
  private readonly seen = new Map<string, Violation>();
  private readonly instructions: readonly PtxInstruction[];

  constructor(
    instructions: readonly PtxInstruction[],
    bytes: number,
    ordering: Ordering,
    launch: { readonly grid: Dim3; readonly block: Dim3 },
    options: { readonly seed: number; readonly checks: boolean },
  ) {
    this.instructions = instructions;
    this.memory = new wasm.Memory({ initial: Math.ceil(bytes / 65536) });
    this.words = new Int32Array(this.memory.buffer);
    this.floats = new Float32Array(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
    this.ordering = ordering;
    this.grid = launch.grid;
    this.blockSize = launch.block;
    this.seed = options.seed;
    this.checks = options.checks;
    this.counters = new Float64Array(instructions.length * COUNTERS.width);
  }

  count(instruction: number, counter: number, amount: number): void {
    const index = instruction * COUNTERS.width + counter;
    this.counters[index] = (this.counters[index] ?? 0) + amount;
  }

  /** Records a fault of the kernel. `lane` is null where the whole warp or CTA is at fault. */
  violate(kind: ViolationKind, instruction: number, lane: number | null, message: string): void {
    this.violationCount += 1;
    const at = this.instructions[instruction];
    const key = `${kind} ${at?.line ?? 0}`;
    const known = this.seen.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    if (this.violations.length >= MAX_VIOLATIONS) return;
    const violation: Violation = {
      kind,
      message,
      ptxLine: at?.line ?? 0,
      spelling: at?.spelling ?? '',
      source: at?.source ?? [],
      block: this.block,
      thread: lane === null ? null : this.warp * 32 + lane,
      count: 1,
    };
    this.seen.set(key, violation);
    this.violations.push(violation);
  }
}
