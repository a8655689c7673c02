import { popcount } from '../numeric/integer-ops.ts';
import { COUNTERS, type Machine } from '../run/machine.ts';
import { type GlobalBuffer, type GlobalMemory, PAGE_BYTES, type Page, SPECIAL } from './global-memory.ts';
import { SCOPE, type Scope } from './ordering.ts';
import type { StrongAccess } from './strong-access.ts';
import { WordRecord } from './word-record.ts';

/** Warp-wide loads, stores and atomics of global memory. Addresses are 64-bit planes: low words, then high. */
export class GlobalAccess {
  private readonly machine: Machine;
  private readonly memory: GlobalMemory;
  private buffer: GlobalBuffer | undefined;
  private bufferHigh = -1;
  /** Where {@link locate} found the last address. */
  private page: Page | undefined;
  private pageIndex = 0;
  private within = 0;
  private readonly sectors = new Float64Array(64);
  private sectorCount = 0;

  constructor(machine: Machine, memory: GlobalMemory) {
    this.machine = machine;
    this.memory = memory;
  }

  /** Finds page and byte of an access, or reports it and answers false. Also collects the sectors touched. */
  private locate(
    instruction: number,
    lane: number,
    address: number,
    offset: number,
    bytes: number,
    read = bytes,
  ): boolean {
    const { machine } = this;
    const low = machine.words[address + lane] ?? 0;
    const high = machine.words[address + 32 + lane] ?? 0;
    if (high !== this.bufferHigh) {
      this.buffer = this.memory.at(high);
      this.bufferHigh = high;
    }
    const { buffer } = this;
    if (buffer === undefined) {
      const shown =
        (BigInt.asUintN(32, BigInt(high)) << 32n) + BigInt.asUintN(32, BigInt(low)) + BigInt(offset);
      machine.violate(
        'out-of-bounds',
        instruction,
        lane,
        `${bytes} bytes at ${shown.toString(16)}: no buffer is near`,
      );
      return false;
    }
    const at = (high - buffer.baseHigh) * 2 ** 32 + (low >>> 0) - buffer.baseLow + offset;
    if (at < 0 || at > buffer.size - read) {
      const message = `${read} bytes at ${buffer.name}[${at}]; it has ${buffer.size}`;
      machine.violate('out-of-bounds', instruction, lane, message);
      return false;
    }
    if (at % bytes !== 0) {
      machine.violate('misaligned', instruction, lane, `${bytes} bytes at ${buffer.name}[${at}]`);
      return false;
    }
    this.pageIndex = Math.floor(at / PAGE_BYTES);
    this.within = at - this.pageIndex * PAGE_BYTES;
    this.page = buffer.page(this.pageIndex);
    this.touch(high * 2 ** 27 + Math.floor((at + buffer.baseLow) / 32));
    return true;
  }

  private touch(sector: number): void {
    const { sectors } = this;
    for (let i = this.sectorCount - 1; i >= 0; i -= 1) if (sectors[i] === sector) return;
    sectors[this.sectorCount] = sector;
    this.sectorCount += 1;
  }

  /** Starts counting the sectors of one instruction. */
  begin(): void {
    this.sectorCount = 0;
  }

