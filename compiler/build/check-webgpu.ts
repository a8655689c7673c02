import { join } from 'node:path';
import { z } from 'zod';
import { diagnose } from '../diagnostics/codes.ts';
import { packageRoot } from '../support/package-root.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { runProcess } from '../support/run-process.ts';
import type { Check } from './check.ts';
import { type Dawn, findDawn } from './find-dawn.ts';
import { describeOutcome } from './tool-fault.ts';

const timeoutMs = 30_000;

const adapterSchema = z.nullable(
  z.object({
    name: z.string(),
    fallback: z.boolean(),
    features: z.array(z.string()),
    subgroupSize: z.nullable(z.number()),
  }),
);

/** Dawn, which checks shaders and runs them, and the adapter that it finds. Only the target webgpu needs either. */
export async function checkWebgpu(env: Environment, signal?: AbortSignal): Promise<readonly Check[]> {
  const found = await findDawn(env);
  if (!found.ok) {
    const { message, hint } = found.error;
    const fix = hint === undefined ? {} : { fix: hint };
    return [
      { name: 'Dawn', status: 'warn', detail: message, ...fix },
      { name: 'WebGPU adapter', status: 'warn', detail: 'not looked for: that takes Dawn', ...fix },
    ];
  }
  const { version, module } = found.value;
  return [
    { name: 'Dawn', status: 'ok', detail: `${version}: ${module}` },
    await checkAdapter(found.value, env, signal),
  ];
}

async function checkAdapter(
  { module }: Dawn,
  env: Environment,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const name = 'WebGPU adapter';
  const args = [join(packageRoot(), 'compiler', 'build', 'find-adapter.mjs'), module];
  const outcome = await runProcess({ file: process.execPath, args, env, timeoutMs, signal });
  const { hint = '' } = diagnose('QK703', { message: '' });
  if (outcome.kind !== 'exited' || outcome.code !== 0)
    return {
      name,
      status: 'warn',
      detail: `Dawn cannot look for one: ${describeOutcome(outcome)}`,
      fix: hint,
    };
  const adapter = adapterSchema.parse(JSON.parse(outcome.stdout));
  if (adapter === null)
    return { name, status: 'warn', detail: 'none: shaders are checked, and cannot be run here', fix: hint };
  const { features, subgroupSize } = adapter;
  const has = [
    ...(adapter.fallback ? ['a software adapter'] : []),
    ...features.map((feature) =>
      feature === 'subgroups' && subgroupSize !== null ? `subgroups of at least ${subgroupSize}` : feature,
    ),
  ];
  return { name, status: 'ok', detail: [adapter.name, ...has].join(', ') };
}
