import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { findOnPath } from '../support/find-on-path.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { moveIntoPlace } from '../support/sealed-folder.ts';
import { dawnFolder, dawnLock, dawnPackage } from './dawn-packages.ts';
import { toolFault } from './tool-fault.ts';

export interface InstalledDawn {
  /** Of the npm package webgpu. */
  readonly folder: string;
  /** True if it was there already and nothing was done. */
  readonly alreadyThere: boolean;
}

const downloadTimeoutMs = 15 * 60 * 1000;
const marker = 'complete';

/**
 * Puts the pinned Dawn into quikc's cache, where findDawn looks: by npm, which knows the user's registry and checks the digests
 * of the lockfile, into a scratch folder that is renamed as a whole. Does nothing if it is there.
 */
export async function installDawn(options: {
  readonly env: Environment;
  readonly signal?: AbortSignal;
}): Promise<Result<InstalledDawn, Diagnostic>> {
  const { env, signal } = options;
  const root = quikcCacheRoot(env);
  const folder = join(root, dawnPackage);
  if (isComplete(join(root, dawnFolder))) return succeed({ folder, alreadyThere: true });
  const npm = findOnPath('npm', env);
  if (npm === undefined) return fail(toolFault.noNpm());
  let scratch: string | undefined;
  try {
    sweepScratchFolders(join(root, 'tmp'));
    scratch = makeScratchFolder(join(root, 'tmp'), 'dawn');
    const fresh = join(scratch, 'new');
    mkdirSync(fresh);
    for (const [name, text] of Object.entries(dawnLock())) writeFileSync(join(fresh, name), text);
    const outcome = await runProcess({
      file: npm,
      args: ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      cwd: fresh,
      env,
      timeoutMs: downloadTimeoutMs,
      signal,
    });
    if (outcome.kind === 'cancelled') return fail(toolFault.cancelled());
    if (outcome.kind !== 'exited' || outcome.code !== 0) return fail(toolFault.npmFailed(outcome));
    keepThisSystem(join(fresh, 'node_modules', 'webgpu', 'dist'));
    writeFileSync(join(fresh, marker), dawnLock()['package-lock.json']);
    const target = join(root, dawnFolder);
    ensureFolder(dirname(target));
    moveIntoPlace(fresh, target, scratch, () => isComplete(target));
    return succeed({ folder, alreadyThere: false });
  } catch (error) {
    return fail(toolFault.cannotWrite(root, error));
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

/** Of 130 MB those for other systems go. */
function keepThisSystem(binaries: string): void {
  for (const system of readdirSync(binaries).filter((name) => !name.startsWith(`${process.platform}-`)))
    rmSync(join(binaries, system), { recursive: true });
}

function isComplete(folder: string): boolean {
  try {
    return readFileSync(join(folder, marker), 'utf8') === dawnLock()['package-lock.json'];
  } catch {
    return false;
  }
}
