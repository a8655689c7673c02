import { Knowledge, mergeKnowledge } from './knowledge.ts';

/** Scopes of strong operations (PTX ISA 8.5); `plain` is a weak access. */
export type Scope = 0 | 1 | 2 | 3;
export const SCOPE: { readonly plain: 0; readonly cta: 1; readonly gpu: 2; readonly sys: 3 } = {
  plain: 0,
  cta: 1,
  gpu: 2,
  sys: 3,
};

/** What a strong write offers to whoever reads it. */
interface Offer {
  readonly known: Knowledge;
  readonly cta: number;
  readonly scope: Scope;
}

interface Published {
  /** Received by an acquiring read, or a fence after the read. */
  readonly release: Set<Offer>;
  /** Received by any fence.sc downstream of the read. */
  readonly sequential: Set<Offer>;
}

/** What one lane (or each lane of a warp that fenced as one) knew at its last fence. */
interface Fence {
  readonly base: Knowledge;
  readonly lane: Knowledge | undefined;
  readonly tick: number;
  readonly scope: Scope;
  readonly sequential: boolean;
  /** All of it as one knowledge, made when first wanted. */
  known: Knowledge | undefined;
}

/** What threads bring to a barrier. */
export class Meeting {
  readonly known = new Knowledge();
  /** Fenced by fence.sc in their past, and offered to their fence.sc by what they have read. */
  readonly fenced: Knowledge[] = [];
  readonly offered = new Set<Offer>();
}

/**
 * Happens-before of one launch (PTX ISA 8: memory consistency model).
 *
 * - A barrier of the whole CTA orders everything in it: `floor` is the tick of the last one, the fast path of every
 *   check. Named barriers and bar.warp.sync join the knowledge of those that take part. Lanes of a warp are otherwise
 *   unordered: shfl, vote, mma and ldmatrix synchronise execution, not memory.
 * - fence, then a strong write: releases what the thread knew at the fence (8.8). A strong read, then a fence:
 *   acquires. `.release` / `.acquire` operations do both in one. Between CTAs every part needs scope gpu or sys.
 * - fence.sc (membar.gl is one) also orders through barriers: what was fenced by fence.sc anywhere in a thread's
 *   causal past is offered by its strong writes, and received by any later fence.sc downstream of the read, because
 *   the opposite Fence-SC order would contradict the observation. Two fence.sc with no observation between them give
 *   no order here: the order they happen to have in this run is not the program's.
 *
 * Masks of -1 are whole warps; they are kept as one entry, not 32.
 */
export class Ordering {
  /** Ticks: `now` stamps accesses; everything of the current CTA up to `floor` is ordered before everything after. */
  now: number;
  floor = 0;
  /** The CTA by its place in the order of execution: unlike its index in the grid, it leaves room for threads in 32 bits. */
  cta = 0;
  private readonly indices: number[] = [];
  /** Tick before the launch: anything stamped so early is the host's or an earlier launch's. */
  launchTick = 0;
  /** Known to every thread of the CTA, beyond `floor`; and to every lane of a warp; and to a thread. */
  private ctaKnown = new Knowledge();
  private warpKnown: (Knowledge | undefined)[] = [];
  private laneKnown: (Knowledge | undefined)[] = [];
  /** Last fence of each thread, of CTA scope and of a wider one. */
  private narrowFence: (Fence | undefined)[] = [];
  private wideFence: (Fence | undefined)[] = [];
  /** fence.sc of a whole warp, and what has come by way of barriers. */
  private warpFence: (Knowledge | undefined)[] = [];
  private warpFenced: (Knowledge | undefined)[] = [];
  private ctaFenced: Knowledge | undefined;
  private acquirable: (Set<Offer> | undefined)[] = [];
  private offeredToLane: (Set<Offer> | undefined)[] = [];
  private offeredToWarp: (Set<Offer> | undefined)[] = [];
  private offeredToCta = new Set<Offer>();
  private readonly published = new Map<number, Published>();

  /** `clock`: the first tick that earlier launches on the same memory have not used. */
  constructor(clock: number) {
    this.now = clock;
  }

  startLaunch(): void {
    this.launchTick = this.now;
    this.now += 1;
  }

  /** `index`: linear, in the grid. */
  startCta(index: number): void {
    this.cta = this.indices.length;
    this.indices.push(index);
    this.floor = this.now;
    this.now += 1;
    this.ctaKnown = new Knowledge();
    this.warpKnown = [];
    this.laneKnown = [];
    this.narrowFence = [];
    this.wideFence = [];
    this.warpFence = [];
    this.warpFenced = [];
    this.ctaFenced = undefined;
    this.acquirable = [];
    this.offeredToLane = [];
    this.offeredToWarp = [];
    this.offeredToCta = new Set();
  }

