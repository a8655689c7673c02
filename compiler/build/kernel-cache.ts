import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { hashValue } from '../support/hash.ts';
import { type FolderFiles, publishSealedFolder, readSealedFolder } from '../support/sealed-folder.ts';
import { ptxasFlags } from './assemble-cubin.ts';
import { nvccFlags } from './compile-ptx.ts';
import type { Toolchain } from './find-toolchain.ts';
import type { KernelSource } from './kernel-source.ts';
import { toolFault } from './tool-fault.ts';

/** Raise it when the same inputs give other files, e.g. after a change to normalise-ptx.ts. */
const builderVersion = 2;

/** Compiled kernels on disk, under a digest of everything that made them. An entry that is not whole is no entry. */
export interface KernelCache {
  read(source: KernelSource): FolderFiles | undefined;
  /** A warning if the entry could not be kept; the build itself is none the worse. */
  write(source: KernelSource, files: FolderFiles): Diagnostic | undefined;
}

export function createKernelCache(root: string, toolchain: Toolchain): KernelCache {
  function folderOf(source: KernelSource): string {
    const { id, text, virtualArch, realArchs } = source;
    const { identity } = toolchain;
    const key = hashValue({
      id,
      text,
      virtualArch,
      realArchs,
      nvccFlags,
      ptxasFlags,
      identity,
      builderVersion,
    });
    return join(root, 'kernels', key.slice(0, 2), key);
  }
  return {
    read: (source) => readSealedFolder(folderOf(source)),
    write(source, files) {
      try {
        publishSealedFolder(folderOf(source), join(root, 'tmp'), files);
        return undefined;
      } catch (error) {
        return toolFault.cacheNotWritten(root, error);
      }
    },
  };
}
