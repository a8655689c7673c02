import { buildKernels } from '../../compiler/build/build-kernels.ts';
import { findToolchain, type Toolchain } from '../../compiler/build/find-toolchain.ts';
import type { CudaFamily, ViewContext } from '../../compiler/families/family.ts';
import { cudaFamilies as families } from '../../compiler/families/index.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { createRenderer } from '../../compiler/render/render-kernel.ts';
import { hashValue } from '../../compiler/support/hash.ts';
import type { KernelVerification } from '../../compiler/verify/verification.ts';
import { verifyKernel } from '../../compiler/verify/verify-kernel.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import type { LinearProblem, QuantizeProblem } from '../../ir/problem.ts';
import type { LinearSchedule } from '../../ir/schedule.ts';

const templates = loadTemplates('templates');
const render = createRenderer(templates);

export function familyOf(spec: KernelSpec<'cuda'>): CudaFamily<FamilyName> {
  return families[spec.family] as unknown as CudaFamily<FamilyName>;
}

/** A linear of the tests' default kind: w4a4, f16, compact, no residual. */
export function linearSpec(
  problem: Partial<LinearProblem>,
  schedule: LinearSchedule,
): SpecOf<'linear', 'cuda'> {
  const defaults: LinearProblem = {
    ...{ family: 'linear', target: 'sm80', n: 192, k: 576, outliers: 8, dtype: 'f16', columns: 'compact' },
    ...{ weightBits: 4, activationBits: 4, epilogue: [] },
  };
  return { family: 'linear', problem: { ...defaults, ...problem }, schedule };
}

export function quantizeSpec(
  problem: Partial<QuantizeProblem>,
  threads: number,
  ctasPerSm = 1,
): SpecOf<'quantize', 'cuda'> {
  const defaults: QuantizeProblem = {
    ...{ family: 'quantize', target: 'sm80', k: 576, outliers: 8, bits: 4, dtype: 'f16', columns: 'compact' },
    prologue: { op: 'none' },
  };
  const schedule = { kind: 'row', threads, ctasPerSm } as const;
  return { family: 'quantize', problem: { ...defaults, ...problem }, schedule };
}

/** The emitted text of a spec, with a banner that names no model. */
export function renderSpec(spec: KernelSpec<'cuda'>): string {
  const family = familyOf(spec);
  const context: ViewContext = {
    id: family.kernelId(spec as SpecOf<FamilyName, 'cuda'>),
    specHash: hashValue(spec),
    version: 'test',
    templatesDigest: 'test',
    scheme: 'test',
    serves: ['test'],
    whyThisSchedule: ['chosen by a test'],
  };
  return render(family.view(spec as SpecOf<FamilyName, 'cuda'>, context));
}

let toolchain: Promise<Toolchain> | undefined;

/** The nvcc that `compile` tests need; absent it they fail with the command that brings it. */
function requireToolchain(): Promise<Toolchain> {
  toolchain ??= findToolchain({ env: process.env }).then((found) => {
    if (!found.ok) throw new Error(`${found.error.message}; run: npx quikc toolchain install`);
    return found.value;
  });
  return toolchain;
}

/** PTX of emitted texts, by kernel id, through the build cache; no machine code and no gate. */
export async function compileTexts(texts: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>> {
  const sources = [...texts].map(([id, text]) => ({
    ...{ id, text, virtualArch: 'compute_80', realArchs: [], gate: 'none' as const },
  }));
  const report = await buildKernels(sources, await requireToolchain(), { env: process.env });
  const failure = report.failed[0];
  if (failure !== undefined) throw new Error(`${failure.id}: ${JSON.stringify(failure.diagnostics)}`);
  return new Map(report.built.map(({ id, ptx }) => [id, ptx]));
}

/** Verifies PTX as `spec`'s kernel at some token counts; a whole grid unless `tiles` limits it. */
export function verifyPtx(
  spec: KernelSpec<'cuda'>,
  ptx: string,
  tokens: readonly number[],
  options: { readonly tiles?: number; readonly seed?: number } = {},
): KernelVerification {
  const family = familyOf(spec);
  const id = family.kernelId(spec as SpecOf<FamilyName, 'cuda'>);
  const contract = family.contract(spec as SpecOf<FamilyName, 'cuda'>);
  const { tiles, seed = 1 } = options;
  const launches = tokens.map((count) => ({ tokens: count, ...(tiles === undefined ? {} : { tiles }) }));
  return verifyKernel({ id, spec, contract, ptx, launches, seed });
}