  /** `total`: bytes the active lanes asked for. */
  finish(instruction: number, total: number): void {
    this.machine.count(instruction, COUNTERS.sectors, this.sectorCount);
    this.machine.count(instruction, COUNTERS.idealSectors, Math.ceil(total / 32));
    this.machine.count(instruction, COUNTERS.bytes, total);
  }

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
    const { machine } = this;
    const { words } = machine;
    this.begin();
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0 || !this.locate(instruction, lane, address, offset, count * 4))
        continue;
      const { page } = this;
      if (page === undefined) continue;
      const word = this.within >> 2;
      if (page.shadow !== null && machine.checks)
        for (let k = 0; k < count; k += 1) this.noteRead(instruction, lane, page, word + k, 15, SCOPE.plain);
      words[d0 + lane] = page.words[word] ?? 0;
      if (count > 1) words[d1 + lane] = page.words[word + 1] ?? 0;
      if (count > 2) {
        words[d2 + lane] = page.words[word + 2] ?? 0;
        words[d3 + lane] = page.words[word + 3] ?? 0;
      }
    }
    this.finish(instruction, popcount(mask) * count * 4);
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
    const { machine } = this;
    const { words } = machine;
    this.begin();
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0 || !this.locate(instruction, lane, address, offset, count * 4))
        continue;
      const { page } = this;
      if (page === undefined || !this.writable(instruction, lane)) continue;
      const word = this.within >> 2;
      if (page.shadow !== null)
        for (let k = 0; k < count; k += 1) this.noteWrite(instruction, lane, page, word + k, 15, SCOPE.plain);
      page.words[word] = words[s0 + lane] ?? 0;
      if (count > 1) page.words[word + 1] = words[s1 + lane] ?? 0;
      if (count > 2) {
        page.words[word + 2] = words[s2 + lane] ?? 0;
        page.words[word + 3] = words[s3 + lane] ?? 0;
      }
    }
    this.finish(instruction, popcount(mask) * count * 4);
  }

  loadNarrow(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    bytes: number,
    isSigned: boolean,
    planes: readonly number[],
  ): void {
    const { machine } = this;
    const total = bytes * planes.length;
    this.begin();
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0 || !this.locate(instruction, lane, address, offset, total)) continue;
      const { page, within } = this;
      if (page === undefined) continue;
      if (page.shadow !== null && machine.checks)
        this.eachWord(within, total, (word, bits) =>
          this.noteRead(instruction, lane, page, word, bits, SCOPE.plain),
        );
      for (const [i, plane] of planes.entries()) {
        let value = 0;
        for (let k = bytes - 1; k >= 0; k -= 1)
          value = (value << 8) | (page.bytes[within + i * bytes + k] ?? 0);
        machine.words[plane + lane] = isSigned ? (value << (32 - 8 * bytes)) >> (32 - 8 * bytes) : value;
      }
    }
    this.finish(instruction, popcount(mask) * total);
  }

  storeNarrow(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    bytes: number,
    planes: readonly number[],
  ): void {
    const { machine } = this;
    const total = bytes * planes.length;
    this.begin();
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0 || !this.locate(instruction, lane, address, offset, total)) continue;
      const { page, within } = this;
      if (page === undefined || !this.writable(instruction, lane)) continue;
      this.eachWord(within, total, (word, bits) =>
        this.noteWrite(instruction, lane, page, word, bits, SCOPE.plain),
      );
      for (const [i, plane] of planes.entries()) {
        const value = machine.words[plane + lane] ?? 0;
        for (let k = 0; k < bytes; k += 1) page.bytes[within + i * bytes + k] = value >>> (8 * k);
      }
    }
    this.finish(instruction, popcount(mask) * total);
  }

  private eachWord(within: number, total: number, visit: (word: number, bits: number) => void): void {
    if (total >= 4) for (let k = 0; k < total; k += 4) visit((within + k) >> 2, 15);
    else visit(within >> 2, ((1 << total) - 1) << (within & 3));
  }

  strong(
    instruction: number,
    mask: number,
    address: number,
    offset: number,
    access: StrongAccess,
    move: (lane: number, words: Int32Array, index: number) => void,
  ): void {
    const { machine } = this;
    const { ordering, warp } = machine;
    this.begin();
    for (let lane = 0; lane < 32; lane += 1) {
      if (((mask >>> lane) & 1) === 0 || !this.locate(instruction, lane, address, offset, 4)) continue;
      const { page, buffer } = this;
      if (page === undefined || buffer === undefined) continue;
      if (access.writes && !this.writable(instruction, lane)) continue;
      const word = this.within >> 2;
      const key = buffer.baseHigh * 2 ** 30 + this.pageIndex * (PAGE_BYTES / 4) + word;
      if (machine.checks) {
        if (access.reads) ordering.strongRead(key, warp, lane, access.scope, access.acquires);
        if (access.observes)
          ordering.observe(warp, lane, page.shadow?.records.get(word)?.strongWrites() ?? []);
        if (access.reads && access.writes) this.requireSet(instruction, lane, page, word);
        ordering.now += 1;
        if (access.writes) this.noteWrite(instruction, lane, page, word, 15, access.scope);
        else this.noteRead(instruction, lane, page, word, 15, access.scope);
        ordering.now += 1;
      } else if (access.writes && page.shadow !== null) page.shadow.writeTick[word] = 1;
      move(lane, page.words, word);
      if (access.writes && machine.checks)
        ordering.strongWrite(key, warp, lane, access.scope, access.releases, access.reads);
    }
    this.finish(instruction, popcount(mask) * 4);
  }

  /** The source of an asynchronous copy: its page and word, checked; undefined when bad. */
  source(instruction: number, lane: number, address: number, offset: number, bytes: number, read: number) {
    if (!this.locate(instruction, lane, address, offset, bytes, read)) return undefined;
    const { page } = this;
    if (page === undefined) return undefined;
    const word = this.within >> 2;
    if (page.shadow !== null && this.machine.checks)
      for (let k = 0; k < read >> 2; k += 1)
        this.noteRead(instruction, lane, page, word + k, 15, SCOPE.plain);
    return { words: page.words, word };
  }

  private writable(instruction: number, lane: number): boolean {
    if (this.buffer?.access !== 'input') return true;
    const message = `${this.buffer.name} is an input`;
    this.machine.violate('read-only-write', instruction, lane, message);
    return false;
  }

  private where(word: number): string {
    return `${this.buffer?.name ?? '?'}[${this.pageIndex * PAGE_BYTES + word * 4}]`;
  }

  private requireSet(instruction: number, lane: number, page: Page, word: number): void {
    if (page.shadow?.writeTick[word] !== 0) return;
    this.machine.violate('uninitialised-global', instruction, lane, `${this.where(word)} was never written`);
  }

  private noteRead(
    instruction: number,
    lane: number,
    page: Page,
    word: number,
    mask: number,
    scope: Scope,
  ): void {
    const { shadow } = page;
    const { machine } = this;
    const { ordering, warp } = machine;
    if (shadow === null) return;
    const wrote = shadow.writeTick[word] ?? 0;
    const readTick = shadow.readTick[word] ?? 0;
    const isPlain = wrote !== SPECIAL && mask === 15 && scope === SCOPE.plain;
    if (isPlain && ordering.ordered(readTick, shadow.reader[word] ?? 0, warp, lane)) {
      if (wrote === 0) this.requireSet(instruction, lane, page, word);
      else if (!ordering.ordered(wrote, shadow.writer[word] ?? 0, warp, lane))
        machine.violate(
          'race',
          instruction,
          lane,
          `read-after-write at ${this.where(word)}, against ${ordering.nameOf(shadow.writer[word] ?? 0)}`,
        );
      shadow.readTick[word] = ordering.now;
      shadow.reader[word] = ordering.who(warp, lane);
      return;
    }
    const record = this.record(page, word);
    if ((record.initialised & mask) !== mask) {
      machine.violate('uninitialised-global', instruction, lane, `${this.where(word)} was never written`);
    }
    const race = record.read(mask, scope, ordering, warp, lane);
    if (race !== undefined) machine.violate('race', instruction, lane, `${race} at ${this.where(word)}`);
  }

  private noteWrite(
    instruction: number,
    lane: number,
    page: Page,
    word: number,
    mask: number,
    scope: Scope,
  ): void {
    const { shadow } = page;
    const { machine } = this;
    const { ordering, warp } = machine;
    if (shadow === null) return;
    const wrote = shadow.writeTick[word] ?? 0;
    if (!machine.checks && mask === 15) {
      shadow.writeTick[word] = 1;
      return;
    }
    if (wrote !== SPECIAL && mask === 15 && scope === SCOPE.plain) {
      if (!ordering.ordered(wrote, shadow.writer[word] ?? 0, warp, lane))
        machine.violate(
          'race',
          instruction,
          lane,
          `write-after-write at ${this.where(word)}, against ${ordering.nameOf(shadow.writer[word] ?? 0)}`,
        );
      if (!ordering.ordered(shadow.readTick[word] ?? 0, shadow.reader[word] ?? 0, warp, lane))
        machine.violate(
          'race',
          instruction,
          lane,
          `write-after-read at ${this.where(word)}, against ${ordering.nameOf(shadow.reader[word] ?? 0)}`,
        );
      shadow.writeTick[word] = ordering.now;
      shadow.writer[word] = ordering.who(warp, lane);
      return;
    }
    const race = this.record(page, word).write(mask, scope, ordering, warp, lane);
    if (race !== undefined) machine.violate('race', instruction, lane, `${race} at ${this.where(word)}`);
  }

  private record(page: Page, word: number): WordRecord {
    const { shadow } = page;
    const known = shadow?.records.get(word);
    if (known !== undefined || shadow === null) return known ?? new WordRecord(15);
    const wrote = shadow.writeTick[word] ?? 0;
    const record = new WordRecord(wrote === 0 ? 0 : 15);
    if (wrote > 0) record.seedWrite(wrote, shadow.writer[word] ?? 0);
    const readTick = shadow.readTick[word] ?? 0;
    if (readTick > 0) record.seedRead(readTick, shadow.reader[word] ?? 0);
    shadow.records.set(word, record);
    shadow.writeTick[word] = SPECIAL;
    return record;
  }
}
