import { popcount } from '../numeric/integer-ops.ts';
import { COUNTERS, type Machine } from '../run/machine.ts';
import { countWavefronts, idealWavefronts, isContiguous } from './bank-conflicts.ts';
import { SHARED_BASE, type SharedMemory } from './shared-memory.ts';
import type { StrongAccess } from './strong-access.ts';

/** Warp-wide loads and stores of shared memory. Planes are word indices of lane 0 in the register file. */
export class SharedAccess {
  private readonly machine: Machine;
  private readonly shared: SharedMemory;
  private readonly offsets = new Int32Array(32);

  constructor(machine: Machine, shared: SharedMemory) {
    this.machine = machine;
    this.shared = shared;
  }

  /** Byte offsets of all active lanes into `offsets`, -1 where the lane is off or its address is bad. */
  private locate(instruction: number, mask: number, address: number, offset: number, bytes: number): void {
    const { offsets, shared } = this;
    const { words } = this.machine;
    const limit = shared.size - bytes;
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0) {
        offsets[lane] = -1;
        continue;
      }
      const at = ((words[address + lane] ?? 0) + offset - SHARED_BASE) | 0;
      const isGood = at >= 0 && at <= limit && (at & (bytes - 1)) === 0;
      offsets[lane] = isGood ? at : shared.locate(instruction, lane, at + SHARED_BASE, bytes);
    }
    this.count(instruction, mask, bytes);
  }

  private count(instruction: number, mask: number, bytes: number): void {
    const ideal = idealWavefronts(mask, bytes);
    const actual =
      mask === -1 && isContiguous(this.offsets, bytes) ? ideal : countWavefronts(this.offsets, bytes);
    this.machine.count(instruction, COUNTERS.wavefronts, actual);
    this.machine.count(instruction, COUNTERS.idealWavefronts, ideal);
    this.machine.count(instruction, COUNTERS.bytes, bytes * popcount(mask));
  }

  /** `count` words a lane into the planes d0..d3. */
  load(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    count: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
  ): void {
    this.locate(instruction, mask, address, offset, count * 4);
    const { machine, shared, offsets } = this;
    const { words, checks } = machine;
    for (let lane = 0; lane < 32; lane += 1) {
      const at = offsets[lane] ?? -1;
      if (at < 0) continue;
      const word = at >> 2;
      if (checks) shared.noteRead(instruction, lane, word, count);
      const from = shared.firstWord + word;
      words[d0 + lane] = words[from] ?? 0;
      if (count > 1) words[d1 + lane] = words[from + 1] ?? 0;
      if (count > 2) {
        words[d2 + lane] = words[from + 2] ?? 0;
        words[d3 + lane] = words[from + 3] ?? 0;
      }
    }
  }

  store(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    count: number,
    s0: number,
    s1: number,
    s2: number,
    s3: number,
  ): void {
    this.locate(instruction, mask, address, offset, count * 4);
    const { machine, shared, offsets } = this;
    const { words, checks } = machine;
    for (let lane = 0; lane < 32; lane += 1) {
      const at = offsets[lane] ?? -1;
      if (at < 0) continue;
      const word = at >> 2;
      if (checks) shared.noteWrite(instruction, lane, word, count);
      const to = shared.firstWord + word;
      words[to] = words[s0 + lane] ?? 0;
      if (count > 1) words[to + 1] = words[s1 + lane] ?? 0;
      if (count > 2) {
        words[to + 2] = words[s2 + lane] ?? 0;
        words[to + 3] = words[s3 + lane] ?? 0;
      }
    }
  }

  /** Elements of 1 or 2 bytes; a destination gets 32 bits, sign- or zero-extended. */
  loadNarrow(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    bytes: number,
    isSigned: boolean,
    planes: readonly number[],
  ): void {
    this.locate(instruction, mask, address, offset, bytes * planes.length);
    this.narrow(instruction, planes.length * bytes, false, (lane, at) => {
      for (const [i, plane] of planes.entries()) {
        let value = 0;
        for (let k = bytes - 1; k >= 0; k -= 1)
          value = (value << 8) | (this.machine.bytes[at + i * bytes + k] ?? 0);
        this.machine.words[plane + lane] = isSigned ? (value << (32 - 8 * bytes)) >> (32 - 8 * bytes) : value;
      }
    });
  }

  storeNarrow(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    bytes: number,
    planes: readonly number[],
  ): void {
    this.locate(instruction, mask, address, offset, bytes * planes.length);
    this.narrow(instruction, planes.length * bytes, true, (lane, at) => {
      for (const [i, plane] of planes.entries()) {
        const value = this.machine.words[plane + lane] ?? 0;
        for (let k = 0; k < bytes; k += 1) this.machine.bytes[at + i * bytes + k] = value >>> (8 * k);
      }
    });
  }

  private narrow(
    instruction: number,
    bytes: number,
    isWrite: boolean,
    move: (lane: number, byteAt: number) => void,
  ): void {
    const { machine, shared } = this;
    for (let lane = 0; lane < 32; lane += 1) {
      const at = this.offsets[lane] ?? -1;
      if (at < 0) continue;
      if (machine.checks) {
        if (bytes >= 4 && isWrite) shared.noteWrite(instruction, lane, at >> 2, bytes >> 2);
        else if (bytes >= 4) shared.noteRead(instruction, lane, at >> 2, bytes >> 2);
        else shared.noteBytes(instruction, lane, at >> 2, ((1 << bytes) - 1) << (at & 3), 0, isWrite);
      }
      move(lane, shared.firstWord * 4 + at);
    }
  }

  /** Strong accesses and atomics: calls `move` with the index of the word in the machine's memory. */
  strong(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    access: StrongAccess,
    move: (lane: number, words: Int32Array, index: number) => void,
  ): void {
    this.locate(instruction, mask, address, offset, 4);
    const { machine, shared } = this;
    for (let lane = 0; lane < 32; lane += 1) {
      const at = this.offsets[lane] ?? -1;
      if (at < 0) continue;
      const word = at >> 2;
      // Global words have keys from 0 up.
      const key = -1 - word;
      if (machine.checks) {
        if (access.reads) machine.ordering.strongRead(key, machine.warp, lane, access.scope, access.acquires);
        if (access.observes) machine.ordering.observe(machine.warp, lane, shared.strongWrites(word));
        if (access.reads && access.writes) shared.requireSet(instruction, lane, word);
        machine.ordering.now += 1;
        shared.noteBytes(instruction, lane, word, 15, access.scope, access.writes);
        machine.ordering.now += 1;
      }
      move(lane, machine.words, shared.firstWord + word);
      if (access.writes && machine.checks)
        machine.ordering.strongWrite(key, machine.warp, lane, access.scope, access.releases, access.reads);
    }
  }

  /**
   * ldmatrix.x1/.x2/.x4 (PTX ISA 9.7.14.5.15): row r of matrix j is the 16 bytes at the address of lane 8j + r; lane
   * 4r + c receives word c of row r, or with `.trans` the 16-bit elements (2c, r) and (2c+1, r).
   */
  loadMatrix(
    instruction: number,
    address: number,
    offset: number,
    transposes: boolean,
    planes: readonly number[],
  ): void {
    const { machine, shared, offsets } = this;
    const { words, checks } = machine;
    const limit = shared.size - 16;
    const rows = planes.length * 8;
    let wavefronts = 0;
    for (let lane = 0; lane < rows; lane += 1) {
      const at = ((words[address + lane] ?? 0) + offset - SHARED_BASE) | 0;
      const isGood = at >= 0 && at <= limit && (at & 15) === 0;
      offsets[lane] = isGood ? at : shared.locate(instruction, lane, at + SHARED_BASE, 16);
      if (checks && (offsets[lane] ?? -1) >= 0) shared.noteRead(instruction, lane, at >> 2, 4);
    }
    for (const [matrix, plane] of planes.entries()) {
      let banks = 0;
      let isFree = true;
      for (let row = 0; row < 8; row += 1) {
        const at = offsets[matrix * 8 + row] ?? -1;
        const bit = 1 << ((at >> 4) & 7);
        if (banks & bit) isFree = false;
        banks |= bit;
        if (at < 0) continue;
        const from = shared.firstWord + (at >> 2);
        for (let c = 0; c < 4; c += 1) words[plane + row * 4 + c] = words[from + c] ?? 0;
      }
      wavefronts += isFree ? 1 : matrixWavefronts(offsets, matrix * 8);
      if (transposes) transpose(words, plane, plane);
    }
    machine.count(instruction, COUNTERS.wavefronts, wavefronts);
    machine.count(instruction, COUNTERS.idealWavefronts, planes.length);
    machine.count(instruction, COUNTERS.bytes, rows * 16);
  }
}

