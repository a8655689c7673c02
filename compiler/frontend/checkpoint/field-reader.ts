import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import { toPointer } from '../../diagnostics/locate-diagnostics.ts';
import { largestSize } from '../schema-values.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads fields of a config.json, or of the metadata of a GGUF file, as values of one type, and collects what is wrong
 * with them (QK161). Methods return undefined for a field that is not there (or null, as configs write "none") and for
 * one that is wrong; `needed` methods report the former too and return 1, which no reader is to use after a fault.
 */
export class FieldReader {
  readonly faults: Diagnostic[];
  readonly #fields: Fields;
  readonly #file: string;
  readonly #path: readonly string[];

  constructor(fields: Fields, file: string, path: readonly string[] = [], faults: Diagnostic[] = []) {
    this.#fields = fields;
    this.#file = file;
    this.#path = path;
    this.faults = faults;
  }

  /** True where the field is there, null included. */
  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key);
  }

  keys(): readonly string[] {
    return Object.keys(this.#fields);
  }

  /** A whole number from 1, or undefined for -1 as well, by which configs of quantisers mean all of a row. */
  groupSize(key: string): number | undefined {
    return this.#fields[key] === -1 ? undefined : this.size(key);
  }

  size(key: string): number | undefined {
    const expected = `a whole number from 1 to ${largestSize}`;
    const isSize = (value: number) => Number.isInteger(value) && value >= 1 && value <= largestSize;
    return this.#number(key, expected, isSize);
  }

  neededSize(key: string): number {
    return this.#needed(key, this.size(key), 'a whole number');
  }

  positive(key: string): number | undefined {
    return this.#number(key, 'a number above 0', (value) => Number.isFinite(value) && value > 0);
  }

  neededPositive(key: string): number {
    return this.#needed(key, this.positive(key), 'a number above 0');
  }

  flag(key: string): boolean | undefined {
    const value = this.#read(key);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.refuse(key, value, 'true or false');
  }

  text(key: string): string | undefined {
    const value = this.#read(key);
    if (value === undefined || typeof value === 'string') return value;
    return this.refuse(key, value, 'a text');
  }

  /** An object within, read by a reader that shares this one's faults. */
  within(key: string): FieldReader | undefined {
    const value = this.#read(key);
    if (value === undefined) return undefined;
    if (!isFields(value)) return this.refuse(key, value, 'an object');
    return new FieldReader(value, this.#file, [...this.#path, key], this.faults);
  }

  pointer(key: string): string {
    return toPointer([...this.#path, key]);
  }

  /** Reports a field that is there and of no use. */
  refuse(key: string, value: unknown, expected: string): undefined {
    this.faults.push(
      diagnose('QK161', {
        file: this.#file,
        pointer: this.pointer(key),
        message: `${quoteText(key)} is ${describe(value)}`,
        expected,
      }),
    );
  }

  /** Reports that the architecture is known, and this form of it is not: QK162. */
  refuseVariant(key: string, what: string, expected?: string): void {
    const place = { file: this.#file, pointer: this.pointer(key) };
    const message = `the model has ${what}`;
    this.faults.push(
      diagnose('QK162', { ...place, message, ...(expected === undefined ? {} : { expected }) }),
    );
  }

  /** Reports weights that are quantised in a way that is not read: QK163. */
  refuseQuantised(key: string, what: string, expected: string): void {
    const place = { file: this.#file, pointer: this.pointer(key) };
    this.faults.push(diagnose('QK163', { ...place, message: `the weights are ${what}`, expected }));
  }

  #read(key: string): unknown {
    const value = this.has(key) ? this.#fields[key] : undefined;
    return value === null ? undefined : value;
  }

  #number(key: string, expected: string, fits: (value: number) => boolean): number | undefined {
    const value = this.#read(key);
    if (value === undefined) return undefined;
    const number = typeof value === 'bigint' ? Number(value) : value;
    return typeof number === 'number' && fits(number) ? number : this.refuse(key, value, expected);
  }

  #needed(key: string, value: number | undefined, expected: string): number {
    if (value === undefined && this.#read(key) === undefined) {
      const message = `${quoteText(key)} is missing`;
      const place = { file: this.#file, pointer: this.pointer(key) };
      this.faults.push(diagnose('QK161', { ...place, message, expected }));
    }
    return value ?? 1;
  }
}

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return quoteText(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value !== null && typeof value === 'object' ? 'an object or array' : String(value);
}
