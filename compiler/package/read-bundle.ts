import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type Manifest, type ManifestFile, manifestAbi } from '../../ir/manifest.ts';
import { manifestSchema } from '../../ir/manifest-schema.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { sha256 } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { bundleFault } from './bundle-fault.ts';
import { checkManifest, isDeeperThan } from './check-manifest.ts';
import { type BundleFiles, manifestFile } from './make-bundle.ts';
import { recoverBundle } from './recover-bundle.ts';
import { parseSums, sumsFile } from './sums.ts';

/** A bundle whose every file has been checked against its digest. */
export interface Bundle {
  readonly folder: string;
  readonly manifest: Manifest;
  /** All files but SHA256SUMS, by their path within the bundle. */
  readonly files: BundleFiles;
}

type Faults = readonly Diagnostic[];

/** Real ones are 12 deep, in formulas; the schema follows them recursively, and must not run out of stack. */
const deepestManifest = 64;

/**
 * Reads a bundle whole. Every file has to be the one that SHA256SUMS names, and the manifest has to be valid and to
 * agree with it; nothing outside the folder is ever opened, whatever the manifest says.
 */
export function readBundle(folder: string): Result<Bundle, Faults> {
  recoverBundle(folder);
  const read = readFiles(folder);
  if (!read.ok) return read;
  const files = read.value;
  const manifest = readManifest(folder, files);
  if (!manifest.ok) return manifest;
  const faults = listedFiles(manifest.value).flatMap((file) => compareFile(folder, file, files));
  return faults.length > 0 ? fail(faults) : succeed({ folder, manifest: manifest.value, files });
}

/** Files as SHA256SUMS has them, no more and no fewer. */
function readFiles(folder: string): Result<BundleFiles, Faults> {
  let present: readonly string[];
  let text: string;
  try {
    // Before anything is listed: the folder may be any, and as large as a disk.
    const sums = join(folder, sumsFile);
    if (!lstatSync(sums).isFile()) return fail([bundleFault.badSums(sums)]);
    text = readFileSync(sums, 'utf8');
    present = listFiles(folder);
  } catch (error) {
    return fail([bundleFault.notReadable(folder, error)]);
  }
  const sums = parseSums(text);
  if (sums === undefined) return fail([bundleFault.badSums(join(folder, sumsFile))]);
  const faults: Diagnostic[] = [];
  const files = new Map<string, Uint8Array>();
  for (const [path, digest] of sums) {
    if (!present.includes(path)) {
      faults.push(bundleFault.missing(join(folder, path)));
      continue;
    }
    const bytes = readPart(join(folder, path), faults);
    if (bytes === undefined) continue;
    if (sha256(bytes) !== digest) faults.push(bundleFault.altered(join(folder, path), sumsFile));
    files.set(path, bytes);
  }
  for (const path of present) {
    if (path !== sumsFile && !sums.has(path)) faults.push(bundleFault.extra(join(folder, path)));
  }
  return faults.length > 0 ? fail(faults) : succeed(files);
}

/** A file's bytes; where it cannot be read, a fault more. */
function readPart(file: string, faults: Diagnostic[]): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    faults.push(bundleFault.fileNotReadable(file, error));
    return undefined;
  }
}

/** Plain files below `folder`, and whatever else is no folder: a link is reported as a file that is not listed. */
export function listFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
      return entry.isFile() ? path : `${path} (not a plain file)`;
    });
}

function readManifest(folder: string, files: BundleFiles): Result<Manifest, Faults> {
  const path = join(folder, manifestFile);
  const bytes = files.get(manifestFile);
  if (bytes === undefined) return fail([bundleFault.missing(path)]);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return fail([bundleFault.badManifest(path, '', 'the file is not JSON')]);
  }
  if (isDeeperThan(value, deepestManifest)) {
    const message = `values lie more than ${deepestManifest} deep in each other`;
    return fail([bundleFault.badManifest(path, '', message)]);
  }
  const abi = typeof value === 'object' && value !== null && 'abi' in value ? value.abi : undefined;
  if (typeof abi === 'number' && abi !== manifestAbi) return fail([bundleFault.otherAbi(path, abi)]);
  const checked = manifestSchema.safeParse(value);
  if (checked.success) {
    const manifest = checked.data as Manifest;
    const wrong = checkManifest(manifest);
    if (wrong.length === 0) return succeed(manifest);
    return fail(wrong.map(({ pointer, message }) => bundleFault.badManifest(path, pointer, message)));
  }
  const faults = checked.error.issues.map((issue) =>
    bundleFault.badManifest(path, issue.path.map((key) => `/${String(key)}`).join(''), issue.message),
  );
  return fail(faults);
}

function listedFiles({ kernels }: Manifest): readonly ManifestFile[] {
  return kernels.flatMap(({ files: { source, ptx, cubin } }) =>
    [source, ptx, cubin].filter((file) => file !== undefined),
  );
}

/** SHA256SUMS seals the folder; the manifest's own digests tie each kernel to its files. */
function compareFile(folder: string, file: ManifestFile, files: BundleFiles): Faults {
  const bytes = files.get(file.path);
  if (bytes === undefined) return [bundleFault.missing(join(folder, file.path))];
  const same = bytes.length === file.bytes && sha256(bytes) === file.sha256;
  return same ? [] : [bundleFault.altered(join(folder, file.path), manifestFile)];
}
