/**
 * What a thread knows to have happened, as a sparse vector clock with three grains. A thread is numbered
 * `cta * 1024 + warp * 32 + lane`; ticks come from one counter of the launch that moves at every synchronisation.
 * An entry says: everything that thread (all threads of that warp, of that CTA) did up to this tick is known.
 */
export class Knowledge {
  private readonly ctas = new Map<number, number>();
  private readonly warps = new Map<number, number>();
  private readonly threads = new Map<number, number>();
  /** Ticks of single strong writes that were observed: they are known, what their thread did before is not. */
  private readonly observed = new Set<number>();

  covers(who: number, tick: number): boolean {
    return (
      (this.ctas.get(who >>> 10) ?? -1) >= tick ||
      (this.warps.get(who >>> 5) ?? -1) >= tick ||
      (this.threads.get(who) ?? -1) >= tick ||
      this.observed.has(tick)
    );
  }

  noteCta(cta: number, tick: number): void {
    raise(this.ctas, cta, tick);
  }

  noteWarp(warp: number, tick: number): void {
    raise(this.warps, warp, tick);
  }

  noteThread(thread: number, tick: number): void {
    raise(this.threads, thread, tick);
  }

  noteWrite(tick: number): void {
    this.observed.add(tick);
  }

  join(other: Knowledge): void {
    for (const [key, tick] of other.ctas) raise(this.ctas, key, tick);
    for (const [key, tick] of other.warps) raise(this.warps, key, tick);
    for (const [key, tick] of other.threads) raise(this.threads, key, tick);
    for (const tick of other.observed) this.observed.add(tick);
  }
}

function raise(map: Map<number, number>, key: number, tick: number): void {
  if ((map.get(key) ?? -1) < tick) map.set(key, tick);
}

/** A new knowledge that holds all of them. */
export function mergeKnowledge(first: Knowledge | undefined, others: readonly Knowledge[]): Knowledge {
  const merged = new Knowledge();
  if (first !== undefined) merged.join(first);
  for (const other of others) merged.join(other);
  return merged;
}
