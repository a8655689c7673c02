import { Knowledge } from './knowledge.ts';

/** Scopes of strong operations (PTX ISA 8.5); `plain` is a weak access. */
export type Scope = 0 | 1 | 2 | 3;
export const SCOPE: { readonly plain: 0; readonly cta: 1; readonly gpu: 2; readonly sys: 3 } = {
  plain: 0,
  cta: 1,
  gpu: 2,
  sys: 3,
};

/** What a strong write offers to whoever reads it: knowledge released outright, and knowledge behind a fence.sc. */
interface Released {
  readonly scope: Scope;
  readonly release: Set<Knowledge>;
  readonly sequential: Set<Knowledge>;
}

/** What one lane (or each lane of a warp that fenced as one) knew at its last fence. */
interface Fence {
  readonly base: Knowledge;
  readonly lane: Knowledge | undefined;
  readonly tick: number;
  readonly scope: Scope;
  readonly sequential: boolean;
}

/**
 * Happens-before of one launch (PTX ISA 8: memory consistency model).
 *
 * - A barrier of the whole CTA orders everything in it: `floor` is the tick of the last one, the fast path of every
 *   check. Named barriers and bar.warp.sync join the knowledge of those that take part. Lanes of a warp are otherwise
 *   unordered: shfl, vote, mma and ldmatrix synchronise execution, not memory.
 * - fence, then a strong write: releases what the thread knew at the fence (8.8.1). A strong read, then a fence:
 *   acquires. `.release` / `.acquire` operations do both in one.
 * - fence.sc (membar.gl is one) also orders through barriers: what was fenced by fence.sc anywhere in a thread's
 *   causal past is offered by its strong writes, and received by any later fence.sc downstream of the read, because
 *   the opposite Fence-SC order would contradict the observation. Two fence.sc with no observation between them give
 *   no order here: the order they happen to have in this run is not the program's.
 */
export class Ordering {
  /** Ticks: `now` stamps accesses; everything of the current CTA up to `floor` is ordered before everything after. */
  now: number;
  floor = 0;
  cta = 0;
  /** Tick before the launch: anything stamped so early is the host's or an earlier launch's. */
  launchTick = 0;
  /** Known to every thread of the CTA, beyond `floor`. */
  private ctaKnown = new Knowledge();
  private warpKnown: (Knowledge | undefined)[] = [];
  private laneKnown: (Knowledge | undefined)[] = [];
  private laneFence: (Fence | undefined)[] = [];
  private pendingAcquire: (Set<Knowledge> | undefined)[] = [];
  private pendingSequential: (Set<Knowledge> | undefined)[] = [];
  private warpSequential: (Knowledge | undefined)[] = [];
  private ctaSequential: Knowledge | undefined;
  private ctaPendingSequential: Knowledge | undefined;
  private readonly published = new Map<string, Released>();

  /** `clock`: the first tick that earlier launches on the same memory have not used. */
  constructor(clock: number) {
    this.now = clock;
  }

  startLaunch(): void {
    this.launchTick = this.now;
    this.now += 1;
    this.published.clear();
  }

  startCta(cta: number): void {
    this.cta = cta;
    this.floor = this.now;
    this.now += 1;
    this.ctaKnown = new Knowledge();
    this.warpKnown = [];
    this.laneKnown = [];
    this.laneFence = [];
    this.pendingAcquire = [];
    this.pendingSequential = [];
    this.warpSequential = [];
    this.ctaSequential = undefined;
    this.ctaPendingSequential = undefined;
  }

  who(warp: number, lane: number): number {
    return this.cta * 1024 + warp * 32 + lane;
  }

  /** Whether an access by `who` at `tick` happened before what thread (warp, lane) does now. */
  ordered(tick: number, who: number, warp: number, lane: number): boolean {
    if (tick <= this.launchTick) return true;
    const thread = warp * 32 + lane;
    if (who === this.cta * 1024 + thread) return true;
    if (who >>> 10 === this.cta && tick <= this.floor) return true;
    return (
      this.ctaKnown.covers(who, tick) ||
      this.warpKnown[warp]?.covers(who, tick) === true ||
      this.laneKnown[thread]?.covers(who, tick) === true
    );
  }

