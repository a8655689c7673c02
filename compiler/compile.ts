import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelSpec } from '../ir/kernel-spec.ts';
import type { Manifest } from '../ir/manifest.ts';
import type { CudaTarget } from '../targets/target.ts';
import { type BuildOptions, buildKernels } from './build/build-kernels.ts';
import { findToolchain } from './build/find-toolchain.ts';
import { toKernelBinary } from './build/to-kernel-binary.ts';
import { toKernelSource } from './build/to-kernel-source.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import type { FamilyTable } from './families/family.ts';
import { families as allFamilies } from './families/index.ts';
import { type LoadRequest, loadGraph } from './load-graph.ts';
import { lowerGraph } from './lower/lower-graph.ts';
import { type BundleFiles, makeBundle } from './package/make-bundle.ts';
import { checkOutput, writeBundle } from './package/write-bundle.ts';
import { loadTemplates } from './render/load-templates.ts';
import { renderKernels } from './render/render-kernels.ts';
import { schedulePlan } from './schedule/schedule-plan.ts';
import { hashValue } from './support/hash.ts';
import { packageRoot } from './support/package-root.ts';
import { fail, type Result, succeed } from './support/result.ts';
import { version } from './support/version.ts';

export interface CompileRequest extends LoadRequest {
  readonly target: CudaTarget;
  /** Where the bundle goes. Absent: it is made in memory only. */
  readonly output?: string;
  /** False: sources and manifest only. */
  readonly build: boolean;
  readonly nvcc?: string;
  readonly buildOptions: BuildOptions;
  /** Takes kernels out of the running, e.g. such as a build has shown not to work. */
  readonly isExcluded?: (spec: KernelSpec) => boolean;
  /** Called after each stage with the milliseconds it took. */
  readonly onStage?: (name: string, milliseconds: number) => void;
}

export interface Compilation {
  readonly manifest: Manifest;
  readonly files: BundleFiles;
  readonly warnings: readonly Diagnostic[];
  /** Why nothing was built although that was wanted: there is no compiler. Sources and manifest are whole. */
  readonly noToolchain?: Diagnostic;
}

const families: FamilyTable = allFamilies;

type Faults = readonly Diagnostic[];

/** The stages in order. Each takes values and returns values, or the faults for which it stopped. */
export async function compile(request: CompileRequest): Promise<Result<Compilation, Faults>> {
  const { target, output, build, nvcc, buildOptions, isExcluded } = request;
  const timed = stopwatch(request.onStage);
  const writable = output === undefined ? undefined : checkOutput(output);
  if (writable?.ok === false) return fail([writable.error]);

  const loaded = await loadGraph(request);
  timed('frontend and passes');
  if (!loaded.ok) return loaded;
  const { graph, model, warnings, locate } = loaded.value;

  const lowered = lowerGraph(graph, target, (problem) => families[problem.family].supports(problem, target));
  timed('lower');
  if (!lowered.ok) return fail(locate(lowered.error));

  const templates = loadTemplates(join(packageRoot(), 'templates'));
  const toolchain = build
    ? await findToolchain({ env: buildOptions.env, ...(nvcc === undefined ? {} : { nvcc }) })
    : undefined;
  timed('templates and toolchain');

  const scheduled = schedulePlan(lowered.value.plan, {
    families,
    target,
    ...(isExcluded === undefined ? {} : { isExcluded }),
  });
  timed('schedule');
  if (!scheduled.ok) return fail(locate(scheduled.error));
  const { kernels, plan } = scheduled.value;

  const texts = renderKernels(kernels, families, templates);
  timed('render');

  const sources = kernels.map((kernel) =>
    toKernelSource(kernel, texts.get(kernel.id) ?? '', families, target),
  );
  const built = toolchain?.ok ? await buildKernels(sources, toolchain.value, buildOptions) : undefined;
  timed('build');
  const failures = built?.failed.flatMap(({ diagnostics }) => diagnostics) ?? [];
  if (failures.length > 0) return fail(failures);

  const inputDigest = hashValue({ plan, templates: templates.digest, version });
  const bundle = makeBundle({
    plan,
    kernels,
    texts,
    families,
    target,
    packer: readFileSync(join(packageRoot(), 'compiler', 'package', 'pack_quik.py'), 'utf8'),
    ...(built === undefined
      ? {}
      : { binaries: new Map(built.built.map((kernel) => [kernel.id, toKernelBinary(kernel)])) }),
    ...(toolchain?.ok
      ? { toolchain: { nvcc: toolchain.value.version, identity: toolchain.value.identity } }
      : {}),
    provenance: { quikc: version, templatesDigest: templates.digest, model, inputDigest },
  });
  const written = output === undefined ? undefined : writeBundle(output, bundle.files);
  timed('package');
  if (written?.ok === false) return fail([written.error]);

  return succeed({
    ...bundle,
    warnings: [...warnings, ...(built?.warnings ?? [])],
    ...(toolchain?.ok === false ? { noToolchain: toolchain.error } : {}),
  });
}

function stopwatch(onStage: CompileRequest['onStage']): (stage: string) => void {
  let last = performance.now();
  return (stage) => {
    const now = performance.now();
    onStage?.(stage, now - last);
    last = now;
  };
}
