import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The modules that every package for browsers has alike, by name; part of quikc itself, so their absence is our bug. */
export function loadWebRuntime(folder: string): ReadonlyMap<string, Uint8Array> {
  const names = readdirSync(folder)
    .filter((name) => /\.(js|d\.ts)$/.test(name))
    .sort();
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
}
