import { COUNTERS, type Machine } from '../run/machine.ts';
import { countWavefronts, idealWavefronts, isContiguous } from './bank-conflicts.ts';
import type { GlobalAccess } from './global-access.ts';
import { SHARED_BASE, type SharedMemory } from './shared-memory.ts';

const POISON = 0x5ad0beef;

interface Copy {
  readonly lane: number;
  readonly source: Int32Array;
  readonly from: number;
  /** Word in shared memory, words to write, and how many bytes of them come from the source (the rest are zero). */
  readonly to: number;
  readonly words: number;
  readonly valid: number;
}

interface Group {
  mask: number;
  copies: Copy[];
}

/**
 * cp.async (PTX ISA 9.7.9.25.3), as late as the rules allow: the destination is poisoned when the copy is issued and
 * filled only when the issuing thread waits for its group. Groups are per thread; those of a warp that commits as one
 * are kept as one.
 */
export class AsyncCopies {
  private readonly machine: Machine;
  private readonly shared: SharedMemory;
  private readonly global: GlobalAccess;
  private open: Copy[][] = [];
  private groups: Group[][] = [];
  private readonly offsets = new Int32Array(32);

  constructor(machine: Machine, shared: SharedMemory, global: GlobalAccess) {
    this.machine = machine;
    this.shared = shared;
    this.global = global;
  }

  reset(warps: number): void {
    this.open = Array.from({ length: warps }, () => []);
    this.groups = Array.from({ length: warps }, () => []);
  }

  /** `limit` is the plane of src-size, or -1 for a whole copy. */
  copy(
    instruction: number,
    mask: number,
    toPlane: number,
    toOffset: number,
    fromPlane: number,
    fromOffset: number,
    bytes: number,
    limit: number,
  ): void {
    const { machine, shared, global, offsets } = this;
    const { words, warp } = machine;
    const open = this.open[warp];
    if (open === undefined) return;
    const count = bytes >> 2;
    let read = 0;
    global.begin();
    for (let lane = 0; lane < 32; lane += 1) {
      offsets[lane] = -1;
      if (((mask >>> lane) & 1) === 0) continue;
      const size = limit < 0 ? bytes : Math.min((words[limit + lane] ?? 0) >>> 0, bytes);
      const address = ((words[toPlane + lane] ?? 0) + toOffset) | 0;
      let at = (address - SHARED_BASE) | 0;
      if (at < 0 || at > shared.size - bytes || (at & (bytes - 1)) !== 0)
        at = shared.locate(instruction, lane, address, bytes);
      offsets[lane] = at;
      // With src-size 0 nothing is read, so the source address need not be one.
      const source =
        size === 0 ? NOTHING : global.source(instruction, lane, fromPlane, fromOffset, bytes, size);
      if (at < 0 || source === undefined) continue;
      const to = at >> 2;
      if (machine.checks) shared.notePending(instruction, lane, to, count);
      words.fill(POISON, shared.firstWord + to, shared.firstWord + to + count);
      open.push({ lane, source: source.words, from: source.word, to, words: count, valid: size });
      read += size;
    }
    global.finish(instruction, read);
    const ideal = idealWavefronts(mask, bytes);
    const actual = mask === -1 && isContiguous(offsets, bytes) ? ideal : countWavefronts(offsets, bytes);
    machine.count(instruction, COUNTERS.wavefronts, actual);
    machine.count(instruction, COUNTERS.idealWavefronts, ideal);
  }

  commit(mask: number): void {
    const open = this.open[this.machine.warp] ?? [];
    const own = mask === -1 ? open : open.filter(({ lane }) => (mask >>> lane) & 1);
    this.open[this.machine.warp] = mask === -1 ? [] : open.filter(({ lane }) => ((mask >>> lane) & 1) === 0);
    this.groups[this.machine.warp]?.push({ mask, copies: own });
  }

  /** Completes all but the latest `keep` groups of each lane in `mask`; `everything` also those not committed. */
  wait(mask: number, keep: number, everything: boolean): void {
    const { warp } = this.machine;
    if (everything) this.commit(mask);
    const groups = this.groups[warp] ?? [];
    const later = new Int32Array(32);
    const done: number[] = new Array<number>(groups.length).fill(0);
    for (let g = groups.length - 1; g >= 0; g -= 1) {
      const group = groups[g];
      if (group === undefined) continue;
      for (let lane = 0; lane < 32; lane += 1) {
        if (((group.mask & mask) >>> lane) & 1) {
          if ((later[lane] ?? 0) >= keep) done[g] = (done[g] ?? 0) | (1 << lane);
          later[lane] = (later[lane] ?? 0) + 1;
        }
      }
    }
    for (const [g, group] of groups.entries()) {
      const lanes = done[g] ?? 0;
      if (lanes === 0) continue;
      for (const copy of group.copies) if ((lanes >>> copy.lane) & 1) this.fill(copy);
      group.copies =
        lanes === group.mask ? [] : group.copies.filter(({ lane }) => ((lanes >>> lane) & 1) === 0);
      group.mask &= ~lanes;
    }
    this.groups[warp] = groups.filter((group) => group.mask !== 0);
  }

  private fill(copy: Copy): void {
    const { machine, shared } = this;
    const to = shared.firstWord + copy.to;
    for (let k = 0; k < copy.words; k += 1) {
      const bytes = copy.valid - 4 * k;
      let word = bytes > 0 ? (copy.source[copy.from + k] ?? 0) : 0;
      if (bytes > 0 && bytes < 4) word &= (1 << (8 * bytes)) - 1;
      machine.words[to + k] = word;
    }
    if (machine.checks) shared.complete(copy.lane, copy.to, copy.words);
  }
}

const NOTHING = { words: new Int32Array(0), word: 0 };
