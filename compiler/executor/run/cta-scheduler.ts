import type { Terminator } from '../codegen/basic-blocks.ts';
import type { ExecutableKernel } from '../codegen/compile-kernel.ts';
import type { Operand } from '../parse/ptx-module.ts';
import type { Barriers } from './barriers.ts';
import type { Machine } from './machine.ts';
import { shuffled } from './shuffled.ts';

/** Runs one block for the lanes of `mask`; answers those that branch, leave or wait. */
export type BlockFunction = (base: number, mask: number, warp: number) => number;

interface Shape {
  readonly warps: number;
  readonly threads: number;
  readonly live: Int32Array;
  /** First word of warp 0's registers, and words per warp. */
  readonly firstFile: number;
  readonly fileWords: number;
  readonly stepLimit: number;
}

/** Lanes of a warp that stand at the same block. */
interface Split {
  block: number;
  mask: number;
  waiting: boolean;
}

/**
 * Runs the warps of one CTA. A warp runs until all its lanes wait at a barrier or have left; warps take turns in an
 * order drawn from the seed. Diverged lanes reconverge by running the lowest block first.
 */
export class CtaScheduler {
  readonly blockCounts: Float64Array;
  private readonly kernel: ExecutableKernel;
  private readonly machine: Machine;
  private readonly barriers: Barriers;
  private readonly blocks: readonly BlockFunction[];
  private readonly shape: Shape;
  private readonly terminators: readonly Terminator[];
  private readonly lengths: Float64Array;
  private splits: Split[][] = [];
  private steps = 0;

  constructor(
    kernel: ExecutableKernel,
    machine: Machine,
    barriers: Barriers,
    blocks: readonly BlockFunction[],
    shape: Shape,
  ) {
    this.kernel = kernel;
    this.machine = machine;
    this.barriers = barriers;
    this.blocks = blocks;
    this.shape = shape;
    this.terminators = kernel.flow.blocks.map(({ terminator }) => terminator);
    this.lengths = Float64Array.from(kernel.flow.blocks, ({ first, end }) => end - first);
    this.blockCounts = new Float64Array(blocks.length);
    barriers.onRelease = (warp, mask) => this.release(warp, mask);
  }

  run(cta: number): void {
    const { machine, shape } = this;
    machine.halted = false;
    this.steps = 0;
    this.clearRegisters();
    this.splits = Array.from({ length: shape.warps }, (_, warp) => {
      const lanes = Math.min(32, shape.threads - warp * 32);
      const mask = lanes === 32 ? -1 : (1 << lanes) - 1;
      shape.live[warp] = mask;
      return [{ block: 0, mask, waiting: false }];
    });
    const order = shuffled(
      Array.from({ length: shape.warps }, (_, warp) => warp),
      machine.seed * 31 + cta,
    );
    let moved = true;
    while (moved && !machine.halted) {
      moved = false;
      for (const warp of order) {
        if (machine.halted || !this.splits[warp]?.some(({ waiting }) => !waiting)) continue;
        moved = true;
        machine.warp = warp;
        this.runWarp(warp);
      }
    }
    if (!machine.halted && this.splits.some((splits) => splits.length > 0)) {
      const { text, instruction } = this.barriers.describe();
      machine.violate('deadlock', instruction, null, `nobody can go on: ${text}`);
    }
  }

  private clearRegisters(): void {
    const { firstFile, fileWords, warps } = this.shape;
    const { words } = this.machine;
    words.fill(0, firstFile, firstFile + fileWords * warps);
    for (let warp = 0; warp < warps; warp += 1) {
      const base = firstFile + warp * fileWords;
      for (const [value, at] of this.kernel.file.constantPlanes) words.fill(value, base + at, base + at + 32);
    }
  }

