import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { assert } from '../support/assert.ts';
import { createLimiter } from '../support/create-limiter.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result } from '../support/result.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { createBuildContext, workRoot } from './build-context.ts';
import { type BuiltKernel, buildKernel } from './build-kernel.ts';
import type { Toolchain } from './find-toolchain.ts';
import { createKernelCache } from './kernel-cache.ts';
import type { KernelSource } from './kernel-source.ts';
import { readTimeout } from './read-timeout.ts';
import { toolFault } from './tool-fault.ts';

export interface BuildOptions {
  readonly env: Environment;
  readonly signal?: AbortSignal;
  /** Compilers at once; the default follows cores and free memory. */
  readonly jobs?: number;
  readonly timeoutMs?: number;
  readonly onProgress?: (progress: BuildProgress) => void;
  /** Each command before it starts, for QUIKC_DEBUG. */
  readonly onCommand?: (command: readonly string[]) => void;
}

export interface BuildProgress {
  readonly id: string;
  readonly outcome: 'cached' | 'built' | 'failed';
  readonly done: number;
  readonly total: number;
}

export interface BuildReport {
  readonly built: readonly BuiltKernel[];
  readonly failed: readonly { readonly id: string; readonly diagnostics: readonly Diagnostic[] }[];
  /** About the build as a whole, e.g. a cache that cannot be written. Each is there once. */
  readonly warnings: readonly Diagnostic[];
}

const defaultTimeoutMs = 120_000;
/** nvcc's cicc took 100 MB on the kernels at hand; a large unrolled one takes more. */
const memoryPerJob = 300 * 1024 ** 2;

/**
 * Builds every kernel that the cache does not have, in parallel, and gates each. One failure does not stop the rest, save
 * that of a compiler that does not end: it would not end for the others either, one after the other.
 */
export async function buildKernels(
  sources: readonly KernelSource[],
  toolchain: Toolchain,
  options: BuildOptions,
): Promise<BuildReport> {
  const { env, onCommand, onProgress } = options;
  const hung = new AbortController();
  const signal = AbortSignal.any([hung.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const limiter = createLimiter(options.jobs ?? defaultJobs());
  const timeout = readTimeout(env);
  assert(timeout.ok, 'findToolchain refuses a QUIKC_BUILD_TIMEOUT that is no time');
  const timeoutMs = options.timeoutMs ?? timeout.value ?? defaultTimeoutMs;
  const context = createBuildContext({ toolchain, env, limiter, timeoutMs, signal, onCommand });
  const cache = createKernelCache(quikcCacheRoot(env), toolchain);
  const work = createWorkFolders(env);
  const warnings = new Map<string, Diagnostic>();
  const warn = (warning: Diagnostic) => warnings.set(warning.code, warning);
  let done = 0;
  try {
    const outcomes = await Promise.all(
      sources.map(async (source) => {
        assert(/^\w+$/.test(source.id), `a kernel id is a plain word, not ${JSON.stringify(source.id)}`);
        const result = await guarded(() =>
          buildKernel(source, { context, cache, warn, folderFor: work.folderFor }),
        );
        if (!result.ok && result.error.some(({ code }) => code === 'QK622')) hung.abort();
        done += 1;
        const outcome = result.ok ? result.value.origin : 'failed';
        onProgress?.({ id: source.id, outcome, done, total: sources.length });
        return { id: source.id, result };
      }),
    );
    return {
      built: outcomes.flatMap(({ result }) => (result.ok ? [result.value] : [])),
      failed: outcomes.flatMap(({ id, result }) => {
        const wasStopped = !result.ok && hung.signal.aborted && result.error.every(isInterruption);
        return result.ok || wasStopped ? [] : [{ id, diagnostics: result.error }];
      }),
      warnings: [...warnings.values()],
    };
  } finally {
    work.remove();
  }
}

function isInterruption({ code }: Diagnostic): boolean {
  return code === 'QK616';
}

function defaultJobs(): number {
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(freemem(), constrained) : freemem();
  return Math.max(1, Math.min(availableParallelism(), Math.floor(memory / memoryPerJob)));
}

/** Folders for the compilers to work in, made when the first kernel misses the cache. */
function createWorkFolders(env: Environment) {
  let root: string | undefined;
  let count = 0;
  return {
    folderFor(id: string): string {
      if (root === undefined) {
        sweepScratchFolders(workRoot(env));
        root = makeScratchFolder(workRoot(env), 'build');
      }
      count += 1;
      const folder = join(root, `${count}-${id}`);
      mkdirSync(folder);
      return folder;
    },
    remove() {
      if (root !== undefined) rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A full or read-only disk is the user's to mend, not a crash. */
async function guarded<T>(
  task: () => Promise<Result<T, readonly Diagnostic[]>>,
): Promise<Result<T, readonly Diagnostic[]>> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return fail([toolFault.cannotWriteTemporary(error)]);
    throw error;
  }
}
