import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { findOnPath } from '../support/find-on-path.ts';
import { hashValue } from '../support/hash.ts';
import { packageRoot } from '../support/package-root.ts';
import { type Environment, quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import { publishSealedFolder, readSealedFolder } from '../support/sealed-folder.ts';
import { deviceFault } from './device-fault.ts';

const sources = ['runner.cpp', 'driver.h', 'job.h'] as const;
const flags: readonly string[] = ['-std=c++17', '-O2', '-Wall', '-Wextra'];
const program = 'runner';
const compileTimeoutMs = 120_000;

/** The device runner, compiled with the host's C++ compiler on first use and kept in quikc's cache. */
export async function buildRunner(
  env: Environment,
  signal?: AbortSignal,
): Promise<Result<string, Diagnostic>> {
  const root = quikcCacheRoot(env);
  const texts = readSources();
  const folder = join(root, 'runner', hashValue({ texts, flags }));
  const path = join(folder, program);
  if (readSealedFolder(folder) !== undefined) return succeed(path);

  const compiler = findOnPath('g++', env) ?? findOnPath('c++', env);
  if (compiler === undefined) return fail(deviceFault.noCompiler());
  const scratch = makeScratchFolder(env['TMPDIR'] || tmpdir(), 'runner');
  try {
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(scratch, name), text);
    const outcome = await runProcess({
      file: compiler,
      args: [...flags, '-o', program, 'runner.cpp', '-ldl'],
      cwd: scratch,
      env: { PATH: env['PATH'], HOME: env['HOME'], LC_ALL: 'C', TMPDIR: scratch },
      timeoutMs: compileTimeoutMs,
      signal,
    });
    if (outcome.kind !== 'exited' || outcome.code !== 0)
      return fail(deviceFault.notCompiled(compiler, outcome));
    const files = new Map([[program, readFileSync(join(scratch, program))]]);
    publishSealedFolder(folder, join(root, 'tmp'), files, 0o755);
    return succeed(path);
  } catch (error) {
    return fail(deviceFault.cannotWrite(root, error));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function readSources(): Record<string, string> {
  const folder = join(packageRoot(), 'compiler', 'device');
  return Object.fromEntries(sources.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
