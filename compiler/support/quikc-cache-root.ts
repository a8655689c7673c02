import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The variables of the environment that a function reads; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where quikc keeps what it can make again: QUIKC_CACHE, else XDG_CACHE_HOME/quikc, else ~/.cache/quikc. */
export function quikcCacheRoot(env: Environment): string {
  if (env['QUIKC_CACHE']) return resolve(env['QUIKC_CACHE']);
  if (env['XDG_CACHE_HOME']) return resolve(env['XDG_CACHE_HOME'], 'quikc');
  return join(env['HOME'] || homedir(), '.cache', 'quikc');
}
