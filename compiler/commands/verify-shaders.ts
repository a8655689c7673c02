import type { WgslContract } from '../../ir/call-contract.ts';
import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import { needsOf } from '../../ir/needs-of.ts';
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
import type { VerifyChoices } from './read-verify-options.ts';
import type { Verified, VerifyRequest, VerifySelection } from './verify-bundle.ts';
import { chooseKernels, launchesOf } from './verify-tasks.ts';

/** Token counts beyond this are run only when asked for: an adapter runs the whole grid, and may be a CPU. */
const mostTokens = 513;

/** Runs the chosen kernels of a WGSL bundle on the adapter at hand, one after the other. */
export async function verifyShaders(
  bundle: Bundle,
  request: VerifyRequest,
): Promise<Result<Verified, Diagnostic>> {
  const { selection, device, seed, env, signal, onFraction } = request;
  if (device !== undefined) {
    const message = 'a webgpu bundle runs on the adapter at hand: --device numbers a GPU for CUDA';
    return fail(diagnose('QK701', { message }));
  }
  const started = performance.now();
  const dawn = await findDawn(env);
  if (!dawn.ok) return dawn;
  const found = chooseKernels(bundle, selection.kernel);
  if (!found.ok) return found;
  const results: KernelVerification[] = [];
  const notRun: UnrunKernel[] = [];
  /** Reasons by needs: kernels of equal needs are not tried again, for their data may be large. */
  const refused = new Map<string, string>();
  let adapter: AdapterReply['adapter'] | undefined;
  for (const [index, entry] of found.value.entries()) {
    const needs = needsOf(entry.resources);
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
      ...{ id: entry.id, spec: entry.spec as KernelSpec<'wgsl'>, seed },
      contract: contractOf(entry),
      text: kernelFiles(bundle, entry).source,
      needs,
      launches: shaderLaunches(entry, selection, request),
    };
    const verified = await verifyShader(job, { dawn: dawn.value.module, env, signal });
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
  const { name, fallback } = adapter;
  return succeed({
    ...{ kernels: results, notRun, chains: [], seconds: (performance.now() - started) / 1000 },
    where: `executed on ${name}${fallback ? ', a software adapter' : ''}: whole grids run, numbers compared, beside seams between dispatches too; WGSL hides races`,
    executedOn: { adapter },
  });
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
