import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { canonicalJson, hashValue, sha256 } from '../support/hash.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import { describeOutcome, toolFault } from './tool-fault.ts';

export interface ToolIdentity {
  readonly version: string;
  readonly identity: string;
}

interface ProbeOptions {
  readonly env: Environment;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const versionTimeoutMs = 20_000;

/**
 * Version and identity of a compiler. Hashing its 240 MB and asking its version takes a second, so the answer is
 * kept in quikc's cache under the path, size and change time of each program: an unchanged rebuild only stats.
 */
export async function identifyTools(
  nvcc: string,
  ptxas: string,
  options: ProbeOptions,
): Promise<Result<ToolIdentity, Diagnostic>> {
  const { env } = options;
  const programs = programsOf(nvcc, ptxas);
  const key = hashValue(programs.map((path) => stamp(path)));
  const folder = join(quikcCacheRoot(env), 'toolchain-identity');
  const known = readKnown(join(folder, `${key}.json`));
  if (known !== undefined) return succeed(known);

  const version = await askVersion(nvcc, options);
  if (!version.ok) return version;
  const digests = programs.map((path) => sha256(readFileSync(path)));
  const found = { version: version.value, identity: hashValue({ version: version.value, digests }) };
  remember(folder, `${key}.json`, found, env);
  return succeed(found);
}

/** What turns text into machine code: nvcc drives, cicc makes PTX (with libdevice and fp16 headers), ptxas SASS. */
function programsOf(nvcc: string, ptxas: string): string[] {
  const root = dirname(dirname(nvcc));
  const inner = [
    'nvvm/bin/cicc',
    'nvvm/libdevice/libdevice.10.bc',
    'include/cuda_fp16.hpp',
    'include/cuda_bf16.hpp',
  ];
  return [nvcc, ptxas, ...inner.map((name) => join(root, name)).filter((path) => existsSync(path))];
}

function stamp(path: string): object {
  const { size, mtimeMs, ctimeMs, ino } = statSync(path);
  return { path, size, mtimeMs, ctimeMs, ino };
}

async function askVersion(nvcc: string, options: ProbeOptions): Promise<Result<string, Diagnostic>> {
  const { env, signal, timeoutMs = versionTimeoutMs } = options;
  const outcome = await runProcess({ file: nvcc, args: ['--version'], env, timeoutMs, signal });
  if (outcome.kind === 'cancelled') return fail(toolFault.cancelled());
  if (outcome.kind !== 'exited' || outcome.code !== 0)
    return fail(toolFault.nvccUnusable(nvcc, `asked for its version, ${describeOutcome(outcome)}`));
  const version = /\bV(\d+\.\d+\.\d+)/.exec(outcome.stdout)?.[1];
  if (version === undefined) return fail(toolFault.nvccUnusable(nvcc, 'its --version names no version'));
  return succeed(version);
}

function readKnown(path: string): ToolIdentity | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    if (!('version' in value) || !('identity' in value)) return undefined;
    const { version, identity } = value;
    if (typeof version !== 'string' || typeof identity !== 'string' || !/^[0-9a-f]{64}$/.test(identity))
      return undefined;
    return { version, identity };
  } catch {
    return undefined;
  }
}

/** Best effort: with a read-only cache the question is merely asked again next time. */
function remember(folder: string, name: string, found: ToolIdentity, env: Environment): void {
  let scratch: string | undefined;
  try {
    scratch = makeScratchFolder(join(quikcCacheRoot(env), 'tmp'), 'identity');
    writeFileSync(join(scratch, name), canonicalJson(found));
    ensureFolder(folder);
    renameSync(join(scratch, name), join(folder, name));
  } catch {
    // See above.
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}
