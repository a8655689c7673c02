import type { WgslContract } from '../../ir/call-contract.ts';
import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import type { CaseBuffer, KernelFamily, VerificationCase } from '../families/family.ts';
import { wgslFamilies } from '../families/index.ts';
import { assert } from '../support/assert.ts';
import { type Result, succeed } from '../support/result.ts';
import {
  type AdapterBuffer,
  type AdapterFault,
  type AdapterOptions,
  type AdapterReply,
  type AdapterRun,
  runOnAdapter,
} from './run-on-adapter.ts';
import type { CaseResult, KernelVerification, PlannedLaunch } from './verification.ts';

/** A WGSL kernel to verify, and the token counts to run it at. */
export interface ShaderJob {
  readonly id: string;
  readonly spec: KernelSpec<'wgsl'>;
  readonly contract: WgslContract;
  readonly text: string;
  readonly needs: DeviceNeeds;
  readonly launches: readonly PlannedLaunch[];
  readonly seed: number;
}

export interface ShaderVerification {
  readonly adapter: AdapterReply['adapter'];
  readonly result: KernelVerification;
}

interface PlannedRun {
  readonly data: VerificationCase;
  readonly tiles: number;
  readonly run: AdapterRun;
}

/**
 * Runs a kernel's whole grid on the adapter at every token count and dataset, and compares sampled tiles with the
 * oracle. WGSL keeps accesses in bounds and says nothing of races, so none are claimed here.
 */
export async function verifyShader(
  job: ShaderJob,
  options: AdapterOptions,
): Promise<Result<ShaderVerification, AdapterFault>> {
  const family = wgslFamilies[job.spec.family] as unknown as KernelFamily<FamilyName, 'wgsl'>;
  const spec = job.spec as SpecOf<FamilyName, 'wgsl'>;
  const planned = job.launches.flatMap(({ tokens, tiles = Number.POSITIVE_INFINITY }) =>
    family.cases(spec, tokens, job.seed).map((data) => planRun(job.contract, data, tiles)),
  );
  const ran = await runOnAdapter(
    job,
    planned.map(({ run }) => run),
    options,
    (reply) => ({ reply, cases: planned.map((run, index) => compareRun(job, family, run, index, reply)) }),
  );
  if (!ran.ok) return ran;
  const { reply, cases } = ran.value;
  const faults = cases.flatMap(({ failures, elements, worstAt, tokens, dataset }) =>
    failures === 0 ? [] : [`M = ${tokens}, ${dataset}: ${failures} of ${elements} values wrong: ${worstAt}`],
  );
  return succeed({
    adapter: reply.adapter,
    result: {
      ...{ id: job.id, passed: faults.length === 0, faults, cases },
      ...{ accesses: [], mma: { executed: 0, expected: 0 }, leastWavefronts: 0 },
      macs: cases.reduce((sum, { macs }) => sum + macs, 0),
    },
  });
}

function planRun(contract: WgslContract, data: VerificationCase, tiles: number): PlannedRun {
  const bindings = contract.arguments.flatMap((argument) => (argument.kind === 'buffer' ? [argument] : []));
  const buffers = bindings.map(({ name }): AdapterBuffer => {
    const found = data.buffers.find(({ argument }) => argument === name);
    assert(found !== undefined, `case ${data.name} has a buffer for ${name}`);
    return {
      argument: name,
      bytes: found.bytes,
      name: bufferName(data, found),
      fill: (into) => found.fill?.(0, into),
      output: found.access === 'output',
    };
  });
  return { data, tiles, run: { dispatches: planDispatches(contract, data.m), buffers } };
}

/** Equal for buffers with equal content: a dataset's weights do not depend on M. */
function bufferName({ name }: VerificationCase, { argument, bytes }: CaseBuffer): string {
  return `${name.replaceAll(' ', '_')}-${argument}-${bytes}`;
}

function compareRun(
  job: ShaderJob,
  family: KernelFamily<FamilyName, 'wgsl'>,
  { data, tiles, run }: PlannedRun,
  index: number,
  reply: AdapterReply,
): CaseResult {
  const started = performance.now();
  const outputs = new Map<string, Uint8Array>();
  for (const buffer of data.buffers) {
    if (buffer.access !== 'output' || !run.buffers.some(({ name }) => name === bufferName(data, buffer)))
      continue;
    outputs.set(buffer.argument, reply.read(index, bufferName(data, buffer)));
  }
  const spec = job.spec as SpecOf<FamilyName, 'wgsl'>;
  const sampled = family.sampleCtas(spec, data.m, tiles, job.seed);
  const comparison = data.compare((argument, offset, length) => {
    const bytes = outputs.get(argument);
    // An output of no size has no binding.
    return bytes === undefined ? new Uint8Array(length) : bytes.slice(offset, offset + length);
  }, sampled);
  return {
    ...{ tokens: data.m, dataset: data.name, ctas: sampled.length },
    macs: family.verificationCost(spec, data.m),
    ...comparison,
    violations: [],
    executeMs: reply.milliseconds[index] ?? 0,
    oracleMs: performance.now() - started,
  };
}
