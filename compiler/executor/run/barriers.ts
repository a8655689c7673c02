import { Meeting } from '../memory/ordering.ts';
import { popcount } from '../numeric/integer-ops.ts';
import type { Machine } from './machine.ts';

interface Barrier {
  expected: number;
  arrived: number;
  /** What those that only arrived knew then. */
  readonly met: Meeting;
  readonly waiting: Map<number, number>;
  instruction: number;
}

/** The sixteen barriers of a CTA (PTX ISA 9.7.13.1). */
export class Barriers {
  /** Called with each warp and lanes that a completed barrier lets go on. */
  onRelease: (warp: number, mask: number) => void = () => undefined;
  private readonly machine: Machine;
  private readonly warps: number;
  private readonly threads: number;
  private readonly open = new Map<number, Barrier>();

  constructor(machine: Machine, warps: number, threads: number) {
    this.machine = machine;
    this.warps = warps;
    this.threads = threads;
  }

  reset(): void {
    this.open.clear();
  }

  /** Lanes arrive, and wait when `waits`. `count` 0: all threads of the CTA. */
  arrive(instruction: number, warp: number, mask: number, id: number, count: number, waits: boolean): void {
    const { machine } = this;
    const expected = count === 0 ? this.threads : count;
    let barrier = this.open.get(id);
    if (barrier === undefined) {
      barrier = { expected, arrived: 0, met: new Meeting(), waiting: new Map(), instruction };
      this.open.set(id, barrier);
    }
    if (id < 0 || id > 15 || count % 32 !== 0 || expected > this.threads || barrier.expected !== expected) {
      const message = `barrier ${id} for ${expected} threads, after others came for ${barrier.expected}`;
      machine.violate('divergent-barrier', instruction, null, message);
      machine.halted = true;
      return;
    }
    barrier.arrived += popcount(mask);
    if (waits) barrier.waiting.set(warp, (barrier.waiting.get(warp) ?? 0) | mask);
    else machine.ordering.arrive(barrier.met, warp, mask);
    if (barrier.arrived > barrier.expected) {
      machine.violate('divergent-barrier', instruction, null, `barrier ${id}: more threads than it is for`);
      machine.halted = true;
    } else if (barrier.arrived === barrier.expected) this.complete(id, barrier);
  }

  private complete(id: number, barrier: Barrier): void {
    this.open.delete(id);
    const { ordering } = this.machine;
    let waiting = 0;
    for (const mask of barrier.waiting.values()) waiting += popcount(mask);
    if (waiting === this.threads) ordering.fullBarrier(this.warps);
    else ordering.partialBarrier(barrier.met, barrier.waiting);
    for (const [warp, mask] of barrier.waiting) this.onRelease(warp, mask);
  }

  /** For a deadlock's message: what each unfinished barrier still waits for. */
  describe(): { readonly text: string; readonly instruction: number } {
    const parts: string[] = [];
    let instruction = 0;
    for (const [id, barrier] of this.open) {
      if (barrier.waiting.size === 0) continue;
      parts.push(`barrier ${id} has ${barrier.arrived} of ${barrier.expected} threads`);
      instruction = barrier.instruction;
    }
    return { text: parts.join(', '), instruction };
  }
}
