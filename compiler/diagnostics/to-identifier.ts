import { sha256 } from '../support/hash.ts';

/**
 * A name from a model as an identifier for C, CUDA, WGSL, file names and symbols: [A-Za-z0-9_] only, never empty,
 * never starting with a digit, at most `limit` characters. Where something had to be replaced or cut, eight hex
 * digits of the original's hash follow, so that two different names never become one.
 */
export function toIdentifier(name: string, limit = 64): string {
  const replaced = name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
  if (replaced === name && name.length > 0 && name.length <= limit) return name;
  return `${replaced.slice(0, limit - 9) || '_'}_${sha256(name).slice(0, 8)}`;
}
