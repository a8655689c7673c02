import type { GraphNode } from '../../ir/graph.ts';
import type { Manifest, ManifestKernel, ManifestStep } from '../../ir/manifest.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { Place } from './site-runner.ts';

type SiteStep = Exclude<ManifestStep, { kind: 'host' }>;

/** The step of a bundle's plan that stands for a node. QK195 where the bundle has none: it is of another model. */
export function findSiteStep(
  manifest: Manifest,
  { block, node }: Pick<Place<GraphNode>, 'block' | 'node'>,
): Result<SiteStep, Diagnostic> {
  const planned = manifest.plan.blocks.find(({ name }) => name === block.name);
  const step = planned?.steps.find((candidate) => candidate.node === node.id);
  if (step !== undefined && step.kind !== 'host') return succeed(step);
  const message = `the bundle of ${manifest.model} has no ${block.name} / ${node.id}`;
  return fail(diagnose('QK195', { message }));
}

/** The kernel of a bundle that computes a node for M tokens; `variant`: of which set, where the bundle has several. */
export function findSiteKernel(
  manifest: Manifest,
  place: Pick<Place<GraphNode>, 'block' | 'node'>,
  m: number,
  variant?: string,
): Result<ManifestKernel, Diagnostic> {
  const step = findSiteStep(manifest, place);
  if (!step.ok) return step;
  const { site, problem } = step.value;
  const buckets = manifest.sites.find(({ id }) => id === site)?.buckets ?? [];
  const bucket = buckets
    .filter((candidate) => candidate.variant === variant)
    .find(({ from, to = Number.POSITIVE_INFINITY }) => from <= m && m <= to);
  const id = bucket?.launches.find((launch) => launch.problem === problem)?.kernel;
  const kernel = manifest.kernels.find((candidate) => candidate.id === id);
  if (kernel !== undefined) return succeed(kernel);
  const message = `the bundle of ${manifest.model} does not serve ${m} tokens at ${site}`;
  const hint = 'evaluate with a --window that the model.json’s "tokens" allow';
  return fail(diagnose('QK195', { message, hint }));
}
