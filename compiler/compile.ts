import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../ir/manifest.ts';
import type { ProblemHash } from '../ir/plan.ts';
import type { TunedRange } from '../ir/schedule-choice.ts';
import type { Target } from '../targets/target.ts';
import type { BuildOptions } from './build/build-kernels.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { findBackEnd } from './find-back-end.ts';
import { type LoadRequest, loadGraph } from './load-graph.ts';
import { lowerGraph } from './lower/lower-graph.ts';
import { type BundleFiles, makeBundle } from './package/make-bundle.ts';
import { readBundle } from './package/read-bundle.ts';
import { reuseBundle } from './package/reuse-bundle.ts';
import { checkOutput, writeBundle } from './package/write-bundle.ts';
import { familyTemplatesDigest } from './render/family-digest.ts';
import { loadTemplates } from './render/load-templates.ts';
import type { Exclude } from './schedule/schedule-plan.ts';
import { scheduleAndBuild } from './schedule-and-build.ts';
import { compilerDigest } from './support/compiler-digest.ts';
import { hashValue } from './support/hash.ts';
import { packageRoot } from './support/package-root.ts';
import { fail, type Result, succeed } from './support/result.ts';
import { version } from './support/version.ts';

export interface CompileRequest extends LoadRequest {
  readonly target: Target;
  /** Where the bundle goes, given the model's name. Absent: it is made in memory only. */
  readonly outputFor?: (model: string) => string;
  /** False: sources and manifest only. */
  readonly build: boolean;
  readonly nvcc?: string;
  readonly buildOptions: BuildOptions;
  readonly exclude?: Exclude;
  /** Measured schedules to prefer; absent: the model chooses. */
  readonly tuned?: TunedSource;
  /** Called after each stage with the milliseconds it took. */
  readonly onStage?: (name: string, milliseconds: number) => void;
}

/** Where measured schedules come from. */
export interface TunedSource {
  /** Over all that it can find: another bundle may come of other records. */
  readonly digest: string;
  find(
    problem: ProblemHash,
    range: { readonly from: number; readonly to?: number },
    templatesDigest: string,
  ): TunedRange | undefined;
}

export interface Compilation {
  readonly manifest: Manifest;
  readonly files: BundleFiles;
  /** Where the bundle is, as it was named; absent where none was written. */
  readonly output?: string;
  /** True where the bundle was there already, made of the same inputs. */
  readonly reused: boolean;
  readonly warnings: readonly Diagnostic[];
  /** Why nothing was built although that was wanted: there is no compiler. Sources and manifest are whole. */
  readonly noToolchain?: Diagnostic;
}

type Faults = readonly Diagnostic[];

/** The stages in order. Each takes values and returns values, or the faults for which it stopped. */
export async function compile(request: CompileRequest): Promise<Result<Compilation, Faults>> {
  const { target, build, nvcc, buildOptions } = request;
  const { families, findTools, noTools, callers, manifestTarget, sourcePath } = findBackEnd(target);
  const timed = stopwatch(request.onStage);

  const loaded = await loadGraph(request);
  timed('frontend and passes');
  if (!loaded.ok) return loaded;
  const { graph, model, warnings, locate } = loaded.value;

  const output = request.outputFor?.(graph.name);
  const writable = output === undefined ? undefined : checkOutput(output);
  if (writable?.ok === false) return fail([writable.error]);

  const lowered = lowerGraph(graph, target, (problem) => families[problem.family].supports(problem, target));
  timed('lower');
  if (!lowered.ok) return fail(locate(lowered.error));

  const resources = loadResources();
  const { env, signal } = buildOptions;
  const found = build ? await findTools({ env, signal, nvcc }) : undefined;
  // A compiler that is there and does not work is the user's to mend; only where there is none do sources have to do.
  if (found?.ok === false && found.error.code !== noTools) return fail([found.error]);
  const tools = found?.ok ? found.value : undefined;
  const noToolchain = found?.ok === false ? { noToolchain: found.error } : {};
  timed('templates and toolchain');

  const inputDigest = hashValue({
    model,
    plan: lowered.value.plan,
    target,
    compiler: resources.compilerDigest,
    templates: resources.templates.digest,
    packer: resources.packer,
    callers: callers?.digest(),
    toolchain: tools?.toolchain.identity,
    tuned: request.tuned?.digest,
  });
  const mayReuse = request.exclude === undefined && resources.compilerDigest !== undefined;
  const known = mayReuse && output !== undefined ? reuseBundle(output, inputDigest) : undefined;
  timed('look for the same bundle');
  if (known !== undefined) {
    const { manifest, files } = known;
    return succeed({ manifest, files, ...named(output), reused: true, warnings, ...noToolchain });
  }

  if (noToolchain.noToolchain !== undefined && output !== undefined && holdsBuilt(output))
    return fail([keepsBuilt(noToolchain.noToolchain)]);

  const { templates, packer } = resources;
  const { exclude } = request;
  const made = await scheduleAndBuild(lowered.value.plan, {
    ...{ families, target, templates, tools, buildOptions, exclude, timed },
    tuned: ({ hash, problem }, range) =>
      request.tuned?.find(hash, range, familyTemplatesDigest(templates, families[problem.family].templates)),
  });
  if (!made.ok) return fail(locate(made.error));

  const writeCallers = await callers?.loadWriter();
  const bundle = makeBundle({
    ...made.value,
    ...{ families, target, manifestTarget, sourcePath },
    packer,
    writeCallers,
    ...(tools && { toolchain: tools.toolchain }),
    provenance: { quikc: version, templatesDigest: templates.digest, model, inputDigest },
  });
  const written = output === undefined ? undefined : writeBundle(output, bundle.files);
  timed('package');
  if (written?.ok === false) return fail([written.error]);

  return succeed({
    ...bundle,
    ...named(output),
    reused: false,
    warnings: [...warnings, ...made.value.warnings],
    ...noToolchain,
  });
}

/** What quikc brings along: templates, the packer that bundles carry, and the digest of its own code. */
function loadResources() {
  const root = packageRoot();
  return {
    templates: loadTemplates(join(root, 'templates')),
    packer: readFileSync(join(root, 'compiler', 'package', 'pack_quik.py'), 'utf8'),
    compilerDigest: compilerDigest(),
  };
}

function holdsBuilt(output: string): boolean {
  const read = readBundle(output);
  return read.ok && read.value.manifest.built;
}

/** Sources alone are worth less than what is there. */
function keepsBuilt(noToolchain: Diagnostic): Diagnostic {
  const hint = `${noToolchain.hint}; the bundle at the output is built and was left alone, --no-build replaces it`;
  return { ...noToolchain, hint };
}

function named(output: string | undefined): Pick<Compilation, 'output'> {
  return output === undefined ? {} : { output };
}

function stopwatch(onStage: CompileRequest['onStage']): (stage: string) => void {
  let last = performance.now();
  return (stage) => {
    const now = performance.now();
    onStage?.(stage, now - last);
    last = now;
  };
}
