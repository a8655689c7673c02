import { type Bundle, readBundle } from './read-bundle.ts';

/** The bundle at `folder` if it is whole and was made of exactly these inputs. */
export function reuseBundle(folder: string, inputDigest: string): Bundle | undefined {
  const read = readBundle(folder);
  if (!read.ok) return undefined; // absent, altered or old: it is made again
  return read.value.manifest.provenance.inputDigest === inputDigest ? read.value : undefined;
}
