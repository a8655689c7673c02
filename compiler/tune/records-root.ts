import { join, resolve } from 'node:path';
import { packageRoot } from '../support/package-root.ts';
import { type Environment, quikcCacheRoot } from '../support/quikc-cache-root.ts';

/** Where records lie: in a folder that the user names, else in quikc's cache. */
export function recordsRoot(env: Environment, named: string | undefined): string {
  return named === undefined ? join(quikcCacheRoot(env), 'tuned') : resolve(named);
}

/** Records that come with quikc: of the GPUs for which its targets are modelled. */
export function shippedRecordsRoot(): string {
  return join(packageRoot(), 'targets', 'tuned');
}