  private runWarp(warp: number): void {
    const { machine, shape, blocks, terminators, blockCounts, lengths } = this;
    const splits = this.splits[warp] ?? [];
    const base = shape.firstFile + warp * shape.fileWords;
    while (!machine.halted) {
      const split = lowest(splits);
      if (split === undefined) return;
      const { block, mask } = split;
      this.steps += lengths[block] ?? 0;
      if (this.steps > shape.stepLimit) {
        machine.violate(
          'step-limit',
          this.kernel.flow.blocks[block]?.first ?? 0,
          null,
          `${this.steps} instructions in one CTA`,
        );
        machine.halted = true;
        return;
      }
      blockCounts[block] = (blockCounts[block] ?? 0) + 1;
      const taken = blocks[block]?.(base, mask, warp) ?? 0;
      const terminator = terminators[block];
      if (terminator === undefined || terminator.kind === 'fall') move(splits, split, block + 1);
      else if (terminator.kind === 'branch') {
        if (taken === mask) move(splits, split, terminator.target);
        else if (taken === 0) move(splits, split, block + 1);
        else {
          split.mask = mask & ~taken;
          move(splits, split, block + 1);
          arrive(splits, terminator.target, taken);
        }
      } else if (terminator.kind === 'exit') {
        shape.live[warp] = (shape.live[warp] ?? 0) & ~taken;
        split.mask = mask & ~taken;
        if (split.mask === 0) splits.splice(splits.indexOf(split), 1);
        else move(splits, split, block + 1);
      } else this.wait(warp, splits, split, taken, terminator);
    }
  }

  private wait(
    warp: number,
    splits: Split[],
    split: Split,
    taken: number,
    terminator: Extract<Terminator, { kind: 'barrier' }>,
  ): void {
    const { machine, shape } = this;
    const instruction = (this.kernel.flow.blocks[split.block]?.end ?? 1) - 1;
    const next = split.block + 1;
    if (taken !== split.mask) {
      const rest = split.mask & ~taken;
      split.mask = taken;
      if (rest !== 0) arrive(splits, next, rest);
    }
    if (taken === 0) {
      splits.splice(splits.indexOf(split), 1);
      return;
    }
    const all = Math.min(32, shape.threads - warp * 32);
    const whole = all === 32 ? -1 : (1 << all) - 1;
    if (terminator.aligned && taken !== whole) {
      const message = `lanes ${(taken >>> 0).toString(16)} of the warp reach the barrier; the others are elsewhere or have left`;
      machine.violate('divergent-barrier', instruction, 31 - Math.clz32(taken & -taken), message);
      machine.halted = true;
      return;
    }
    split.block = next;
    split.waiting = true;
    const id = this.uniform(warp, taken, terminator.id);
    const count = terminator.count === undefined ? 0 : this.uniform(warp, taken, terminator.count);
    this.barriers.arrive(instruction, warp, taken, id, count, true);
  }

  private uniform(warp: number, mask: number, operand: Operand): number {
    if (operand.kind === 'integer') return Number(operand.value);
    if (operand.kind !== 'register') return -1;
    const at = this.shape.firstFile + warp * this.shape.fileWords + this.kernel.file.offset(operand.register);
    return this.machine.words[at + 31 - Math.clz32(mask & -mask)] ?? 0;
  }

  private release(warp: number, mask: number): void {
    const splits = this.splits[warp] ?? [];
    for (const split of [...splits]) {
      if (!split.waiting || (split.mask & mask) === 0) continue;
      split.waiting = false;
      move(splits, split, split.block);
    }
  }
}

/** The running lanes with the lowest program counter. */
function lowest(splits: readonly Split[]): Split | undefined {
  const [only] = splits;
  if (splits.length === 1) return only?.waiting === false ? only : undefined;
  let best: Split | undefined;
  for (const split of splits)
    if (!split.waiting && (best === undefined || split.block < best.block)) best = split;
  return best;
}

/** Sends a split to a block, joining lanes that are there already. */
function move(splits: Split[], split: Split, block: number): void {
  split.block = block;
  if (splits.length === 1) return;
  const other = splits.find((s) => s !== split && s.block === block && !s.waiting && !split.waiting);
  if (other === undefined) return;
  other.mask |= split.mask;
  splits.splice(splits.indexOf(split), 1);
}

function arrive(splits: Split[], block: number, mask: number): void {
  const other = splits.find((s) => s.block === block && !s.waiting);
  if (other !== undefined) other.mask |= mask;
  else splits.push({ block, mask, waiting: false });
}
