import { join } from 'node:path';
import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { ManifestKernel, ManifestSite } from '../../ir/manifest.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { bundleFault } from '../package/bundle-fault.ts';
import { kernelFiles } from '../package/kernel-files.ts';
import { manifestFile } from '../package/make-bundle.ts';
import type { Bundle } from '../package/read-bundle.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { checkContract } from '../verify/check-contract.ts';
import { tokensToVerify } from '../verify/tokens-to-verify.ts';
import type { ChainKernel, PlannedLaunch, VerificationJob, VerifyTask } from '../verify/verification.ts';
import { findKernels } from './find-kernels.ts';
import type { VerifyChoices } from './read-verify-options.ts';
import type { VerifySelection } from './verify-bundle.ts';

/** Output tiles per launch at token counts that the user named: corners, ragged edges, inside. */
const sampledTiles = 6;

/** What `quikc verify` has to run: every kernel chosen, and unless kernels were named, the chains of every site. */
export function verifyTasks(
  bundle: Bundle,
  options: VerifySelection,
  { tokens: asked, seed }: VerifyChoices,
): Result<readonly VerifyTask[], Diagnostic> {
  const { kernel } = options;
  const chosen = chooseKernels(bundle, kernel);
  if (!chosen.ok) return chosen;
  const kernels = chosen.value;
  const unbuilt = kernels.find(({ files }) => files.ptx === undefined);
  if (unbuilt !== undefined) {
    return fail(
      diagnose('QK702', { message: `${unbuilt.id} has no PTX: the bundle was written without a build` }),
    );
  }
  const jobs = kernels.map((entry): VerifyTask => {
    const launches = launchesOf(entry, asked);
    const { source } = kernelFiles(bundle, entry);
    const job: VerificationJob = {
      ...{ ...part(bundle, entry), source, seed },
      launches: options.full === true ? launches.map(({ tokens }) => ({ tokens })) : launches,
    };
    return { kind: 'kernel', job };
  });
  const chains =
    kernel === undefined ? bundle.manifest.sites.flatMap((site) => chainsOf(bundle, site, seed)) : [];
  return succeed([...jobs, ...chains]);
}

/** A site's quantize with its first decode kernel and its first tiled one, a few tokens into their ranges. */
function chainsOf(bundle: Bundle, site: ManifestSite, seed: number): readonly VerifyTask[] {
  const byId = new Map(bundle.manifest.kernels.map((entry) => [entry.id, entry]));
  const tasks: VerifyTask[] = [];
  const tried = new Set<string>();
  for (const { from, to, launches } of site.buckets) {
    const entries = launches.flatMap(({ kernel }) => byId.get(kernel) ?? []);
    const quantize = entries.find(({ family }) => family === 'quantize');
    for (const linear of entries.filter(({ family }) => family === 'linear')) {
      const kind = `${linear.problemHash} ${linear.spec.schedule.kind}`;
      if (quantize === undefined || tried.has(kind)) continue;
      tried.add(kind);
      tasks.push({
        kind: 'chain',
        job: {
          site: site.id,
          quantize: part(bundle, quantize) as ChainKernel<'quantize'>,
          linear: part(bundle, linear) as ChainKernel<'linear'>,
          tokens: Math.min(from + 4, to ?? from + 4),
          seed,
        },
      });
    }
  }
  return tasks;
}

function part(
  bundle: Bundle,
  kernel: ManifestKernel,
): Pick<VerificationJob, 'id' | 'spec' | 'contract' | 'ptx'> {
  const { id, spec, launch, workspace } = kernel;
  const { ptx } = kernelFiles(bundle, kernel);
  assert(ptx !== undefined && launch !== undefined, `${id} was built: QK702 refuses what was not`);
  return {
    ...{ id, spec: spec as KernelSpec<'cuda'>, ptx },
    contract: { arguments: kernel.arguments, launch, ...(workspace === undefined ? {} : { workspace }) },
  };
}

/** The kernels that a name fits, all of them if there is none; each one that this quikc can have made. */
export function chooseKernels(
  bundle: Bundle,
  kernel: string | undefined,
): Result<readonly ManifestKernel[], Diagnostic> {
  const found =
    kernel === undefined ? succeed(bundle.manifest.kernels) : findKernels(bundle.manifest, kernel);
  if (!found.ok) return found;
  for (const entry of found.value) {
    const fault = checkContract(entry);
    if (fault === undefined) continue;
    const pointer = `/kernels/${bundle.manifest.kernels.indexOf(entry)}/${fault.field}`;
    return fail(bundleFault.badManifest(join(bundle.folder, manifestFile), pointer, fault.message));
  }
  return found;
}

/** At the token counts asked for, else at the edges of every range that the kernel serves. */
export function launchesOf(
  kernel: ManifestKernel,
  asked: readonly number[] | undefined,
): readonly PlannedLaunch[] {
  if (asked !== undefined) return asked.map((tokens) => ({ tokens, tiles: sampledTiles }));
  const byTokens = new Map<number, PlannedLaunch>();
  for (const { from, to } of kernel.explain) {
    for (const planned of tokensToVerify(from, to)) {
      const known = byTokens.get(planned.tokens);
      if ((known?.tiles ?? 0) < (planned.tiles ?? 0)) byTokens.set(planned.tokens, planned);
    }
  }
  return [...byTokens.values()].sort((a, b) => a.tokens - b.tokens);
}
