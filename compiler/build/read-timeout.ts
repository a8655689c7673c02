import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { toolFault } from './tool-fault.ts';

/** Node's timers end at 2^31 - 1 milliseconds. */
const mostSeconds = 2_000_000;

/**
 * Milliseconds that QUIKC_BUILD_TIMEOUT, in seconds, gives a compiler: for machines on which a kernel takes minutes.
 * Undefined where it is not set. Fails with QK617 where it is no time.
 */
export function readTimeout(env: Environment): Result<number | undefined, Diagnostic> {
  const text = env['QUIKC_BUILD_TIMEOUT'];
  if (text === undefined || text === '') return succeed(undefined);
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  return seconds > 0 && seconds <= mostSeconds
    ? succeed(Math.ceil(seconds * 1000))
    : fail(toolFault.badTimeout(text, mostSeconds));
}
