import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type Manifest, type ManifestFile, manifestAbi } from '../../ir/manifest.ts';
import { manifestSchema } from '../../ir/manifest-schema.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { sha256 } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { bundleFault } from './bundle-fault.ts';
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
    present = listFiles(folder);
    text = readFileSync(join(folder, sumsFile), 'utf8');
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
    const bytes = readFileSync(join(folder, path));
    if (sha256(bytes) !== digest) faults.push(bundleFault.altered(join(folder, path)));
    files.set(path, bytes);
  }
  for (const path of present) {
    if (path !== sumsFile && !sums.has(path)) faults.push(bundleFault.extra(join(folder, path)));
  }
  return faults.length > 0 ? fail(faults) : succeed(files);
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
  const abi = typeof value === 'object' && value !== null && 'abi' in value ? value.abi : undefined;
  if (typeof abi === 'number' && abi !== manifestAbi) return fail([bundleFault.otherAbi(path, abi)]);
  const checked = manifestSchema.safeParse(value);
  if (checked.success) return succeed(checked.data as Manifest);
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
  return same ? [] : [bundleFault.altered(join(folder, file.path))];
}
