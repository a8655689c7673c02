import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import { findDawn } from '../build/find-dawn.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { kernelFiles } from '../package/kernel-files.ts';
import type { Bundle } from '../package/read-bundle.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { AdapterReply } from '../verify/run-on-adapter.ts';
import type { KernelVerification, PlannedLaunch } from '../verify/verification.ts';
import { verifyShader } from '../verify/verify-shader.ts';
import type { CommandContext } from './command.ts';
import type { VerifyChoices } from './read-verify-options.ts';
import { chooseKernels, launchesOf, type VerifySelection } from './verify-tasks.ts';

export interface ShaderReport {
  readonly adapter: AdapterReply['adapter'];
  readonly kernels: readonly KernelVerification[];
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
  let adapter: AdapterReply['adapter'] | undefined;
  for (const [index, entry] of found.value.entries()) {
    const job = {
      ...{ id: entry.id, spec: entry.spec as KernelSpec<'wgsl'>, seed: choices.seed },
      contract: { arguments: entry.arguments, launch: entry.launch },
      text: kernelFiles(bundle, entry).source,
      launches: shaderLaunches(entry, options, choices),
    };
    const verified = await verifyShader(job, { dawn: dawn.value.module, env: context.env, signal });
    if (!verified.ok) {
      const { kind, message } = verified.error;
      if (kind === 'failed') {
        results.push(failure(entry.id, message));
        continue;
      }
      return fail(
        kind === 'no-adapter'
          ? diagnose('QK703', { message: 'no WebGPU adapter here' })
          : diagnose('QK616', { message: 'verify was interrupted' }),
      );
    }
    adapter = verified.value.adapter;
    results.push(verified.value.result);
    onFraction((index + 1) / found.value.length);
  }
  if (adapter === undefined) return fail(diagnose('QK703', { message: 'no kernel ran on the adapter' }));
  return succeed({ adapter, kernels: results });
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

function failure(id: string, message: string): KernelVerification {
  return {
    ...{ id, passed: false, faults: [message], cases: [], accesses: [] },
    ...{ mma: { executed: 0, expected: 0 }, macs: 0, leastWavefronts: 0 },
  };
}
