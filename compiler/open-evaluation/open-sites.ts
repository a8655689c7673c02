import { join, resolve } from 'node:path';
import type { Graph, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import { findTarget } from '../../targets/index.ts';
import { sm80 } from '../../targets/sm80.ts';
import { webgpu } from '../../targets/webgpu.ts';
import type { BuildOptions } from '../build/build-kernels.ts';
import { findDawn } from '../build/find-dawn.ts';
import { compile } from '../compile.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { openAdapterSession } from '../evaluate/adapter-session.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import { findSiteKernel } from '../evaluate/find-site-kernel.ts';
import { createPtxRunner } from '../evaluate/ptx-runner.ts';
import type { QuantisedBytes } from '../evaluate/row-bytes.ts';
import type { Place, SiteRunner } from '../evaluate/site-runner.ts';
import { createWebRunner } from '../evaluate/web-runner.ts';
import { familiesOf } from '../families/index.ts';
import type { LoadRequest } from '../load-graph.ts';
import { lowerGraph } from '../lower/lower-graph.ts';
import { kernelFiles } from '../package/kernel-files.ts';
import { type Bundle, readBundle } from '../package/read-bundle.ts';
import { describeWeb } from '../package/web/describe-web.ts';
import { unwrap } from '../reference/float-model/surround-repetition.ts';
import { assert } from '../support/assert.ts';
import { hashValue } from '../support/hash.ts';
import { quikcCacheRoot } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';

type Faults = readonly Diagnostic[];

export interface SitesRequest {
  readonly on: 'ptx' | 'webgpu';
  /** The model: what a bundle is compiled of where none is given. */
  readonly load: LoadRequest;
  /** It, after the passes. */
  readonly graph: Graph;
  readonly bundle?: string | undefined;
  readonly pool: EvaluatePool;
  readonly buildOptions: BuildOptions;
}

/** The kernels of a bundle, to run the sites of a model. */
export interface OpenedSites {
  readonly runner: SiteRunner<QuantisedBytes>;
  kernelOf(place: Place<QuantizeNode | QuikLinearNode>, m: number): ManifestKernel;
  /** In words. */
  readonly where: string;
}

/** Where kernels are run, by the name that a user gives it: the target that is compiled for it, and how it is opened. */
const places = {
  ptx: { target: sm80, open: openPtx },
  webgpu: { target: webgpu, open: openWeb },
} as const;

/** Opens the bundle that is named, else one that is compiled into quikc's cache. The caller closes the runner. */
export async function openSites(request: SitesRequest): Promise<Result<OpenedSites, Faults>> {
  const opened = request.bundle === undefined ? await compileBundle(request) : readBundle(request.bundle);
  if (!opened.ok) return opened;
  const bundle = opened.value;
  const misfit = findMisfit(request, bundle.manifest);
  if (misfit !== undefined) return fail([{ ...misfit, file: bundle.folder }]);
  return places[request.on].open(request, bundle);
}

async function compileBundle({
  on,
  load,
  graph,
  buildOptions,
}: SitesRequest): Promise<Result<Bundle, Faults>> {
  const { target } = places[on];
  const { file, overrides, columns } = load;
  const name = `${graph.name}.${target.id}.${hashValue({ file: resolve(file), overrides, columns }).slice(0, 8)}`;
  const output = join(quikcCacheRoot(buildOptions.env), 'evaluate', name);
  const { onGraph: _dump, ...model } = load;
  const compiled = await compile({ ...model, target, build: true, buildOptions, outputFor: () => output });
  if (!compiled.ok) return compiled;
  const { noToolchain } = compiled.value;
  return noToolchain === undefined ? readBundle(output) : fail([noToolchain]);
}

/** Why a bundle is not one of this model: every site must be the problem that the model makes of it. */
function findMisfit({ on, graph }: SitesRequest, { plan, target: { id, dialect }, model }: Manifest) {
  const wanted = places[on].target;
  const target = findTarget(id);
  if (dialect !== wanted.dialect || target === undefined) {
    const message = `the bundle is for ${id}, whose kernels are in ${dialect}`;
    return diagnose('QK195', { message, hint: `name a bundle for ${wanted.id}` });
  }
  const families = familiesOf(dialect);
  const lowered = lowerGraph(graph, target, (problem) => families[problem.family].supports(problem, target));
  if (!lowered.ok) return lowered.error[0];
  for (const block of lowered.value.plan.blocks) {
    const steps = plan.blocks.find(({ name }) => name === block.name)?.steps ?? [];
    for (const step of block.steps) {
      if (step.kind === 'host') continue;
      const other = steps.find(({ node }) => node === step.node);
      if (other !== undefined && other.kind !== 'host' && other.problem === step.problem) continue;
      const message = `${block.name} / ${step.node} is not what the bundle of ${model} has there`;
      return diagnose('QK195', { message });
    }
  }
  return undefined;
}

function openPtx({ graph, pool }: SitesRequest, bundle: Bundle): Result<OpenedSites, Faults> {
  const { manifest, folder } = bundle;
  if (!manifest.built)
    return fail([diagnose('QK702', { file: folder, message: 'the bundle was written without a build' })]);
  const texts = new Map<string, string>();
  const ptxOf = (kernel: ManifestKernel) => {
    const text = texts.get(kernel.id) ?? kernelFiles(bundle, kernel).ptx;
    assert(text !== undefined, 'a built bundle has PTX');
    texts.set(kernel.id, text);
    return text;
  };
  return succeed({
    runner: createPtxRunner({ manifest, ptxOf }, graph.dtype, pool),
    kernelOf: (place, m) => unwrap(findSiteKernel(manifest, place, m)),
    where: `PTX of ${manifest.target.id} on the executor`,
  });
}

async function openWeb(
  { graph, buildOptions: { env } }: SitesRequest,
  { manifest, folder }: Bundle,
): Promise<Result<OpenedSites, Faults>> {
  const dawn = await findDawn(env);
  if (!dawn.ok) return fail([dawn.error]);
  const index = join(folder, 'web', 'index.js');
  const session = await openAdapterSession({ dawn: dawn.value.module, index, env });
  if (!session.ok) return fail([session.error]);
  const { name, fallback, variant } = session.value.adapter;
  const linears = new Map(describeWeb(manifest).layers.map(({ layer, linear }) => [layer.id, linear]));
  const linearOf = (layer: string) => linears.get(layer) ?? '';
  return succeed({
    runner: createWebRunner({ manifest, linearOf }, graph.dtype, session.value),
    kernelOf: (place, m) => unwrap(findSiteKernel(manifest, place, m, variant)),
    where: `WGSL (${variant}) on ${name}${fallback ? ', a software adapter' : ''}`,
  });
}
