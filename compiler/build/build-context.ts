import { tmpdir } from 'node:os';
import type { Limiter } from '../support/create-limiter.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { type ProcessOutcome, runProcess } from '../support/run-process.ts';
import type { Toolchain } from './find-toolchain.ts';

/** What the steps of one build share. */
export interface BuildContext {
  readonly toolchain: Toolchain;
  /** Runs a compiler in `folder`, in its turn. Urgent runs overtake: they finish a kernel that is half done. */
  run(program: string, folder: string, args: readonly string[], priority?: 'urgent'): Promise<ProcessOutcome>;
}

export interface ContextOptions {
  readonly toolchain: Toolchain;
  readonly env: Environment;
  readonly limiter: Limiter;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onCommand?: ((command: readonly string[]) => void) | undefined;
}

export function createBuildContext(options: ContextOptions): BuildContext {
  const { toolchain, limiter, timeoutMs, signal } = options;
  return {
    toolchain,
    run(program, folder, args, priority) {
      return limiter.run(() => {
        options.onCommand?.([program, ...args]);
        const env = compilerEnvironment(options.env, folder);
        return runProcess({ file: program, args, cwd: folder, env, timeoutMs, signal });
      }, priority);
    },
  };
}

/**
 * Only what the compilers need: NVCC_APPEND_FLAGS, CPATH and the like would change the output behind the cache's
 * back. Temporary files go into the kernel's own folder, so that a killed nvcc leaves none elsewhere; English
 * messages, because they are parsed.
 */
function compilerEnvironment(env: Environment, folder: string): Environment {
  return {
    PATH: env['PATH'],
    HOME: env['HOME'],
    LD_LIBRARY_PATH: env['LD_LIBRARY_PATH'],
    TMPDIR: folder,
    LC_ALL: 'C',
  };
}

/** Where compilers work: not in the cache, which may be on a slow or read-only disk. */
export function workRoot(env: Environment): string {
  return env['TMPDIR'] || tmpdir();
}
