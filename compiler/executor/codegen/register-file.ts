import type { Register } from '../parse/ptx-module.ts';

/**
 * Where each register of a warp lives, in words from the warp's base: a predicate is one word (a bit a lane); a 16-
 * or 32-bit register a plane of 32 words, one a lane; a 64-bit register two planes, low words first. Constants that
 * warp-wide operations take as operands get planes too, filled once.
 */
export class RegisterFile {
  private readonly offsets = new Map<number, number>();
  private readonly defined = new Map<number, number>();
  private readonly constants = new Map<number, number>();
  private words: number;
  private nextBit = 0;

  /** `masks` is how many one-word entries (predicates and definedness masks) the kernel may need. */
  constructor(masks: number) {
    this.words = Math.ceil(masks / 32) * 32;
  }

  offset(register: Register): number {
    const known = this.offsets.get(register.id);
    if (known !== undefined) return known;
    const at = register.class === 'pred' ? this.bit() : this.planes(register.class === 'b64' ? 2 : 1);
    this.offsets.set(register.id, at);
    return at;
  }

  /** The word that says in which lanes a register has been written. */
  definedOffset(register: Register): number {
    const known = this.defined.get(register.id);
    if (known !== undefined) return known;
    const at = this.bit();
    this.defined.set(register.id, at);
    return at;
  }

  /** A plane that holds `value` in every lane. */
  constant(value: number): number {
    const known = this.constants.get(value | 0);
    if (known !== undefined) return known;
    const at = this.planes(1);
    this.constants.set(value | 0, at);
    return at;
  }

  /** A plane nobody reads, for results that are thrown away. */
  scratch(): number {
    return this.planes(1);
  }

  private bit(): number {
    this.nextBit += 1;
    return this.nextBit - 1;
  }

  private planes(count: number): number {
    const at = this.words;
    this.words += count * 32;
    return at;
  }

  get size(): number {
    return this.words;
  }

  get constantPlanes(): ReadonlyMap<number, number> {
    return this.constants;
  }
}
