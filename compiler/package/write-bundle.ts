import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type Manifest, manifestAbi } from '../../ir/manifest.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { makeScratchFolder, sweepScratchFolders } from '../support/scratch-folder.ts';
import { moveIntoPlace } from '../support/sealed-folder.ts';
import { bundleFault } from './bundle-fault.ts';
import { type BundleFiles, manifestFile, packerFile } from './make-bundle.ts';
import { listFiles } from './read-bundle.ts';
import { recoverBundle } from './recover-bundle.ts';
import { parseSums, sumsFile } from './sums.ts';

/**
 * Puts a bundle at `folder` as a whole: written beside it first, renamed into place last, so that a reader finds
 * the old bundle or the new one. A folder with anything in it that no bundle has is left alone.
 */
export function writeBundle(folder: string, files: BundleFiles): Result<string, Diagnostic> {
  const writable = checkOutput(folder);
  if (!writable.ok) return writable;
  const target = writable.value;
  let scratch: string | undefined;
  try {
    sweepScratchFolders(dirname(target));
    scratch = makeScratchFolder(dirname(target), 'bundle');
    const fresh = join(scratch, basename(target));
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(fresh, path)), { recursive: true });
      writeFileSync(join(fresh, path), bytes);
    }
    moveIntoPlace(fresh, target, scratch, () => false);
    return succeed(target);
  } catch (error) {
    return fail(bundleFault.cannotWrite(folder, error));
  } finally {
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
  }
}

/** Looks at a folder that is replaced meanwhile. */
const mostLooks = 10;

/** The real path at which a bundle may be put: nothing is there, an empty folder, or a bundle and nothing else. */
export function checkOutput(folder: string): Result<string, Diagnostic> {
  for (let look = 1; ; look++) {
    // Another compile may put its bundle there meanwhile: then the files are of one and the manifest is of another.
    const before = identityOf(folder);
    const checked = lookAtOutput(folder);
    if (checked.ok || look === mostLooks || before === identityOf(folder)) return checked;
  }
}

/** What a folder has that another one put in its place has not; undefined where none can be seen. */
function identityOf(folder: string): string | undefined {
  try {
    const { ino, ctimeMs } = statSync(folder);
    return `${ino} ${ctimeMs}`;
  } catch {
    return undefined;
  }
}

function lookAtOutput(folder: string): Result<string, Diagnostic> {
  // An empty name would resolve to the working directory.
  if (folder === '') return fail(bundleFault.cannotWrite("''", new Error('the name of the folder is empty')));
  recoverBundle(folder);
  try {
    if (!existsSync(folder)) {
      // A link that leads nowhere would be taken for a folder to replace, and be gone.
      if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return succeed(resolve(folder));
      return fail(bundleFault.cannotWrite(folder, new Error('the link leads nowhere')));
    }
    const target = realpathSync(folder); // through a link, what it points at is replaced and the link stays
    if (holdsWorkingFolder(target)) return fail(bundleFault.workingFolder(folder));
    const strangers = foreignFiles(target);
    return strangers.length === 0 ? succeed(target) : fail(bundleFault.notABundle(folder, strangers));
  } catch (error) {
    return fail(bundleFault.cannotWrite(folder, error));
  }
}

/** Whether whoever called quikc stands in `folder` or below: renamed, it would go from under their feet. */
function holdsWorkingFolder(folder: string): boolean {
  const [first] = relative(folder, realpathSync('.')).split(sep);
  return first !== '..';
}

/** Files that are somebody else's: those SHA256SUMS does not name, and all of them without a manifest of quikc's. */
function foreignFiles(folder: string): readonly string[] {
  // Without them all is foreign, and need not be looked through: it may be a home folder.
  const names = readdirSync(folder);
  if (!names.includes(sumsFile) || !names.includes(manifestFile)) return names;
  const files = listFiles(folder);
  // Listed under another name where they are no plain files: a pipe would be waited for.
  if (!files.includes(sumsFile) || !files.includes(manifestFile)) return files;
  const ours = filesOfManifest(readFileSync(join(folder, manifestFile), 'utf8'));
  if (ours === undefined) return files;
  const sums = parseSums(readFileSync(join(folder, sumsFile), 'utf8'));
  return files.filter((file) => file !== sumsFile && !(ours(file) && sums?.has(file) === true));
}

/**
 * The files that a manifest.json of quikc's, of whatever version, stands for; undefined if it is somebody else's: browsers'
 * extensions and others have files of that name. What SHA256SUMS alone names may have been added by its owner.
 */
function filesOfManifest(text: string): ((path: string) => boolean) | undefined {
  try {
    const found: Partial<Omit<Manifest, 'abi'>> & { readonly abi?: unknown } = JSON.parse(text) ?? {};
    if (typeof found.abi !== 'number' || typeof found.provenance?.quikc !== 'string') return undefined;
    const kernels = (found.kernels ?? []).flatMap(({ files }) => Object.values(files ?? {}));
    const callers = found.callers ?? [];
    const named = new Set([manifestFile, packerFile, ...callers, ...kernels.map(({ path }) => path)]);
    // Another version may name its files elsewhere: there only the folders are known.
    const ofThisVersion = found.abi === manifestAbi;
    return (path) => named.has(path) || (!ofThisVersion && /^(kernels|packing|web)\//.test(path));
  } catch {
    return undefined;
  }
}
