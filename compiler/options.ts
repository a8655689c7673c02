// What a run of quikc was told by its surroundings. Nothing else reads process.env: stages get values.
import type { Environment } from './support/quikc-cache-root.ts';

/** 0 nothing, 1 stages, times and a crash's stack, 5 commands too; 2 to 4 add nothing to 1. */
export type DebugLevel = 0 | 1 | 2 | 3 | 4 | 5;

export interface Surroundings {
  readonly env: Environment;
  readonly debug: DebugLevel;
  /** Whether each stream takes ANSI colours: a terminal, and NO_COLOR unset. */
  readonly color: { readonly out: boolean; readonly err: boolean };
}

export function readSurroundings(): Surroundings {
  const env: Environment = process.env;
  const allowed = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return {
    env,
    debug: readDebugLevel(env['QUIKC_DEBUG']),
    color: { out: allowed && process.stdout.isTTY === true, err: allowed && process.stderr.isTTY === true },
  };
}

/** Anything but 1…5 is 0: a debug variable must never make a build fail. */
export function readDebugLevel(text: string | undefined): DebugLevel {
  const levels: readonly DebugLevel[] = [1, 2, 3, 4, 5];
  return levels.find((level) => `${level}` === text) ?? 0;
}
