import type { ManifestKernel } from '../../ir/manifest.ts';
import { assert } from '../support/assert.ts';
import type { Bundle } from './read-bundle.ts';

/** A kernel's files out of a bundle that was read; ptx and cubin only where it was built. */
export interface KernelFiles {
  readonly source: string;
  readonly ptx?: string;
  readonly cubin?: Uint8Array;
}

export function kernelFiles({ files }: Bundle, kernel: ManifestKernel): KernelFiles {
  const bytes = (path: string): Uint8Array => {
    const found = files.get(path);
    assert(found !== undefined, `readBundle checked that ${path} is there`);
    return found;
  };
  const text = (path: string) => Buffer.from(bytes(path)).toString('utf8');
  const { source, ptx, cubin } = kernel.files;
  return {
    source: text(source.path),
    ...(ptx === undefined ? {} : { ptx: text(ptx.path) }),
    ...(cubin === undefined ? {} : { cubin: bytes(cubin.path) }),
  };
}
