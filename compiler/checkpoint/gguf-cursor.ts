import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import type { ByteSource } from './byte-source.ts';

/** Why a header could not be read on. Thrown by the cursor, caught where the reading began: readGguf. */
export class GgufFault extends Error {
  readonly diagnostic: Diagnostic;
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.diagnostic = diagnostic;
  }
}

/** Bytes fetched at once. A vocabulary of megabytes takes some dozen reads, and no more than this is held. */
const windowBytes = 256 * 1024;
/**
 * Where a header has to end. Vocabularies of 260,000 tokens with merges take some 12 MB; without a limit, a file of a
 * terabyte of empty strings would be walked through to its end.
 */
const furthestHeader = 256 * 1024 * 1024;

/** Walks through the header of a GGUF file, little-endian, forwards only. Every method throws GgufFault past the end. */
export class GgufCursor {
  readonly source: ByteSource;
  position = 0;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  u32(): number {
    return this.#take(4, 'a number').getUint32(this.#at(4), true);
  }

  /** A 64-bit count, offset or size; those beyond 2^53 are refused, for no file is that large. */
  size(what: string): number {
    const view = this.#take(8, what);
    const at = this.#at(8);
    const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    if (!Number.isSafeInteger(value)) this.fail('QK152', `${what} is ${value}`);
    return value;
  }

  /** UTF-8 text after its 64-bit length, which is checked before anything is read. */
  text(what: string, limit: number): string {
    const length = this.size(`the length of ${what}`);
    if (length > limit) this.fail('QK152', `${what} has ${length} bytes; at most ${limit} are expected`);
    const view = this.#take(length, what);
    const bytes = new Uint8Array(view.buffer, view.byteOffset + this.#at(length), length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return this.fail('QK152', `${what} is not UTF-8 text`);
    }
  }

  /** A number of `bytes` bytes by one of DataView's readers. */
  number<T>(bytes: number, read: (view: DataView, at: number) => T): T {
    const view = this.#take(bytes, 'a number');
    return read(view, this.#at(bytes));
  }

  skip(bytes: number, what: string): void {
    this.#demand(bytes, what);
    this.position += bytes;
  }

  fail(code: DiagnosticCode, message: string): never {
    throw new GgufFault(diagnose(code, { file: this.source.file, message }));
  }

  /** Where in the window the `bytes` bytes before `position` begin. */
  #at(bytes: number): number {
    return this.position - bytes - this.#start;
  }

  #demand(bytes: number, what: string): void {
    const left = this.source.size - this.position;
    if (bytes > left) {
      this.fail('QK152', `${what} takes ${bytes} bytes at byte ${this.position}; the file has ${left} left`);
    }
    if (this.position + bytes > furthestHeader) {
      this.fail('QK158', `the header goes on after ${furthestHeader} bytes`);
    }
  }

  /** Moves on by `bytes` and returns a window that holds them. */
  #take(bytes: number, what: string): DataView {
    this.#demand(bytes, what);
    const end = this.#start + this.#window.byteLength;
    if (this.position < this.#start || this.position + bytes > end) {
      const length = Math.min(Math.max(bytes, windowBytes), this.source.size - this.position);
      const read = this.source.read(this.position, length);
      if (!read.ok) throw new GgufFault(read.error);
      this.#start = this.position;
      this.#window = new DataView(read.value.buffer, read.value.byteOffset, length);
    }
    this.position += bytes;
    return this.#window;
  }
}
