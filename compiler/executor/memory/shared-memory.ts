import type { Machine } from '../run/machine.ts';
import { SCOPE, type Scope } from './ordering.ts';
import { type RaceKind, WordRecord } from './word-record.ts';

/** First address handed out: not 0, so that a forgotten base shows. Above the largest alignment in use. */
export const SHARED_BASE = 1024;

/**
 * Shadow values in the place of a last-write epoch. An epoch is (tick since the CTA began) * 1024 + thread, a
 * positive 31-bit number; whatever is not below the last whole-CTA barrier's epoch leaves the fast path, so one
 * comparison says "written, complete, and ordered before everybody now running".
 */
const PENDING = 0x7fffffff;
const UNSET = 0x7ffffffe;
const SPECIAL = 0x7ffffffd;
const MAX_TICK = 2 ** 21 - 4;
/** In a reader plane: several lanes of the warp have read the word since. */
const MANY = 32;

/** One CTA's shared memory: data in the machine's memory, one shadow word per 4 bytes, one reader plane per warp. */
export class SharedMemory {
  readonly size: number;
  /** Index of its first word in the machine's memory. */
  readonly firstWord: number;
  private readonly machine: Machine;
  private readonly writer: Int32Array;
  /** Latest epoch at which anyone read the word. */
  private readonly anyRead: Int32Array;
  private readonly readers: Int32Array[];
  private readonly records = new Map<number, WordRecord>();
  private base = 0;

  constructor(machine: Machine, firstWord: number, size: number, warps: number) {
    this.machine = machine;
    this.firstWord = firstWord;
    this.size = size;
    const words = (size + 3) >> 2;
    this.writer = new Int32Array(words);
    this.anyRead = new Int32Array(words);
    this.readers = Array.from({ length: warps }, () => new Int32Array(words));
  }

  /** A new CTA: nothing is set, whatever the last one left. */
  reset(): void {
    const { machine } = this;
    this.base = machine.ordering.floor;
    this.writer.fill(UNSET);
    this.anyRead.fill(0);
    for (const plane of this.readers) plane.fill(0);
    this.records.clear();
    machine.words.fill(0xc5c5c5c5 | 0, this.firstWord, this.firstWord + ((this.size + 3) >> 2));
  }

  /** Epochs below this are ordered before everything that now runs in the CTA. */
  private clean(): number {
    return (this.machine.ordering.floor - this.base + 1) << 10;
  }

  /** The present tick, in an epoch's place. */
  private stamp(): number {
    const tick = this.machine.ordering.now - this.base;
    if (tick > MAX_TICK) throw new RangeError('more than two million synchronisations in one CTA');
    return tick << 10;
  }

  /** Byte offset of `address` when `bytes` there are inside and aligned; otherwise -1, reported. */
  locate(instruction: number, lane: number, address: number, bytes: number): number {
    const offset = (address - SHARED_BASE) | 0;
    if (offset >= 0 && offset <= this.size - bytes && (address & (bytes - 1)) === 0) return offset;
    const kind = (address & (bytes - 1)) !== 0 ? 'misaligned' : 'out-of-bounds';
    const where = `${bytes} bytes at shared offset ${offset}; the kernel has ${this.size}`;
    this.machine.violate(kind, instruction, lane, where);
    return -1;
  }

  /** Checks and records that `lane` reads `count` whole words from word `at`. */
  noteRead(instruction: number, lane: number, at: number, count: number): void {
    const clean = this.clean();
    const stamp = this.stamp();
    const { writer, anyRead } = this;
    const plane = this.readers[this.machine.warp];
    if (plane === undefined) return;
    for (let word = at; word < at + count; word += 1) {
      if ((writer[word] ?? 0) >= clean && !this.slowRead(instruction, lane, word, 15, SCOPE.plain)) continue;
      anyRead[word] = stamp;
      const before = plane[word] ?? 0;
      const isAlone = before < clean || (before & 63) === lane || this.isReadOrdered(before, stamp, lane);
      plane[word] = isAlone ? stamp | lane : stamp | MANY;
    }
  }

  /** Whether an earlier read by this warp comes before what `lane` does now: then the new read stands for both. */
  private isReadOrdered(read: number, stamp: number, lane: number): boolean {
    // Within one tick nothing has been synchronised: the common case of a word that many lanes read.
    if (read >>> 10 === stamp >>> 10) return false;
    const { ordering, warp } = this.machine;
    const tick = (read >>> 10) + this.base;
    const [first, last] = read & MANY ? [0, 31] : [read & 31, read & 31];
    for (let other = first; other <= last; other += 1) {
      if (!ordering.ordered(tick, ordering.who(warp, other), warp, lane)) return false;
    }
    return true;
  }

  /** Checks and records that `lane` writes `count` whole words from word `at`. */
  noteWrite(instruction: number, lane: number, at: number, count: number): void {
    this.overwrite(instruction, lane, at, count, this.epoch(lane));
  }

  private epoch(lane: number): number {
    return this.stamp() | (this.machine.warp << 5) | lane;
  }

  private overwrite(instruction: number, lane: number, at: number, count: number, mark: number): void {
    const clean = this.clean();
    const { writer, anyRead } = this;
    for (let word = at; word < at + count; word += 1) {
      if ((writer[word] ?? 0) >= clean || (anyRead[word] ?? 0) >= clean) {
        this.slowWrite(instruction, lane, word, clean);
      }
      writer[word] = mark;
    }
  }

  /** Checks the write of an asynchronous copy and makes its words untouchable until {@link complete}. */
  notePending(instruction: number, lane: number, at: number, count: number): void {
    this.overwrite(instruction, lane, at, count, PENDING);
  }

