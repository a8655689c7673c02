import { checkShaders } from '../../compiler/build/check-shaders.ts';
import { type Dawn, findDawn } from '../../compiler/build/find-dawn.ts';
import type { KernelFamily, ViewContext } from '../../compiler/families/family.ts';
import { wgslFamilies } from '../../compiler/families/index.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { createRenderer } from '../../compiler/render/render-kernel.ts';
import { hashValue } from '../../compiler/support/hash.ts';
import type { KernelVerification } from '../../compiler/verify/verification.ts';
import { verifyShader } from '../../compiler/verify/verify-shader.ts';
import type { WgslContract } from '../../ir/call-contract.ts';
import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import type { LinearProblem, QuantizeProblem } from '../../ir/problem.ts';
import type { WgslLinearSchedule } from '../../ir/schedule.ts';
import { webgpu } from '../../targets/webgpu.ts';

const render = createRenderer(loadTemplates('templates'));

export type WgslSpec = KernelSpec<'wgsl'>;

/** A linear of the tests' default kind: w4a4, f16, compact, no residual. */
export function linearShader(
  problem: Partial<LinearProblem>,
  [channelThreads, tokenThreads, tokensPerThread]: readonly [number, number, number],
): WgslSpec {
  const defaults: LinearProblem = {
    ...{ family: 'linear', target: 'webgpu', n: 192, k: 576, outliers: 8, dtype: 'f16', columns: 'compact' },
    ...{ weightBits: 4, activationBits: 4, epilogue: [] },
  };
  return {
    family: 'linear',
    problem: { ...defaults, ...problem },
    schedule: {
      kind: 'register-tile',
      channelThreads,
      tokenThreads,
      tokensPerThread,
      dot: 'packed',
      halves: 'words',
    },
  };
}

/** The same with a schedule of any kind. */
export function scheduledLinear(problem: Partial<LinearProblem>, schedule: WgslLinearSchedule): WgslSpec {
  const { problem: whole } = linearShader(problem, [4, 8, 1]) as SpecOf<'linear', 'wgsl'>;
  return { family: 'linear', problem: whole, schedule };
}

/** What a spec's kernel declares that it asks of a device. */
export function needsOf(spec: WgslSpec): DeviceNeeds {
  const resources = shaderFamily(spec).describeResources(spec as SpecOf<FamilyName, 'wgsl'>, webgpu);
  if (resources.dialect !== 'wgsl') throw new Error('a shader');
  return resources;
}

export function quantizeShader(problem: Partial<QuantizeProblem>, threads: number): WgslSpec {
  const defaults: QuantizeProblem = {
    ...{
      family: 'quantize',
      target: 'webgpu',
      k: 576,
      outliers: 8,
      bits: 4,
      dtype: 'f16',
      columns: 'compact',
    },
    prologue: { op: 'none' },
  };
  return {
    family: 'quantize',
    problem: { ...defaults, ...problem },
    schedule: { kind: 'workgroup-row', threads, reduce: 'workgroup' },
  };
}

function shaderFamily(spec: WgslSpec): KernelFamily<FamilyName, 'wgsl'> {
  return wgslFamilies[spec.family] as unknown as KernelFamily<FamilyName, 'wgsl'>;
}

/** The emitted text of a spec, with a banner that names no model. */
export function renderShader(spec: WgslSpec): string {
  const own = spec as SpecOf<FamilyName, 'wgsl'>;
  const context: ViewContext = {
    id: shaderFamily(spec).kernelId(own),
    specHash: hashValue(spec),
    ...{ version: 'test', templatesDigest: 'test', scheme: 'test', serves: ['test'] },
    whyThisSchedule: ['chosen by a test'],
  };
  return render(shaderFamily(spec).view(own, context));
}

/** Dawn; absent the tests that need it fail with the command that brings it. */
async function requireDawn(): Promise<Dawn> {
  const found = await findDawn(process.env);
  if (!found.ok) throw new Error(`${found.error.message}; run: eval "$(node test/webgpu/set-up.mjs)"`);
  return found.value;
}

/** What Dawn says of a text: nothing, if it is good. */
export async function checkText(text: string, features: readonly string[] = []): Promise<readonly string[]> {
  const kernel = { id: 'shader' } as never;
  const report = await checkShaders(
    [kernel],
    new Map([['shader', text]]),
    () => features,
    await requireDawn(),
    {
      env: process.env,
    },
  );
  return report.failed.flatMap(({ diagnostics }) => diagnostics.map(({ message }) => message));
}

/** The same linear with 16-bit floats read as vectors of f16. */
export function withVectors(spec: WgslSpec): WgslSpec {
  return { ...spec, schedule: { ...spec.schedule, halves: 'vectors' } } as WgslSpec;
}

/** The same with sums and ranges taken within subgroups first. */
export function withSubgroups(spec: WgslSpec): WgslSpec {
  return { ...spec, schedule: { ...spec.schedule, reduce: 'subgroup' } } as WgslSpec;
}

/** How the kernel of a spec is called. */
export function contractOf(spec: WgslSpec): WgslContract {
  return shaderFamily(spec).contract(spec as SpecOf<FamilyName, 'wgsl'>);
}

/**
 * Runs a text as the kernel of `spec` on the adapter, called as it should be or otherwise, all tiles compared, or a sample; or
 * says what the adapter lacks for it.
 */
export async function runShader(
  spec: WgslSpec,
  text: string,
  tokens: readonly number[],
  contract: WgslContract = contractOf(spec),
  tiles = 10_000,
): Promise<KernelVerification | { readonly lacks: string }> {
  const own = spec as SpecOf<FamilyName, 'wgsl'>;
  const family = shaderFamily(spec);
  const job = {
    ...{ id: family.kernelId(own), spec, contract, text, needs: needsOf(spec), seed: 1 },
    launches: tokens.map((count) => ({ tokens: count, tiles })),
  };
  const { module } = await requireDawn();
  const verified = await verifyShader(job, { dawn: module, env: process.env });
  if (!verified.ok && verified.error.kind === 'unsupported') return { lacks: verified.error.message };
  if (!verified.ok) throw new Error(`${verified.error.kind}: ${verified.error.message}`);
  return verified.value.result;
}
