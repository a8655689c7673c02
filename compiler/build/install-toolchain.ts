import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { findOnPath, isExecutableFile } from '../support/find-on-path.ts';
import { canonicalJson, sha256 } from '../support/hash.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { moveIntoPlace } from '../support/sealed-folder.ts';
import { toolFault } from './tool-fault.ts';
import {
  installMarker,
  toolchainFolder,
  toolchainWheels,
  toolkitInWheels,
  type Wheel,
} from './toolchain-wheels.ts';
import { unpackWheel } from './unpack-wheel.ts';

export interface InstallOptions {
  readonly env: Environment;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: InstallProgress) => void;
  /** For tests: another set of wheels. */
  readonly wheels?: readonly Wheel[];
}

export interface InstallProgress {
  readonly step: 'download' | 'verify' | 'unpack';
  readonly done: number;
  readonly total: number;
  /** The wheel that comes next, e.g. "nvidia-nvvm 13.0.88". */
  readonly item: string;
}

export interface InstalledToolchain {
  readonly folder: string;
  readonly nvcc: string;
  /** True if it was there already and nothing was done. */
  readonly alreadyThere: boolean;
}

const downloadTimeoutMs = 15 * 60 * 1000;

/**
 * Puts the pinned CUDA compiler into quikc's cache: wheels by pip into a scratch folder, digests checked, unpacked,
 * marked and renamed into place as a whole. Does nothing if that exact set is there.
 */
export async function installToolchain(
  options: InstallOptions,
): Promise<Result<InstalledToolchain, Diagnostic>> {
  const wheels = options.wheels ?? toolchainWheels;
  const root = quikcCacheRoot(options.env);
  const folder = join(root, toolchainFolder);
  const nvcc = join(folder, toolkitInWheels, 'bin', 'nvcc');
  if (isInstalled(folder, wheels)) return succeed({ folder, nvcc, alreadyThere: true });

  let scratch: string | undefined;
  try {
    sweepScratchFolders(join(root, 'tmp'));
    scratch = makeScratchFolder(join(root, 'tmp'), 'toolchain');
    const downloads = join(scratch, 'wheels');
    const fresh = join(scratch, 'new');
    mkdirSync(downloads);
    mkdirSync(fresh);
    for (const [index, wheel] of wheels.entries()) {
      const step = (name: InstallProgress['step']) =>
        options.onProgress?.({
          step: name,
          done: index,
          total: wheels.length,
          item: `${wheel.project} ${wheel.version}`,
        });
      step('download');
      const fault = await download(wheel, downloads, options);
      if (fault !== undefined) return fail(fault);
      step('verify');
      const bytes = verified(wheel, downloads);
      if (!bytes.ok) return bytes;
      step('unpack');
      const damage = unpackWheel(bytes.value, fresh);
      if (damage !== undefined) return fail(damaged(wheel, damage));
      rmSync(downloads, { recursive: true });
      mkdirSync(downloads);
    }
    writeFileSync(join(fresh, installMarker), markerOf(wheels));
    ensureFolder(dirname(folder));
    moveIntoPlace(fresh, folder, scratch, () => isInstalled(folder, wheels));
    return succeed({ folder, nvcc, alreadyThere: false });
  } catch (error) {
    return fail(toolFault.cannotWrite(root, error));
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

/** Whether `folder` holds exactly this set of wheels, unpacked to the end. */
export function isInstalled(folder: string, wheels: readonly Wheel[] = toolchainWheels): boolean {
  try {
    const complete = readFileSync(join(folder, installMarker), 'utf8') === markerOf(wheels);
    return complete && isExecutableFile(join(folder, toolkitInWheels, 'bin', 'nvcc'));
  } catch {
    return false;
  }
}

function markerOf(wheels: readonly Wheel[]): string {
  return `${canonicalJson({ wheels })}\n`;
}

/** pip does the download: it knows the user's index, proxy and certificates. `--no-deps`: see toolchain-wheels.ts. */
async function download(
  wheel: Wheel,
  into: string,
  options: InstallOptions,
): Promise<Diagnostic | undefined> {
  const python = findOnPath('python3', options.env);
  if (python === undefined) return toolFault.noPython();
  const outcome = await runProcess({
    file: python,
    args: [
      ...['-m', 'pip', '--disable-pip-version-check', 'download', '--quiet', '--no-deps', '--no-cache-dir'],
      ...['--only-binary', ':all:', '--dest', into, `${wheel.project}==${wheel.version}`],
    ],
    env: { ...options.env, LC_ALL: 'C' },
    timeoutMs: downloadTimeoutMs,
    signal: options.signal,
  });
  if (outcome.kind === 'exited' && outcome.code === 0) return undefined;
  if (outcome.kind === 'cancelled') return toolFault.cancelled();
  if ('stderr' in outcome && /No space left on device/.test(outcome.stderr))
    return toolFault.noSpace(quikcCacheRoot(options.env), 'TMPDIR and QUIKC_CACHE');
  if (outcome.kind === 'exited' && /No module named '?pip/.test(outcome.stderr))
    return toolFault.noPip(python);
  return toolFault.downloadFailed(`${wheel.project} ${wheel.version}`, outcome);
}

function verified(wheel: Wheel, folder: string): Result<Uint8Array, Diagnostic> {
  const name = readdirSync(folder).find((file) => file.endsWith('.whl'));
  if (name === undefined) return fail(damaged(wheel, 'pip reported success but left no wheel'));
  const bytes = readFileSync(join(folder, name));
  const digest = sha256(bytes);
  if (digest === wheel.sha256) return succeed(bytes);
  return fail(damaged(wheel, `its sha256 is ${digest}, expected ${wheel.sha256}`));
}

function damaged(wheel: Wheel, what: string): Diagnostic {
  return toolFault.damagedDownload(`${wheel.project} ${wheel.version}`, what);
}
