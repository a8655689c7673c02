import type { Compilation, CompileRequest } from '../../compiler/compile.ts';
import { compile } from '../../compiler/compile.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import type { KernelSpec } from '../../ir/kernel-spec.ts';
import { sm80 } from '../../targets/sm80.ts';

/** A model file compiled to sources in memory; throws with the diagnostics if that fails. */
export async function compileFixture(
  file: string,
  changes: Partial<CompileRequest> = {},
): Promise<Compilation> {
  const compiled = await compile({
    file,
    overrides: noOverrides,
    target: sm80,
    build: false,
    buildOptions: { env: {} },
    ...changes,
  });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error, null, 2));
  return compiled.value;
}

/** Leaves slices of K for few tokens, tiles of many tokens for the rest. */
export function onlySlices({ schedule }: KernelSpec): string | undefined {
  const few = schedule.kind === 'register-tile' && schedule.tokenThreads * schedule.tokensPerThread < 64;
  const otherwise = schedule.kind === 'lane-split' || schedule.kind === 'broadcast-tile';
  return few || otherwise ? 'excluded by a test' : undefined;
}

export const llama7b = 'examples/llama-2-7b/model.json';
export const tinyLlama = 'test/fixtures/models/tiny-llama.json';
export const llama70b = 'examples/llama-2-70b/model.json';
