import type { WordRecord } from './word-record.ts';

export const PAGE_BYTES = 65536;
const PAGE_WORDS = PAGE_BYTES / 4;
const HIGH = 2 ** 32;
/** Bytes of nothing before and after every buffer: an index that is off by any sane amount lands there. */
const GUARD = 2 ** 28;

/** `input` is read-only and holds values; `output` starts unset; `workspace` holds what the host put there. */
export type BufferAccess = 'input' | 'output' | 'workspace';

/** Writes the bytes of one page: `into` is all of it or what is left of the buffer. Must depend on offset only. */
export type FillPage = (byteOffset: number, into: Uint8Array) => void;

/** Shadow of one page: who last wrote and read each word, and when. Tick 0: never written. */
interface PageShadow {
  readonly writeTick: Int32Array;
  readonly writer: Int32Array;
  readonly readTick: Int32Array;
  readonly reader: Int32Array;
  /** Words with a history the planes cannot hold; their writeTick is {@link SPECIAL}. */
  readonly records: Map<number, WordRecord>;
}

export const SPECIAL = -1;

export interface Page {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly shadow: PageShadow | null;
}

export class GlobalBuffer {
  readonly name: string;
  readonly size: number;
  readonly access: BufferAccess;
  readonly baseHigh: number;
  readonly baseLow: number;
  private readonly fill: FillPage | null;
  private readonly pages: (Page | undefined)[] = [];

  constructor(name: string, size: number, access: BufferAccess, baseHigh: number, fill: FillPage | null) {
    this.name = name;
    this.size = size;
    this.access = access;
    this.baseHigh = baseHigh;
    this.baseLow = GUARD;
    this.fill = fill;
  }

  get address(): bigint {
    return (BigInt(this.baseHigh) << 32n) + BigInt(this.baseLow);
  }

  /** The page with this index, made on first touch. */
  page(index: number): Page {
    const known = this.pages[index];
    if (known !== undefined) return known;
    const words = new Int32Array(PAGE_WORDS);
    const bytes = new Uint8Array(words.buffer);
    const isShadowed = this.access !== 'input';
    const page: Page = { words, bytes, shadow: isShadowed ? newShadow(this.fill === null ? 0 : 1) : null };
    if (this.fill !== null) {
      const length = Math.min(PAGE_BYTES, this.size - index * PAGE_BYTES);
      this.fill(index * PAGE_BYTES, bytes.subarray(0, length));
    } else if (isShadowed) bytes.fill(0xc5);
    this.pages[index] = page;
    return page;
  }

  /** The host's copy into the buffer: those bytes hold values from now on. */
  write(offset: number, data: Uint8Array): void {
    for (let done = 0; done < data.length; ) {
      const at = offset + done;
      const page = this.page(Math.floor(at / PAGE_BYTES));
      const within = at % PAGE_BYTES;
      const part = data.subarray(done, done + PAGE_BYTES - within);
      page.bytes.set(part, within);
      page.shadow?.writeTick.fill(1, within >> 2, (within + part.length + 3) >> 2);
      done += part.length;
    }
  }

  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const within = at % PAGE_BYTES;
      const part = Math.min(length - done, PAGE_BYTES - within);
      out.set(this.page(Math.floor(at / PAGE_BYTES)).bytes.subarray(within, within + part), done);
      done += part;
    }
    return out;
  }

  /** How many bytes of [offset, offset + length) have been written, by the host or a kernel. */
  writtenBytes(offset: number, length: number): number {
    let written = 0;
    for (let at = offset; at < offset + length; at += 1) {
      const { shadow } = this.page(Math.floor(at / PAGE_BYTES));
      const within = at % PAGE_BYTES;
      if (shadow === null) written += 1;
      else {
        const tick = shadow.writeTick[within >> 2] ?? 0;
        const record = tick === SPECIAL ? shadow.records.get(within >> 2) : undefined;
        written += record !== undefined ? (record.initialised >> (within & 3)) & 1 : tick === 0 ? 0 : 1;
      }
    }
    return written;
  }
}

function newShadow(tick: number): PageShadow {
  return {
    writeTick: new Int32Array(PAGE_WORDS).fill(tick),
    writer: new Int32Array(PAGE_WORDS),
    readTick: new Int32Array(PAGE_WORDS),
    reader: new Int32Array(PAGE_WORDS),
    records: new Map(),
  };
}

export interface BufferSpec {
  readonly name: string;
  readonly bytes: number;
  readonly access: BufferAccess;
  /** Contents of an input or workspace, made page by page on first touch. */
  readonly fill?: FillPage;
  /** Contents given at once. */
  readonly data?: Uint8Array;
}

/**
 * Device memory: named buffers far apart in a 64-bit address space (a buffer owns the high words from `baseHigh` up
 * to its neighbour's), pages made on first touch. It outlives launches, so kernels can be chained on it.
 */
export class GlobalMemory {
  /** First tick not yet used by a launch; 1 is the host's. */
  clock = 2;
  private readonly buffers = new Map<string, GlobalBuffer>();
  private readonly byHigh: GlobalBuffer[] = [];
  private nextHigh = 16;

  /** Adds a buffer and gives its address, 256-byte aligned as from cudaMalloc. */
  add(spec: BufferSpec): bigint {
    if (this.buffers.has(spec.name)) throw new RangeError(`buffer ${spec.name} exists already`);
    const buffer = new GlobalBuffer(spec.name, spec.bytes, spec.access, this.nextHigh, spec.fill ?? null);
    const spans = Math.ceil((spec.bytes + 2 * GUARD) / HIGH) + 1;
    for (let high = this.nextHigh - 1; high < this.nextHigh + spans; high += 1) this.byHigh[high] = buffer;
    this.nextHigh += spans + 8;
    this.buffers.set(spec.name, buffer);
    if (spec.data !== undefined) buffer.write(0, spec.data);
    return buffer.address;
  }

  get(name: string): GlobalBuffer {
    const buffer = this.buffers.get(name);
    if (buffer === undefined) throw new RangeError(`no buffer named ${name}`);
    return buffer;
  }

  /** The buffer whose neighbourhood the high word of an address lies in. */
  at(high: number): GlobalBuffer | undefined {
    return this.byHigh[high];
  }
}
