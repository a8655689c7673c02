import { evaluate } from '../../ir/formula.ts';
import {
  type Manifest,
  type ManifestFile,
  type ManifestKernel,
  type ManifestTarget,
  type ManifestToolchain,
  manifestAbi,
  type Provenance,
} from '../../ir/manifest.ts';
import type { Plan } from '../../ir/plan.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { Target } from '../../targets/target.ts';
import type { BuiltResources, FamilyTable } from '../families/family.ts';
import { assert } from '../support/assert.ts';
import { sha256 } from '../support/hash.ts';
import { describeKernel } from './describe-kernel.ts';
import { describeLayers } from './describe-layers.ts';
import { describePlan } from './describe-plan.ts';
import { formatSums, sumsFile } from './sums.ts';

/** What a compiler made of a kernel. */
export interface KernelBinary {
  readonly ptx: string;
  readonly cubin: Uint8Array;
  readonly resources: BuiltResources;
}

/** Machine code, or word that the text was checked where nothing is made of it before run time. */
export type BuildResult = KernelBinary | 'checked';

export interface BundleParts {
  readonly plan: Plan;
  readonly kernels: readonly ScheduledKernel[];
  readonly texts: ReadonlyMap<string, string>;
  /** By kernel id. Absent: sources only. */
  readonly results?: ReadonlyMap<string, BuildResult>;
  readonly families: FamilyTable;
  readonly target: Target;
  /** The same as the manifest has it. */
  readonly manifestTarget: ManifestTarget;
  /** Path of a kernel's source within the bundle. */
  sourcePath(id: string): string;
  readonly toolchain?: ManifestToolchain;
  readonly provenance: Provenance;
  /** Text of the reference packer that the bundle carries. */
  readonly packer: string;
  /** Absent: kernels alone. */
  readonly writeCallers?: WriteCallers | undefined;
}

/** Writes the files through which programs call a bundle's kernels, in folders of their own. */
export type WriteCallers = (manifest: Manifest, texts: ReadonlyMap<string, string>) => BundleFiles;

/** Files of a bundle by their path within it. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

export const manifestFile = 'manifest.json';
export const packerFile = 'packing/pack_quik.py';

/** The whole bundle in memory: kernels, manifest, packer, and the digests of all of them. */
export function makeBundle(parts: BundleParts): { readonly manifest: Manifest; readonly files: BundleFiles } {
  const files = new Map<string, Uint8Array>();
  const add = (path: string, bytes: Uint8Array): ManifestFile => {
    files.set(path, bytes);
    return { path, bytes: bytes.length, sha256: sha256(bytes) };
  };
  const kernels = parts.kernels.map((kernel) => addKernel(kernel, parts, add));
  const bare = makeManifest(parts, kernels);
  add(packerFile, Buffer.from(parts.packer));
  const callers = parts.writeCallers?.(bare, parts.texts);
  for (const [path, bytes] of callers ?? []) files.set(path, bytes);
  const manifest = callers === undefined ? bare : { ...bare, callers: [...callers.keys()].sort() };
  add(manifestFile, Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`));
  files.set(sumsFile, Buffer.from(formatSums(files)));
  return { manifest, files };
}

function addKernel(
  kernel: ScheduledKernel,
  parts: BundleParts,
  add: (path: string, bytes: Uint8Array) => ManifestFile,
): ManifestKernel {
  const { id } = kernel;
  const text = parts.texts.get(id);
  assert(text !== undefined, `${id} was rendered`);
  const source = add(parts.sourcePath(id), Buffer.from(text));
  const binary = parts.results?.get(id);
  assert(parts.results === undefined || binary !== undefined, `${id} was built`);
  if (binary === undefined || binary === 'checked')
    return describeKernel(kernel, { source }, undefined, parts);
  const ptx = add(`kernels/${id}.ptx`, Buffer.from(binary.ptx));
  const cubin = add(`kernels/${id}.cubin`, binary.cubin);
  return describeKernel(kernel, { source, ptx, cubin }, binary.resources, parts);
}

function makeManifest(parts: BundleParts, kernels: readonly ManifestKernel[]): Manifest {
  const { plan, manifestTarget, results, toolchain, provenance } = parts;
  return {
    abi: manifestAbi,
    model: plan.model,
    dtype: plan.dtype,
    target: manifestTarget,
    built: results !== undefined,
    kernels,
    sites: plan.sites.map(({ id, tokens, buckets, reasons }) => ({ id, tokens, buckets, reasons })),
    layers: describeLayers(plan),
    plan: describePlan(plan, Math.max(0, ...kernels.map(workspaceBytes))),
    ...(toolchain === undefined ? {} : { toolchain }),
    provenance,
  };
}

/** Most bytes of workspace that a kernel needs over the M it serves. Only kernels for a bounded M have one. */
function workspaceBytes(kernel: ManifestKernel): number {
  const argument = kernel.arguments.find(({ name }) => name === kernel.workspace?.argument);
  if (argument?.kind !== 'buffer') return 0;
  const most = kernel.explain.map(({ to }) => {
    assert(to !== undefined, `${kernel.id} has a workspace, so it serves a bounded M`);
    return evaluate(argument.bytes, to);
  });
  return Math.max(0, ...most);
}