  private lanes(warp: number, mask: number): number[] {
    const out: number[] = [];
    for (let lane = 0; lane < 32; lane += 1) if ((mask >>> lane) & 1) out.push(warp * 32 + lane);
    return out;
  }

  /** Every thread of the CTA has arrived: all they did and know is known to all. */
  fullBarrier(warps: number): void {
    for (let warp = 0; warp < warps; warp += 1) {
      const known = this.warpKnown[warp];
      if (known !== undefined) this.ctaKnown.join(known);
    }
    for (const known of this.laneKnown) if (known !== undefined) this.ctaKnown.join(known);
    this.shareSequential();
    this.warpKnown = [];
    this.laneKnown = [];
    this.floor = this.now;
    this.now += 1;
  }

  /** What fence.sc has fenced, or has been offered, goes through barriers. Kept per CTA: exact for whole-CTA barriers. */
  private shareSequential(): void {
    const fenced = this.warpSequential.filter((known) => known !== undefined);
    for (const [thread, fence] of this.laneFence.entries()) {
      if (fence?.sequential === true && this.warpSequential[thread >>> 5] === undefined)
        fenced.push(this.materialise(fence, thread));
    }
    if (fenced.length > 0) this.ctaSequential = merge(this.ctaSequential, fenced);
    const offered = this.pendingSequential.flatMap((pending) => [...(pending ?? [])]);
    if (offered.length > 0) this.ctaPendingSequential = merge(this.ctaPendingSequential, offered);
    this.pendingSequential = [];
  }

  private materialise(fence: Fence, thread: number): Knowledge {
    const known = merge(fence.base, fence.lane === undefined ? [] : [fence.lane]);
    known.noteThread(this.cta * 1024 + thread, fence.tick);
    return known;
  }

  /** bar.arrive: what these lanes know now goes into `met`; what they do next does not. */
  arrive(met: Knowledge, warp: number, mask: number): void {
    this.gather(met, warp, mask);
    this.now += 1;
  }

  /** Lanes of `waiting` (mask per warp) have met, and those whose knowledge `met` already holds. */
  partialBarrier(met: Knowledge, waiting: ReadonlyMap<number, number>): void {
    for (const [warp, mask] of waiting) this.gather(met, warp, mask);
    this.shareSequential();
    for (const [warp, mask] of waiting) {
      if (mask === -1) {
        const known = this.warpKnown[warp] ?? new Knowledge();
        known.join(met);
        this.warpKnown[warp] = known;
      } else for (const thread of this.lanes(warp, mask)) this.learn(thread, met);
    }
    this.now += 1;
  }

  private gather(into: Knowledge, warp: number, mask: number): void {
    const own = this.warpKnown[warp];
    if (own !== undefined) into.join(own);
    for (const thread of this.lanes(warp, mask)) {
      const known = this.laneKnown[thread];
      if (known !== undefined) into.join(known);
      if (mask !== -1) into.noteThread(this.cta * 1024 + thread, this.now);
    }
    if (mask === -1) into.noteWarp(this.cta * 32 + warp, this.now);
  }

  private learn(thread: number, what: Knowledge): void {
    const known = this.laneKnown[thread] ?? new Knowledge();
    known.join(what);
    this.laneKnown[thread] = known;
  }

  /** bar.warp.sync: memory order among the lanes of `mask`. */
  warpSync(warp: number, mask: number): void {
    this.partialBarrier(new Knowledge(), new Map([[warp, mask]]));
  }

  /** All that every lane of `warp` knows at this moment, by way of barriers. */
  private common(warp: number): Knowledge {
    const known = merge(this.ctaKnown, []);
    known.noteCta(this.cta, this.floor);
    const ofWarp = this.warpKnown[warp];
    if (ofWarp !== undefined) known.join(ofWarp);
    return known;
  }

