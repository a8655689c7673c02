import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { FolderFiles } from '../support/sealed-folder.ts';
import { assembleCubin } from './assemble-cubin.ts';
import type { BuildContext } from './build-context.ts';
import { compilePtx } from './compile-ptx.ts';
import { describeKernels } from './describe-kernels.ts';
import { gateKernel } from './gate-kernel.ts';
import type { KernelCache } from './kernel-cache.ts';
import type { KernelResources } from './kernel-resources.ts';
import type { KernelSource } from './kernel-source.ts';
import { aboutKernel } from './parse-compiler-messages.ts';

/** A kernel that passed its gate. */
export interface BuiltKernel {
  readonly id: string;
  readonly ptx: string;
  readonly cubins: readonly Cubin[];
  readonly origin: 'cached' | 'built';
}

export interface Cubin {
  /** Real architecture, e.g. "sm_80". */
  readonly arch: string;
  readonly bytes: Uint8Array;
  /** One entry a kernel; emitted units have one. */
  readonly resources: readonly KernelResources[];
}

export interface BuildServices {
  readonly context: BuildContext;
  readonly cache: KernelCache;
  readonly warn: (warning: Diagnostic) => void;
  /** A private folder for the compilers' files; asked for on a miss only. */
  readonly folderFor: (id: string) => string;
}

type Faults = readonly Diagnostic[];

/** Cache or compilers, then the gate: its verdict is never cached, since expectations are not in the key. */
export async function buildKernel(
  source: KernelSource,
  services: BuildServices,
): Promise<Result<BuiltKernel, Faults>> {
  const files = services.cache.read(source);
  const cached = files && interpretFiles(source, files, 'cached');
  if (cached?.ok) return gated(source, cached.value);

  const made = await compile(source, services);
  if (!made.ok) return made;
  const built = interpretFiles(source, made.value, 'built');
  if (!built.ok) return built;
  const warning = services.cache.write(source, made.value);
  if (warning !== undefined) services.warn(warning);
  return gated(source, built.value);
}

const ptxFile = 'kernel.ptx';

async function compile(source: KernelSource, services: BuildServices): Promise<Result<FolderFiles, Faults>> {
  const { id } = source;
  const folder = services.folderFor(id);
  const ptx = await compilePtx(source, folder, services.context);
  if (!ptx.ok) return ptx;
  const files = new Map<string, Uint8Array>([[ptxFile, Buffer.from(ptx.value)]]);
  const faults: Diagnostic[] = [];
  const runs = source.realArchs.map((arch) => assembleCubin(id, ptx.value, arch, folder, services.context));
  for (const [index, assembled] of (await Promise.all(runs)).entries()) {
    const arch = source.realArchs[index];
    if (!assembled.ok) faults.push(...assembled.error);
    else
      files
        .set(`${arch}.cubin`, assembled.value.cubin)
        .set(`${arch}.ptxas`, Buffer.from(assembled.value.report));
  }
  return faults.length > 0 ? fail(faults) : succeed(files);
}

/** Files, fresh or cached, as a kernel: both go this one way. */
function interpretFiles(
  source: KernelSource,
  files: FolderFiles,
  origin: BuiltKernel['origin'],
): Result<BuiltKernel, Faults> {
  const text = (name: string) => Buffer.from(files.get(name) ?? []).toString('utf8');
  const cubins: Cubin[] = [];
  for (const arch of source.realArchs) {
    const bytes = files.get(`${arch}.cubin`) ?? new Uint8Array();
    const resources = describeKernels(arch, bytes, text(`${arch}.ptxas`));
    if (!resources.ok) return fail([aboutKernel(source.id, 'QK626', resources.error)]);
    cubins.push({ arch, bytes, resources: resources.value });
  }
  return succeed({ id: source.id, ptx: text(ptxFile), cubins, origin });
}

function gated(source: KernelSource, kernel: BuiltKernel): Result<BuiltKernel, Faults> {
  const { gate, id } = source;
  if (gate === 'none') return succeed(kernel);
  const faults = kernel.cubins.flatMap(({ arch, resources }) => {
    const own = resources.find(({ symbol }) => symbol === id);
    if (own !== undefined) return gateKernel(own, gate);
    const text = `no kernel with the symbol ${id} on ${arch}`;
    return [aboutKernel(id, 'QK640', text)];
  });
  return faults.length > 0 ? fail(faults) : succeed(kernel);
}
