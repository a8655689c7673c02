import { setMaxListeners } from 'node:events';

/** What an action came to, or that the user ended it. */
export type Outcome<T> = { readonly interrupted: false; readonly value: T } | { readonly interrupted: true };

/** SIGHUP: the terminal was closed. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `action`, which Ctrl-C asks to stop in good order, be it by a value or by throwing the signal's reason; a second Ctrl-C ends
 * the process at once.
 */
export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<Outcome<T>> {
  const controller = new AbortController();
  // Every process that runs listens, and on a large machine there are more than the ten that Node thinks a leak.
  setMaxListeners(0, controller.signal);
  const stop = () => controller.abort();
  for (const name of signals) process.once(name, stop);
  try {
    const value = await action(controller.signal);
    return controller.signal.aborted ? { interrupted: true } : { interrupted: false, value };
  } catch (cause) {
    if (controller.signal.aborted && cause === controller.signal.reason) return { interrupted: true };
    throw cause;
  } finally {
    for (const name of signals) process.off(name, stop);
  }
}