  fence(warp: number, mask: number, scope: Scope, sequential: boolean): void {
    const threads = this.lanes(warp, mask);
    for (const thread of threads)
      for (const known of this.pendingAcquire[thread] ?? []) this.learn(thread, known);
    if (sequential) {
      const offered = this.ctaPendingSequential;
      if (offered !== undefined && mask === -1) {
        this.warpKnown[warp] = merge(this.warpKnown[warp], [offered]);
      } else if (offered !== undefined) for (const thread of threads) this.learn(thread, offered);
      for (const thread of threads)
        for (const known of this.pendingSequential[thread] ?? []) this.learn(thread, known);
    }
    const base = this.common(warp);
    for (const thread of threads) {
      const before = this.laneFence[thread];
      // A narrower fence does not weaken what a wider one released before.
      if (before !== undefined && before.scope > scope) continue;
      const lane = this.laneKnown[thread];
      this.laneFence[thread] = {
        base,
        lane: lane === undefined ? undefined : merge(lane, []),
        tick: this.now,
        scope,
        sequential,
      };
    }
    if (sequential && mask === -1) {
      const all = merge(
        base,
        threads.flatMap((thread) => this.laneKnown[thread] ?? []),
      );
      all.noteWarp(this.cta * 32 + warp, this.now);
      this.warpSequential[warp] = all;
    }
    this.now += 1;
  }

  /** A strong write (or the write of an atomic, which also carries on what was there). */
  strongWrite(
    key: string,
    warp: number,
    lane: number,
    scope: Scope,
    releases: boolean,
    isUpdate: boolean,
  ): void {
    const thread = warp * 32 + lane;
    const fence = this.laneFence[thread];
    const before = this.published.get(key);
    if (fence === undefined && !releases && this.ctaSequential === undefined) {
      if (!isUpdate) this.published.delete(key);
      return;
    }
    const continues = isUpdate && before !== undefined;
    const entry: Released = continues ? before : { scope, release: new Set(), sequential: new Set() };
    if (fence !== undefined) {
      const known = this.materialise(fence, thread);
      entry.release.add(known);
      if (fence.sequential) entry.sequential.add(known);
    }
    if (this.ctaSequential !== undefined) entry.sequential.add(this.ctaSequential);
    if (releases) {
      const known = merge(this.common(warp), [this.laneKnown[thread] ?? new Knowledge()]);
      known.noteThread(this.cta * 1024 + thread, this.now);
      entry.release.add(known);
    }
    this.published.set(key, entry);
    this.now += 1;
  }

  /**
   * (warp, lane) has read what these strong writes left: they come before whatever it does next (causality by
   * observation, 8.9.5), though nothing else their threads did does.
   */
  observe(warp: number, lane: number, ticks: readonly number[]): void {
    const thread = warp * 32 + lane;
    const known = this.laneKnown[thread] ?? new Knowledge();
    for (const tick of ticks) known.noteWrite(tick);
    this.laneKnown[thread] = known;
  }

  /** A strong read (or the read of an atomic). */
  strongRead(key: string, warp: number, lane: number, acquires: boolean): void {
    const entry = this.published.get(key);
    if (entry === undefined) return;
    const thread = warp * 32 + lane;
    if (acquires) for (const known of entry.release) this.learn(thread, known);
    const pending = this.pendingAcquire[thread] ?? new Set<Knowledge>();
    for (const known of entry.release) pending.add(known);
    this.pendingAcquire[thread] = pending;
    const sequential = this.pendingSequential[thread] ?? new Set<Knowledge>();
    for (const known of entry.sequential) sequential.add(known);
    this.pendingSequential[thread] = sequential;
  }
}

function merge(first: Knowledge | undefined, others: readonly Knowledge[]): Knowledge {
  const merged = new Knowledge();
  if (first !== undefined) merged.join(first);
  for (const other of others) merged.join(other);
  return merged;
}