/** Most distinct rows that share one of the 8 groups of four banks. */
function matrixWavefronts(offsets: Int32Array, first: number): number {
  let worst = 1;
  for (let i = first; i < first + 8; i += 1) {
    const distinct = new Set<number>();
    for (let k = first; k < first + 8; k += 1) {
      const at = offsets[k] ?? 0;
      if (((at >> 4) & 7) === (((offsets[i] ?? 0) >> 4) & 7)) distinct.add(at);
    }
    worst = Math.max(worst, distinct.size);
  }
  return worst;
}

const TILE = new Uint16Array(64);

/** Transposes the 8x8 tile of 16-bit elements that the 32 lanes of a plane hold: lane 4r + c has (r, 2c), (r, 2c+1). */
export function transpose(words: Int32Array, from: number, to: number): void {
  for (let lane = 0; lane < 32; lane += 1) {
    const word = words[from + lane] ?? 0;
    TILE[lane * 2] = word & 0xffff;
    TILE[lane * 2 + 1] = word >>> 16;
  }
  for (let lane = 0; lane < 32; lane += 1) {
    const row = lane >> 2;
    const column = (lane & 3) * 2;
    words[to + lane] = (TILE[column * 8 + row] ?? 0) | ((TILE[(column + 1) * 8 + row] ?? 0) << 16);
  }
}
