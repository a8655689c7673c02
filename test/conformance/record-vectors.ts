import type { DeviceJob } from '../../compiler/device/device-job.ts';
import type { DeviceReply } from '../../compiler/device/run-on-device.ts';
import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import { sha256 } from '../../compiler/support/hash.ts';
import { fail, type Result, succeed } from '../../compiler/support/result.ts';
import { version } from '../../compiler/support/version.ts';
import { type GoldenRun, goldenRuns, judgeRun, toDeviceJob } from './golden-runs.ts';
import { judgeProbe } from './judge-probe.ts';
import type { Probe } from './probe.ts';
import { fromBytes, toBytes } from './probe-bytes.ts';
import { outputBuffer, probeJob } from './probe-job.ts';
import { probeModule } from './probe-module.ts';
import { type KernelVector, type ProbeVector, toBase64, type Vectors } from './vectors.ts';

/** The two things that need a machine: tests put others in their place. */
export interface Laboratory {
  runJob(job: DeviceJob): Promise<Result<DeviceReply, Diagnostic>>;
  /** PTX of kernels by id, and the version of the compiler. */
  compile(
    texts: ReadonlyMap<string, string>,
  ): Promise<
    Result<{ readonly nvcc: string; readonly ptx: ReadonlyMap<string, string> }, readonly Diagnostic[]>
  >;
  today(): string;
}

export interface Recording {
  readonly vectors: Vectors;
  /** Where the hardware's answer is not what reference or oracle expect: worth more than all that agrees. */
  readonly surprises: readonly string[];
}

/** Runs every probe and golden kernel on the GPU. Nothing is written: a recording is whole, or there is none. */
export async function recordVectors(
  probes: readonly Probe[],
  laboratory: Laboratory,
): Promise<Result<Recording, readonly Diagnostic[]>> {
  // First of all whether there is a GPU: building kernels for nothing takes a minute.
  const asked = await laboratory.runJob({ modules: [], buffers: [], launches: [] });
  if (!asked.ok) return fail([asked.error]);
  const { name: gpu, capability, driver } = asked.value.device;
  const runs = await goldenRuns();
  const compiled = await laboratory.compile(new Map(runs.map(({ id, text }) => [id, text])));
  if (!compiled.ok) return compiled;
  const probed = await recordProbes(probes, laboratory);
  if (!probed.ok) return probed;
  const ran = await recordKernels(runs, compiled.value.ptx, laboratory);
  if (!ran.ok) return ran;
  const { nvcc } = compiled.value;
  const provenance = { gpu, capability, driver, nvcc, quikc: version, date: laboratory.today() };
  return succeed({
    vectors: { conformance: 1, provenance, probes: probed.value.vectors, kernels: ran.value.vectors },
    surprises: [...probed.value.surprises, ...ran.value.surprises],
  });
}

interface Recorded<V> {
  readonly vectors: V[];
  readonly surprises: readonly string[];
}

async function recordProbes(
  probes: readonly Probe[],
  { runJob }: Laboratory,
): Promise<Result<Recorded<ProbeVector>, readonly Diagnostic[]>> {
  const reply = await runJob(probeJob(probes));
  if (!reply.ok) return fail([reply.error]);
  const surprises: string[] = [];
  const vectors = probes.map((probe, index) => {
    const outputs = reply.value.outputs.get(outputBuffer(index)) ?? new Uint8Array();
    const results = fromBytes(outputs, probe.outputs.length);
    for (const [round, inputs] of probe.rounds.entries()) {
      const fault = judgeProbe(probe, inputs, results[round] ?? []);
      if (fault !== undefined) surprises.push(`${probe.name}: ${fault}`);
    }
    return {
      ...{ name: probe.name, module: sha256(probeModule(probe)) },
      ...{ inputs: toBase64(toBytes(probe.rounds)), outputs: toBase64(outputs) },
    };
  });
  return succeed({ vectors, surprises });
}

async function recordKernels(
  runs: readonly GoldenRun[],
  ptx: ReadonlyMap<string, string>,
  { runJob }: Laboratory,
): Promise<Result<Recorded<KernelVector>, readonly Diagnostic[]>> {
  const surprises: string[] = [];
  const vectors: KernelVector[] = [];
  for (const run of runs) {
    const reply = await runJob(toDeviceJob(run, ptx.get(run.id) ?? ''));
    if (!reply.ok) return fail([{ ...reply.error, file: `${run.id}.cu` }]);
    const written = new Map<string, Uint8Array>();
    for (const [index, { argument, access }] of run.data.buffers.entries())
      if (access !== 'input') written.set(argument, reply.value.outputs.get(index) ?? new Uint8Array());
    const verdict = judgeRun(run, written);
    if (verdict.failures > 0) surprises.push(`${run.id} (${run.data.name}): ${verdict.worstAt}`);
    vectors.push({
      ...{ id: run.id, model: run.model, text: run.textDigest, tokens: run.data.m, dataset: run.data.name },
      outputs: Object.fromEntries(
        run.data.buffers
          .filter(({ access }) => access === 'output')
          .map(({ argument }) => [argument, toBase64(written.get(argument) ?? new Uint8Array())]),
      ),
    });
  }
  return succeed({ vectors, surprises });
}
