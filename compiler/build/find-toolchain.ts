import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { findOnPath, isExecutableFile } from '../support/find-on-path.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { isInstalled } from './install-toolchain.ts';
import { readTimeout } from './read-timeout.ts';
import { toolFault } from './tool-fault.ts';
import { identifyTools } from './toolchain-identity.ts';
import { toolchainFolder, toolkitInWheels } from './toolchain-wheels.ts';

/** The compilers that build kernels, found and identified. */
export interface Toolchain {
  /** Real path: nvcc finds its headers beside itself and fails when called through a link. */
  readonly nvcc: string;
  readonly ptxas: string;
  /** E.g. "13.0.88". */
  readonly version: string;
  /** Digest over version and contents of nvcc, cicc, ptxas, libdevice and the FP16 headers: part of every cache key. */
  readonly identity: string;
  readonly source: ToolchainSource;
}

export type ToolchainSource =
  | '--nvcc'
  | 'QUIKC_NVCC'
  | "quikc's cache"
  | 'CUDA_HOME'
  | 'PATH'
  | '/usr/local/cuda';

export interface FindOptions {
  /** The value of `--nvcc`. */
  readonly nvcc?: string | undefined;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

interface Candidate {
  readonly source: ToolchainSource;
  readonly path: string | undefined;
  /** The user named this one: if it is not there, looking further would surprise. */
  readonly explicit?: true;
}

/** The first nvcc of: flag, QUIKC_NVCC, quikc's cache, CUDA_HOME, PATH, /usr/local/cuda. */
export async function findToolchain(options: FindOptions): Promise<Result<Toolchain, Diagnostic>> {
  const timeout = readTimeout(options.env);
  if (!timeout.ok) return timeout;
  const located = locateNvcc(options);
  if (!located.ok) return located;
  const { nvcc, source } = located.value;
  const beside = join(dirname(nvcc), 'ptxas');
  const ptxas = isExecutableFile(beside) ? beside : findOnPath('ptxas', options.env);
  if (ptxas === undefined)
    return fail(toolFault.nvccUnusable(nvcc, 'there is no ptxas beside it or on PATH'));
  const tools = await identifyTools(nvcc, realpathSync(ptxas), {
    env: options.env,
    timeoutMs: timeout.value,
    signal: options.signal,
  });
  if (!tools.ok) return tools;
  return succeed({ nvcc, ptxas: realpathSync(ptxas), source, ...tools.value });
}

function locateNvcc(options: FindOptions): Result<{ nvcc: string; source: ToolchainSource }, Diagnostic> {
  const { env } = options;
  const candidates: readonly Candidate[] = [
    { source: '--nvcc', path: options.nvcc, explicit: true },
    { source: 'QUIKC_NVCC', path: env['QUIKC_NVCC'] || undefined, explicit: true },
    { source: "quikc's cache", path: installedNvcc(env) },
    { source: 'CUDA_HOME', path: env['CUDA_HOME'] ? join(env['CUDA_HOME'], 'bin', 'nvcc') : undefined },
    { source: 'PATH', path: findOnPath('nvcc', env) },
    { source: '/usr/local/cuda', path: '/usr/local/cuda/bin/nvcc' },
  ];
  for (const { source, path, explicit } of candidates) {
    if (path === undefined) continue;
    if (isExecutableFile(path)) return succeed({ nvcc: realpathSync(path), source });
    if (explicit) return fail(toolFault.nvccUnusable(path, `it is not a program (named by ${source})`));
  }
  return fail(toolFault.nvccNotFound(candidates.slice(1).map(({ source }) => source)));
}

function installedNvcc(env: Environment): string | undefined {
  const folder = join(quikcCacheRoot(env), toolchainFolder);
  return isInstalled(folder) ? join(folder, toolkitInWheels, 'bin', 'nvcc') : undefined;
}
