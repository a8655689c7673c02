import { compileKernel, execute, GlobalMemory, parsePtx } from '../../compiler/executor/index.ts';
import { sha256 } from '../../compiler/support/hash.ts';
import { extentOf } from '../../compiler/verify/case-job.ts';
import { type GoldenRun, judgeRun } from './golden-runs.ts';
import { findDifference, judgeProbe } from './judge-probe.ts';
import type { Probe } from './probe.ts';
import { fromBytes } from './probe-bytes.ts';
import { inputCount, probeModule } from './probe-module.ts';
import { runOnExecutor } from './run-on-executor.ts';
import { fromBase64, type KernelVector, type ProbeVector } from './vectors.ts';

/** What a recorded vector says of the executor now. `stale`: it was recorded with another text, so it says nothing. */
export type Verdict =
  | { readonly kind: 'agrees' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'differs'; readonly why: string };

const agrees: Verdict = { kind: 'agrees' };
const stale: Verdict = { kind: 'stale' };
const differs = (why: string): Verdict => ({ kind: 'differs', why });

/** Exact instructions bit for bit; approximate ones, both the GPU's and the executor's answer, within their bound. */
export function replayProbe(probe: Probe | undefined, vector: ProbeVector): Verdict {
  if (probe === undefined || sha256(probeModule(probe)) !== vector.module) return stale;
  const bytes = fromBase64(vector.inputs);
  const rounds = fromBytes(bytes, inputCount(probe));
  const recorded = fromBytes(fromBase64(vector.outputs), probe.outputs.length);
  const executed = runOnExecutor(probe, bytes);
  if (executed.violations.length > 0) return differs(executed.violations.join('; '));
  const results = fromBytes(executed.outputs, probe.outputs.length);
  for (const [round, inputs] of rounds.entries()) {
    const [hardware, executor] = [recorded[round] ?? [], results[round] ?? []];
    const onHardware = judgeProbe(probe, inputs, hardware);
    if (onHardware !== undefined) return differs(`the reference is not what the GPU does: ${onHardware}`);
    const fault =
      probe.reference.kind === 'exact'
        ? findDifference(probe.outputs, inputs, executor, hardware)
        : judgeProbe(probe, inputs, executor);
    if (fault !== undefined) return differs(`the executor is not what the GPU does: ${fault}`);
  }
  return agrees;
}

/**
 * A golden kernel's recorded outputs against the oracle, and, given its PTX, against the executor: bit for bit where no
 * instruction of the kernel leaves a choice, which approximations and float MMAs do.
 */
export function replayKernel(
  run: GoldenRun | undefined,
  vector: KernelVector,
  ptx: string | undefined,
): Verdict {
  if (run === undefined || run.textDigest !== vector.text) return stale;
  const outputs = new Map(Object.entries(vector.outputs).map(([name, text]) => [name, fromBase64(text)]));
  // A workspace is not kept: recording has seen that the kernel left it zero.
  const workspaces = run.data.buffers.filter(({ access }) => access === 'workspace');
  const zeroed = workspaces.map(({ argument, bytes }) => [argument, new Uint8Array(bytes)] as const);
  const verdict = judgeRun(run, new Map([...outputs, ...zeroed]));
  if (verdict.failures > 0) return differs(`the GPU's results are outside their bounds: ${verdict.worstAt}`);
  if (ptx === undefined || !isExact(ptx)) return agrees;
  for (const [argument, bytes] of executeRun(run, ptx)) {
    const at = bytes.findIndex((byte, index) => byte !== outputs.get(argument)?.[index]);
    if (at >= 0) return differs(`the executor differs from the GPU in byte ${at} of ${argument}`);
  }
  return agrees;
}

/** Whether PTX alone says what every bit of the result is. */
export function isExact(ptx: string): boolean {
  return !/\.approx\b|mma\.sync\S*\.f32\./.test(ptx);
}

/** A run on the executor: the bytes of each output that the kernel wrote whole. */
function executeRun({ id, contract, data }: GoldenRun, ptx: string): ReadonlyMap<string, Uint8Array> {
  const module = parsePtx(ptx);
  const kernel = module.ok ? compileKernel(module.value, id) : module;
  if (!kernel.ok) throw new Error(`${id}: line ${kernel.error.line}: ${kernel.error.message}`);
  const memory = new GlobalMemory();
  const addresses = new Map(
    data.buffers.map(({ argument, bytes, access, fill }) => [
      argument,
      memory.add({ name: argument, bytes, access, ...(fill === undefined ? {} : { fill }) }),
    ]),
  );
  const values = contract.arguments.map((argument) =>
    argument.kind === 'token-count' ? data.m : (addresses.get(argument.name) ?? 0n),
  );
  const { block, dynamicSharedBytes } = contract.launch;
  execute(
    kernel.value,
    { grid: extentOf(contract, data.m), block, dynamicSharedBytes, arguments: values },
    memory,
  );
  const written = data.buffers.filter(({ access }) => access === 'output');
  return new Map(written.map(({ argument, bytes }) => [argument, memory.get(argument).read(0, bytes)]));
}
