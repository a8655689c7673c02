import type { Scope } from '../memory/ordering.ts';
import { transpose } from '../memory/shared-access.ts';
import type { Barriers } from './barriers.ts';
import type { Dim3, Machine } from './machine.ts';
import { repairFloatMma } from './repair-float-mma.ts';

/** What generated code calls for warp-wide operations, as `R`. */
export class WarpRuntime {
  readonly seed: number;
  readonly grid: Dim3;
  readonly blockSize: Dim3;
  readonly tidX: Int32Array;
  readonly tidY: Int32Array;
  readonly tidZ: Int32Array;
  /** Lanes of each warp that have not left yet. */
  readonly live: Int32Array;
  private readonly machine: Machine;
  private readonly barriers: Barriers;
  private readonly threads: number;
  private readonly picked = new Int32Array(32);

  constructor(machine: Machine, barriers: Barriers, warps: number, live: Int32Array) {
    this.machine = machine;
    this.barriers = barriers;
    this.seed = machine.seed;
    this.grid = machine.grid;
    this.blockSize = machine.blockSize;
    this.live = live;
    const [x, y, z] = machine.blockSize;
    this.threads = x * y * z;
    const threads = Array.from({ length: warps * 32 }, (_, thread) => thread);
    this.tidX = Int32Array.from(threads, (thread) => thread % x);
    this.tidY = Int32Array.from(threads, (thread) => Math.floor(thread / x) % y);
    this.tidZ = Int32Array.from(threads, (thread) => Math.floor(thread / (x * y)));
  }

  get block(): Dim3 {
    return this.machine.block;
  }

  /** Lanes a warp was launched with: what `.aligned` instructions need, whoever has left since. */
  launched(warp: number): number {
    const lanes = this.threads - warp * 32;
    return lanes >= 32 ? -1 : (1 << lanes) - 1;
  }

  existing(warp: number): number {
    return this.live[warp] ?? 0;
  }

  firstLane(mask: number): number {
    return 31 - Math.clz32(mask & -mask);
  }

  unset(instruction: number, lane: number, name: string): void {
    if (!this.machine.checks) return;
    this.machine.violate('uninitialised-register', instruction, lane, `${name} is read before it is written`);
  }

  unsetLanes(instruction: number, mask: number, name: string): void {
    if (mask !== 0) this.unset(instruction, this.firstLane(mask), name);
  }

  partialMask(instruction: number, mask: number): void {
    const message = `an .aligned instruction is reached by lanes ${(mask >>> 0).toString(16)} only`;
    this.machine.violate('partial-mask', instruction, this.firstLane(mask), message);
  }

  /** Checks a member mask: the executing lanes must be in it and all members must be here. */
  private members(instruction: number, mask: number, members: number): number {
    const { machine } = this;
    const missing = members & this.existing(machine.warp) & ~mask;
    if ((mask & ~members) !== 0)
      machine.violate(
        'partial-mask',
        instruction,
        this.firstLane(mask & ~members),
        'the lane is not in its member mask',
      );
    if (missing !== 0)
      machine.violate(
        'partial-mask',
        instruction,
        this.firstLane(missing),
        'a member lane does not arrive here',
      );
    return members & mask;
  }

  /** shfl.sync (PTX ISA 9.7.9.6); answers the mask of lanes whose source was in range. */
  shuffle(
    instruction: number,
    mode: 'up' | 'down' | 'bfly' | 'idx',
    mask: number,
    to: number,
    from: number,
    lanePlane: number,
    clampPlane: number,
    membersPlane: number,
  ): number {
    const { words } = this.machine;
    const { picked } = this;
    const members = this.members(instruction, mask, words[membersPlane + this.firstLane(mask)] ?? 0);
    let inRange = 0;
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0) continue;
      const b = (words[lanePlane + lane] ?? 0) & 31;
      const c = words[clampPlane + lane] ?? 0;
      const segment = (c >> 8) & 31;
      const clamp = c & 31;
      const least = lane & segment;
      const most = least | (clamp & ~segment);
      let source = lane;
      let isInRange = false;
      if (mode === 'up') {
        source = lane - b;
        isInRange = source >= most;
      } else if (mode === 'down') {
        source = lane + b;
        isInRange = source <= most;
      } else if (mode === 'bfly') {
        source = lane ^ b;
        isInRange = source <= most;
      } else {
        source = least | (b & ~segment);
        isInRange = source <= most;
      }
      if (!isInRange) source = lane;
      else inRange |= 1 << lane;
      if (((members >>> source) & 1) === 0)
        this.machine.violate(
          'inactive-lane',
          instruction,
          lane,
          `reads lane ${source}, which does not take part`,
        );
      picked[lane] = words[from + source] ?? 0;
    }
    for (let lane = 0; lane < 32; lane += 1) if ((mask >>> lane) & 1) words[to + lane] = picked[lane] ?? 0;
    return inRange;
  }

  vote(instruction: number, mask: number, members: number, predicate: number): number {
    return this.members(instruction, mask, members) & predicate;
  }

  /** The same value for all lanes of the mask. */
  spread(mask: number, to: number, value: number): void {
    for (let lane = 0; lane < 32; lane += 1) if ((mask >>> lane) & 1) this.machine.words[to + lane] = value;
  }

  redux(
    instruction: number,
    operation: string,
    signed: boolean,
    mask: number,
    to: number,
    from: number,
    members: number,
  ): void {
    const { words } = this.machine;
    const lanes = this.members(instruction, mask, members);
    let result: number | undefined;
    for (let lane = 0; lane < 32; lane += 1) {
      if (((lanes >>> lane) & 1) === 0) continue;
      const word = words[from + lane] ?? 0;
      const value = signed || !/^m/.test(operation) ? word : word >>> 0;
      if (result === undefined) result = value;
      else if (operation === 'add') result = (result + value) | 0;
      else if (operation === 'and') result &= value;
      else if (operation === 'or') result |= value;
      else if (operation === 'xor') result ^= value;
      else result = operation === 'min' ? Math.min(result, value) : Math.max(result, value);
    }
    this.spread(mask, to, (result ?? 0) | 0);
  }

  transpose(from: number, to: number): void {
    transpose(this.machine.words, from, to);
  }

  /** Lanes whose 64-bit generic address lies in the shared window. */
  sharedLanes(mask: number, plane: number): number {
    let shared = 0;
    for (let lane = 0; lane < 32; lane += 1) {
      if ((mask >>> lane) & 1 && this.machine.words[plane + 32 + lane] === 0) shared |= 1 << lane;
    }
    return shared;
  }

  fence(mask: number, scope: Scope, sequential: boolean): void {
    if (this.machine.checks) this.machine.ordering.fence(this.machine.warp, mask, scope, sequential);
  }

  warpSync(instruction: number, mask: number, members: number): void {
    const lanes = this.members(instruction, mask, members);
    this.machine.ordering.warpSync(this.machine.warp, lanes);
  }

  arrive(instruction: number, mask: number, id: number, count: number, aligned: boolean): void {
    if (aligned && mask !== this.launched(this.machine.warp)) this.partialMask(instruction, mask);
    this.barriers.arrive(instruction, this.machine.warp, mask, id, count, false);
  }

  /** Outputs of a float MMA that the bulk operation could not compute. */
  floatMma(type: 'f16' | 'bf16', halves: number, planes: readonly number[]): void {
    repairFloatMma(this.machine.words, type, halves, planes);
  }
}
