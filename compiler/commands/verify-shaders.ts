import type { WgslContract } from '../../ir/call-contract.ts';
import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import { findDawn } from '../build/find-dawn.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { kernelFiles } from '../package/kernel-files.ts';
import type { Bundle } from '../package/read-bundle.ts';
import { variantsOf } from '../package/variants-of.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { AdapterFault, AdapterReply } from '../verify/run-on-adapter.ts';
import type { KernelVerification, PlannedLaunch, UnrunKernel } from '../verify/verification.ts';
import { verifyShader } from '../verify/verify-shader.ts';
import type { CommandContext } from './command.ts';
import type { VerifyChoices } from './read-verify-options.ts';
import { chooseKernels, launchesOf, type VerifySelection } from './verify-tasks.ts';

export interface ShaderReport {
  readonly adapter: AdapterReply['adapter'];
  readonly kernels: readonly KernelVerification[];
  /** Kernels that the adapter cannot run. Nothing is known of them. */
  readonly notRun: readonly UnrunKernel[];
}

/** Token counts beyond this are run only when asked for: an adapter runs the whole grid, and may be a CPU. */
const mostTokens = 513;

/** Runs the chosen kernels of a WGSL bundle on the adapter at hand, one after the other. */
export async function verifyShaders(
  bundle: Bundle,
  options: VerifySelection,
  choices: VerifyChoices,
  context: CommandContext,
  signal: AbortSignal,
  onFraction: (fraction: number) => void,
): Promise<Result<ShaderReport, Diagnostic>> {
  const dawn = await findDawn(context.env);
  if (!dawn.ok) return dawn;
  const found = chooseKernels(bundle, options.kernel);
  if (!found.ok) return found;
  const results: KernelVerification[] = [];
  const notRun: UnrunKernel[] = [];
  /** Reasons by needs: kernels of equal needs are not tried again, for their data may be large. */
  const refused = new Map<string, string>();
  let adapter: AdapterReply['adapter'] | undefined;
  for (const [index, entry] of found.value.entries()) {
    const needs = needsOf(entry);
    const refuse = (reason: string) => {
      refused.set(JSON.stringify(needs), reason);
      notRun.push({ id: entry.id, variants: variantsOf(entry.id, bundle.manifest.sites), reason });
    };
    const known = refused.get(JSON.stringify(needs));
    if (known !== undefined) {
      refuse(known);
      continue;
    }
    const job = {
      ...{ id: entry.id, spec: entry.spec as KernelSpec<'wgsl'>, seed: choices.seed },
      contract: contractOf(entry),
      text: kernelFiles(bundle, entry).source,
      needs,
      launches: shaderLaunches(entry, options, choices),
    };
    const verified = await verifyShader(job, { dawn: dawn.value.module, env: context.env, signal });
    if (!verified.ok) {
      const { kind, message } = verified.error;
      if (kind === 'unsupported') {
        refuse(message);
        continue;
      }
      if (kind === 'failed') {
        results.push(failure(entry.id, message));
        continue;
      }
      return fail(diagnoseAdapter(kind, `${entry.id}: ${message}`));
    }
    adapter = verified.value.adapter;
    results.push(verified.value.result);
    onFraction((index + 1) / found.value.length);
  }
  if (adapter === undefined) {
    const why = notRun[0]?.reason;
    const message = `no kernel ran on the adapter${why === undefined ? '' : `: ${why}`}`;
    return fail(diagnose('QK703', { message }));
  }
  return succeed({ adapter, kernels: results, notRun });
}

function needsOf({ id, resources }: ManifestKernel): DeviceNeeds {
  assert(resources.dialect === 'wgsl', `${id} is of a bundle for WGSL`);
  const { features, languageFeatures, leastSubgroupSize } = resources;
  return { features, languageFeatures, leastSubgroupSize };
}

function contractOf({ id, arguments: all, dispatches, tokensAtOnce }: ManifestKernel): WgslContract {
  assert(dispatches !== undefined && tokensAtOnce !== undefined, `${id} was checked to be in WGSL`);
  return { arguments: all, dispatches, tokensAtOnce };
}

/** Edges of ranges as for CUDA; in place of the largest M a moderate one, with rows of every pattern in the data. */
function shaderLaunches(
  entry: ManifestKernel,
  { full }: VerifySelection,
  { tokens: asked }: VerifyChoices,
): readonly PlannedLaunch[] {
  const launches = launchesOf(entry, asked);
  const kept = launches.filter(({ tokens }) => asked !== undefined || tokens <= mostTokens);
  const last = kept.at(-1)?.tokens ?? 1;
  const more = kept.length < launches.length ? [{ tokens: last + 39, tiles: 24 }] : [];
  return [...kept, ...more].map(({ tokens, tiles }) =>
    full === true || tiles === undefined ? { tokens } : { tokens, tiles },
  );
}

function diagnoseAdapter(
  kind: Exclude<AdapterFault['kind'], 'failed' | 'unsupported'>,
  message: string,
): Diagnostic {
  switch (kind) {
    case 'no-adapter':
      return diagnose('QK703', { message: 'no WebGPU adapter here' });
    case 'device-lost':
      return diagnose('QK704', { message });
    case 'no-memory':
      return diagnose('QK705', { message });
    case 'cancelled':
      return diagnose('QK616', { message: 'verify was interrupted' });
  }
}

function failure(id: string, message: string): KernelVerification {
  return {
    ...{ id, passed: false, faults: [message], cases: [], accesses: [] },
    ...{ mma: { executed: 0, expected: 0 }, macs: 0, leastWavefronts: 0 },
  };
}