  /** The copy has arrived: a write by the lane that waited for it, now. */
  complete(lane: number, at: number, count: number): void {
    this.writer.fill(this.epoch(lane), at, at + count);
  }

  /** Checks and records an access narrower than a word, or a strong one. `mask` holds the bytes touched. */
  noteBytes(
    instruction: number,
    lane: number,
    word: number,
    mask: number,
    scope: Scope,
    isWrite: boolean,
  ): void {
    if (!isWrite) {
      this.slowRead(instruction, lane, word, mask, scope);
      return;
    }
    if (this.writer[word] === PENDING) {
      this.violateInFlight(instruction, lane, word, 'written');
      return;
    }
    const race = this.record(word).write(mask, scope, this.machine.ordering, this.machine.warp, lane);
    if (race !== undefined) this.violateRace(instruction, lane, word, race);
  }

  strongWrites(word: number): number[] {
    return this.records.get(word)?.strongWrites() ?? [];
  }

  /** An atomic reads before it writes: the word must hold a value. */
  requireSet(instruction: number, lane: number, word: number): void {
    if (this.writer[word] === UNSET) this.violateUnset(instruction, lane, word);
  }

  /** False when the word's history is in its record, which has then noted this read. */
  private slowRead(instruction: number, lane: number, word: number, mask: number, scope: Scope): boolean {
    const { machine } = this;
    const state = this.writer[word] ?? 0;
    if (state === PENDING) {
      this.violateInFlight(instruction, lane, word, 'read');
      return true;
    }
    if (state === SPECIAL || mask !== 15 || scope !== SCOPE.plain) {
      const record = this.record(word);
      if ((record.initialised & mask) !== mask) this.violateUnset(instruction, lane, word);
      const race = record.read(mask, scope, machine.ordering, machine.warp, lane);
      if (race !== undefined) this.violateRace(instruction, lane, word, race);
      if (mask === 15 && scope === SCOPE.plain && record.isSettled(machine.ordering)) this.forget(word, 1);
      return false;
    }
    if (state === UNSET) this.violateUnset(instruction, lane, word);
    else if (!machine.ordering.ordered((state >>> 10) + this.base, this.thread(state), machine.warp, lane))
      this.violateRace(instruction, lane, word, 'read-after-write', state & 1023);
    return true;
  }

  private slowWrite(instruction: number, lane: number, word: number, clean: number): void {
    const { machine } = this;
    const { ordering, warp } = machine;
    const state = this.writer[word] ?? 0;
    if (state === PENDING) this.violateInFlight(instruction, lane, word, 'written');
    else if (state === SPECIAL) {
      const race = this.record(word).write(15, SCOPE.plain, ordering, warp, lane);
      if (race !== undefined) this.violateRace(instruction, lane, word, race);
      this.forget(word, 0);
    } else if (state !== UNSET && state >= clean) {
      if (!ordering.ordered((state >>> 10) + this.base, this.thread(state), warp, lane))
        this.violateRace(instruction, lane, word, 'write-after-write', state & 1023);
    }
    if ((this.anyRead[word] ?? 0) < clean) return;
    for (const [reader, plane] of this.readers.entries()) {
      const read = plane[word] ?? 0;
      if (read < clean) continue;
      const tick = (read >>> 10) + this.base;
      const first = read & MANY ? 0 : read & 31;
      const last = read & MANY ? 31 : first;
      for (let other = first; other <= last; other += 1) {
        if (ordering.ordered(tick, ordering.who(reader, other), warp, lane)) continue;
        this.violateRace(instruction, lane, word, 'write-after-read', reader * 32 + other);
        break;
      }
    }
  }

  private thread(epoch: number): number {
    return this.machine.ordering.cta * 1024 + (epoch & 1023);
  }

  /** The word's record, made from the planes on first need. */
  private record(word: number): WordRecord {
    const known = this.records.get(word);
    if (known !== undefined) return known;
    const state = this.writer[word] ?? 0;
    const record = new WordRecord(state === UNSET ? 0 : 15);
    if (state < SPECIAL) record.seedWrite((state >>> 10) + this.base, this.thread(state));
    const clean = this.clean();
    for (const [reader, plane] of this.readers.entries()) {
      const read = plane[word] ?? 0;
      if (read < clean) continue;
      const lanes = read & MANY ? Array.from({ length: 32 }, (_, lane) => lane) : [read & 31];
      for (const lane of lanes)
        record.seedRead((read >>> 10) + this.base, this.machine.ordering.who(reader, lane));
    }
    this.records.set(word, record);
    this.writer[word] = SPECIAL;
    return record;
  }

  /** Back to the planes: the record holds nothing that is not ordered before everybody. */
  private forget(word: number, epoch: number): void {
    this.records.delete(word);
    this.writer[word] = epoch;
    this.anyRead[word] = 0;
    for (const plane of this.readers) plane[word] = 0;
  }

  private violateRace(
    instruction: number,
    lane: number,
    word: number,
    race: RaceKind,
    thread?: number,
  ): void {
    const other = thread === undefined ? '' : `, against thread ${thread}`;
    this.machine.violate('race', instruction, lane, `${race} at shared offset ${word * 4}${other}`);
  }

  private violateUnset(instruction: number, lane: number, word: number): void {
    this.machine.violate(
      'uninitialised-shared',
      instruction,
      lane,
      `shared offset ${word * 4} was never written`,
    );
  }

  private violateInFlight(instruction: number, lane: number, word: number, what: string): void {
    const message = `shared offset ${word * 4} is ${what} while an asynchronous copy to it has not been waited for`;
    this.machine.violate('in-flight-copy', instruction, lane, message);
  }
}
