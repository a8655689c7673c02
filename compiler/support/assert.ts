/** A broken invariant of quikc itself (exit code 70), never a fault of the user's input. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** Throws {@link InternalError} unless `condition` holds. `claim` says what was expected to be true. */
export function assert(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new InternalError(`invariant broken: ${claim}`);
}

/** Closes an exhaustive switch: the compiler refuses a missing case, the run time names the stray value. */
export function unreachable(value: never): never {
  throw new InternalError(`invariant broken: unexpected value ${JSON.stringify(value)}`);
}