  /** A thread by name: the linear index of its CTA in the grid, and its own in the CTA. */
  nameOf(who: number): string {
    return `thread ${who & 1023} of CTA ${this.indices[who >>> 10] ?? '?'}`;
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

  /** Every thread of the CTA waits here: all they did and know is known to all. */
  fullBarrier(warps: number): void {
    for (const known of this.warpKnown) if (known !== undefined) this.ctaKnown.join(known);
    for (const known of this.laneKnown) if (known !== undefined) this.ctaKnown.join(known);
    const fenced = Array.from({ length: warps }, (_, warp) => this.fencedBy(warp, -1)).flat();
    if (fenced.length > 0) this.ctaFenced = mergeKnowledge(this.ctaFenced, fenced);
    for (const offers of [...this.offeredToWarp, ...this.offeredToLane]) {
      for (const offer of offers ?? []) this.offeredToCta.add(offer);
    }
    this.warpKnown = [];
    this.laneKnown = [];
    this.warpFenced = [];
    this.offeredToLane = [];
    this.offeredToWarp = [];
    this.floor = this.now;
    this.now += 1;
  }

  /** bar.arrive: what these lanes know now goes into the meeting; what they do next does not. */
  arrive(meeting: Meeting, warp: number, mask: number): void {
    this.bring(meeting, warp, mask);
    this.now += 1;
  }

  /** Lanes of `waiting` (mask per warp) have met each other, and those that brought something before. */
  partialBarrier(meeting: Meeting, waiting: ReadonlyMap<number, number>): void {
    for (const [warp, mask] of waiting) this.bring(meeting, warp, mask);
    for (const [warp, mask] of waiting) {
      if (mask === -1) this.warpKnown[warp] = mergeKnowledge(this.warpKnown[warp], [meeting.known]);
      else for (const thread of threadsOf(warp, mask)) this.learn(thread, meeting.known);
      if (meeting.fenced.length > 0)
        this.warpFenced[warp] = mergeKnowledge(this.warpFenced[warp], meeting.fenced);
      if (meeting.offered.size > 0)
        this.offeredToWarp[warp] = new Set([...(this.offeredToWarp[warp] ?? []), ...meeting.offered]);
    }
    this.now += 1;
  }

  /** bar.warp.sync: memory order among the lanes of `mask`. */
  warpSync(warp: number, mask: number): void {
    this.partialBarrier(new Meeting(), new Map([[warp, mask]]));
  }

  private bring(meeting: Meeting, warp: number, mask: number): void {
    const own = this.warpKnown[warp];
    if (own !== undefined) meeting.known.join(own);
    for (const thread of threadsOf(warp, mask)) {
      const known = this.laneKnown[thread];
      if (known !== undefined) meeting.known.join(known);
      if (mask !== -1) meeting.known.noteThread(this.cta * 1024 + thread, this.now);
      for (const offer of this.offeredToLane[thread] ?? []) meeting.offered.add(offer);
    }
    if (mask === -1) meeting.known.noteWarp(this.cta * 32 + warp, this.now);
    for (const offer of this.offeredToWarp[warp] ?? []) meeting.offered.add(offer);
    meeting.fenced.push(...this.fencedBy(warp, mask));
  }

  /** What fence.sc of these lanes has fenced, or has reached their warp. */
  private fencedBy(warp: number, mask: number): Knowledge[] {
    const inherited = this.warpFenced[warp];
    const fenced = inherited === undefined ? [] : [inherited];
    const whole = this.warpFence[warp];
    if (whole !== undefined && mask === -1) return [...fenced, whole];
    for (const thread of threadsOf(warp, mask)) {
      const fence = this.wideFence[thread];
      if (fence?.sequential === true) fenced.push(this.materialise(fence, thread));
    }
    return fenced;
  }

  private materialise(fence: Fence, thread: number): Knowledge {
    if (fence.known !== undefined) return fence.known;
    const known = mergeKnowledge(fence.base, fence.lane === undefined ? [] : [fence.lane]);
    known.noteThread(this.cta * 1024 + thread, fence.tick);
    fence.known = known;
    return known;
  }

  private learn(thread: number, what: Knowledge): void {
    const known = this.laneKnown[thread] ?? new Knowledge();
    known.join(what);
    this.laneKnown[thread] = known;
  }

  /** Whether an offer crosses to this CTA at this scope. */
  private reaches(offer: Offer, scope: Scope): boolean {
    return offer.cta === this.cta || Math.min(offer.scope, scope) >= SCOPE.gpu;
  }

  /** All that every lane of `warp` knows at this moment, by way of barriers. */
  private common(warp: number): Knowledge {
    const ofWarp = this.warpKnown[warp];
    const known = mergeKnowledge(this.ctaKnown, ofWarp === undefined ? [] : [ofWarp]);
    known.noteCta(this.cta, this.floor);
    return known;
  }

  fence(warp: number, mask: number, scope: Scope, isSequential: boolean): void {
    const threads = threadsOf(warp, mask);
    // Inside a CTA a fence.sc orders no more than the barriers do.
    const sequential = isSequential && scope >= SCOPE.gpu;
    if (sequential) this.receiveSequential(warp, mask);
    for (const thread of threads) {
      for (const offer of this.acquirable[thread] ?? [])
        if (this.reaches(offer, scope)) this.learn(thread, offer.known);
    }
    const base = this.common(warp);
    for (const thread of threads) {
      const lane = this.laneKnown[thread];
      const copy = lane === undefined ? undefined : mergeKnowledge(lane, []);
      const fence = { base, lane: copy, tick: this.now, scope, sequential, known: undefined };
      if (scope >= SCOPE.gpu) this.wideFence[thread] = fence;
      else this.narrowFence[thread] = fence;
    }
    if (sequential && mask === -1) {
      const lanes = threads.flatMap((thread) => this.laneKnown[thread] ?? []);
      const all = mergeKnowledge(base, lanes);
      all.noteWarp(this.cta * 32 + warp, this.now);
      this.warpFence[warp] = all;
    } else if (sequential) this.warpFence[warp] = undefined;
    this.now += 1;
  }

  /** A fence.sc takes up what strong reads in its causal past were offered. */
  private receiveSequential(warp: number, mask: number): void {
    const shared = [...this.offeredToCta, ...(this.offeredToWarp[warp] ?? [])].map(({ known }) => known);
    if (mask === -1 && shared.length > 0) this.warpKnown[warp] = mergeKnowledge(this.warpKnown[warp], shared);
    for (const thread of threadsOf(warp, mask)) {
      if (mask !== -1) for (const known of shared) this.learn(thread, known);
      for (const { known } of this.offeredToLane[thread] ?? []) this.learn(thread, known);
    }
  }

  /** A strong write. That of an atomic (`isUpdate`) also carries on what was published there. */
  strongWrite(
    key: number,
    warp: number,
    lane: number,
    scope: Scope,
    releases: boolean,
    isUpdate: boolean,
  ): void {
    const { cta } = this;
    const thread = warp * 32 + lane;
    const wide = this.wideFence[thread];
    const narrow = this.narrowFence[thread];
    const ofWarp = this.warpFenced[warp];
    const hasFence = wide !== undefined || narrow !== undefined;
    if (!hasFence && !releases && this.ctaFenced === undefined && ofWarp === undefined) {
      if (!isUpdate && this.published.size > 0) this.published.delete(key);
      return;
    }
    const before = isUpdate ? this.published.get(key) : undefined;
    const entry: Published = before ?? { release: new Set(), sequential: new Set() };
    for (const fence of [narrow, wide]) {
      if (fence === undefined) continue;
      const known = this.materialise(fence, thread);
      entry.release.add({ known, cta, scope: fence.scope < scope ? fence.scope : scope });
      if (fence.sequential) entry.sequential.add({ known, cta, scope });
    }
    for (const known of [this.ctaFenced, ofWarp])
      if (known !== undefined) entry.sequential.add({ known, cta, scope });
    if (releases) {
      const own = this.laneKnown[thread];
      const known = mergeKnowledge(this.common(warp), own === undefined ? [] : [own]);
      known.noteThread(cta * 1024 + thread, this.now);
      entry.release.add({ known, cta, scope });
    }
    this.published.set(key, entry);
    this.now += 1;
  }

  /**
   * (warp, lane) has read what these strong writes left: they come before whatever it does next (causality by
   * observation, 8.9.5), though nothing else their threads did does.
   */
  observe(warp: number, lane: number, ticks: readonly number[]): void {
    if (ticks.length === 0) return;
    const thread = warp * 32 + lane;
    const known = this.laneKnown[thread] ?? new Knowledge();
    for (const tick of ticks) known.noteWrite(tick);
    this.laneKnown[thread] = known;
  }

  /** A strong read (or the read of an atomic). */
  strongRead(key: number, warp: number, lane: number, scope: Scope, acquires: boolean): void {
    const entry = this.published.size === 0 ? undefined : this.published.get(key);
    if (entry === undefined) return;
    const thread = warp * 32 + lane;
    const acquirable = this.acquirable[thread] ?? new Set<Offer>();
    for (const offer of entry.release) {
      if (!this.reaches(offer, scope)) continue;
      acquirable.add(offer);
      if (acquires) this.learn(thread, offer.known);
    }
    this.acquirable[thread] = acquirable;
    const offered = this.offeredToLane[thread] ?? new Set<Offer>();
    for (const offer of entry.sequential) if (this.reaches(offer, scope)) offered.add(offer);
    this.offeredToLane[thread] = offered;
  }
}

function threadsOf(warp: number, mask: number): number[] {
  const out: number[] = [];
  for (let lane = 0; lane < 32; lane += 1) if ((mask >>> lane) & 1) out.push(warp * 32 + lane);
  return out;
}
