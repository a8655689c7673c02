import type { Ordering, Scope } from './ordering.ts';

interface Access {
  mask: number;
  tick: number;
  readonly who: number;
  readonly scope: Scope;
}

export type RaceKind = 'read-after-write' | 'write-after-read' | 'write-after-write';

/**
 * The precise history of one 4-byte word, by byte: used where the one-epoch fast path does not do (accesses narrower
 * than a word, atomics, several unordered readers in global memory).
 */
export class WordRecord {
  /** Bytes that hold a value. */
  initialised: number;
  private writes: Access[] = [];
  private reads: Access[] = [];

  constructor(initialised: number) {
    this.initialised = initialised;
  }

  /** Takes over what the fast path knew of the word. */
  seedWrite(tick: number, who: number): void {
    this.writes.push({ mask: 15, tick, who, scope: 0 });
  }

  seedRead(tick: number, who: number): void {
    this.reads.push({ mask: 15, tick, who, scope: 0 });
  }

  /** Ticks of the strong writes still remembered. Each has its own: the tick moves around every one. */
  strongWrites(): number[] {
    return this.writes.filter(({ scope }) => scope !== 0).map(({ tick }) => tick);
  }

  /** Every byte set, and every access so far ordered before all threads of the CTA by its last barrier. */
  isSettled(ordering: Ordering): boolean {
    const isPast = (access: Access) => access.tick <= ordering.floor && access.who >>> 10 === ordering.cta;
    return this.initialised === 15 && this.writes.every(isPast) && this.reads.every(isPast);
  }

  read(mask: number, scope: Scope, ordering: Ordering, warp: number, lane: number): RaceKind | undefined {
    const race = this.writes.some(
      (write) =>
        (write.mask & mask) !== 0 &&
        !isMorallyStrong(write, scope, ordering) &&
        !ordering.ordered(write.tick, write.who, warp, lane),
    );
    const who = ordering.who(warp, lane);
    this.reads = this.reads.filter((read) => {
      if (
        (read.mask & mask) !== 0 &&
        read.scope === scope &&
        ordering.ordered(read.tick, read.who, warp, lane)
      )
        read.mask &= ~mask;
      return read.mask !== 0;
    });
    this.reads.push({ mask, tick: ordering.now, who, scope });
    return race ? 'read-after-write' : undefined;
  }

  /** `scope` 0 is a plain store; atomics and other strong writes carry theirs. */
  write(mask: number, scope: Scope, ordering: Ordering, warp: number, lane: number): RaceKind | undefined {
    let race: RaceKind | undefined;
    const who = ordering.who(warp, lane);
    const settle = (kind: RaceKind) => (access: Access) => {
      if ((access.mask & mask) === 0) return true;
      // Strong accesses stay beside each other, one a thread: a later plain access must come after all of them.
      if (isMorallyStrong(access, scope, ordering)) {
        if (access.who === who) access.mask &= ~mask;
        return access.mask !== 0;
      }
      if (!ordering.ordered(access.tick, access.who, warp, lane)) race ??= kind;
      access.mask &= ~mask;
      return access.mask !== 0;
    };
    this.writes = this.writes.filter(settle('write-after-write'));
    this.reads = this.reads.filter(settle('write-after-read'));
    this.writes.push({ mask, tick: ordering.now, who, scope });
    this.initialised |= mask;
    return race;
  }
}

/** Both strong, with scopes that include each other's thread (PTX ISA 8.7). */
function isMorallyStrong(access: Access, scope: Scope, { cta }: Ordering): boolean {
  if (access.scope === 0 || scope === 0) return false;
  return access.who >>> 10 === cta || Math.min(access.scope, scope) >= 2;
}
