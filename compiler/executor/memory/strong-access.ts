import type { Scope } from './ordering.ts';

/** What a strong access does, as its modifiers say. */
export interface StrongAccess {
  readonly reads: boolean;
  readonly writes: boolean;
  /** The value read is used, so what was read comes before what follows. */
  readonly observes: boolean;
  readonly scope: Scope;
  readonly acquires: boolean;
  readonly releases: boolean;
}
