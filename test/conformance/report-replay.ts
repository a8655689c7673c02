import { goldenRuns } from './golden-runs.ts';
import { judgeProbe } from './judge-probe.ts';
import type { Probe } from './probe.ts';
import { fromBytes, toBytes } from './probe-bytes.ts';
import { probes } from './probes.ts';
import type { Laboratory } from './record-vectors.ts';
import { replayKernel, replayProbe, type Verdict } from './replay-vectors.ts';
import { runOnExecutor } from './run-on-executor.ts';
import { readVectors, type Vectors } from './vectors.ts';

export interface ReplayReport {
  readonly text: string;
  readonly failed: boolean;
}

/** Replays every recording of a folder; without one, checks the probes against their references and says so. */
export async function reportReplay(
  folder: string,
  laboratory: Pick<Laboratory, 'compile'>,
): Promise<ReplayReport> {
  const recordings = readVectors(folder);
  if (recordings.length === 0) return reportReferences();
  const runs = await goldenRuns();
  const compiled = await laboratory.compile(new Map(runs.map(({ id, text }) => [id, text])));
  const lines: string[] = [];
  let failed = false;
  for (const { file, vectors } of recordings) {
    const verdicts = replayAll(vectors, runs, compiled.ok ? compiled.value.ptx : new Map());
    failed ||= verdicts.some(({ verdict }) => verdict.kind === 'differs');
    lines.push(...describeRecording(file, vectors, verdicts));
  }
  if (!compiled.ok)
    lines.push('no nvcc: golden kernels were held against the oracle only, not against the executor');
  return { text: `${lines.join('\n')}\n`, failed };
}

interface Named {
  readonly name: string;
  readonly what: 'probe' | 'kernel';
  readonly verdict: Verdict;
}

function replayAll(
  vectors: Vectors,
  runs: Awaited<ReturnType<typeof goldenRuns>>,
  ptx: ReadonlyMap<string, string>,
): readonly Named[] {
  const byName = new Map(probes.map((probe) => [probe.name, probe]));
  const ofProbes = vectors.probes.map((vector): Named => {
    return { name: vector.name, what: 'probe', verdict: replayProbe(byName.get(vector.name), vector) };
  });
  const ofKernels = vectors.kernels.map((vector): Named => {
    const run = runs.find(
      ({ id, data }) => id === vector.id && data.name === vector.dataset && data.m === vector.tokens,
    );
    const name = `${vector.id} (${vector.dataset})`;
    return { name, what: 'kernel', verdict: replayKernel(run, vector, ptx.get(vector.id)) };
  });
  return [...ofProbes, ...ofKernels];
}

function describeRecording(
  file: string,
  { provenance, probes: recorded }: Vectors,
  verdicts: readonly Named[],
): readonly string[] {
  const count = (what: Named['what'], kind: Verdict['kind']) =>
    verdicts.filter(({ what: own, verdict }) => own === what && verdict.kind === kind).length;
  const { gpu, driver, nvcc, date } = provenance;
  const names = new Set(recorded.map(({ name }) => name));
  const missing = probes.filter(({ name }) => !names.has(name)).length;
  return [
    `${file}: ${gpu}, driver ${driver}, nvcc ${nvcc}, ${date}`,
    `  probes   ${count('probe', 'agrees')} agree, ${count('probe', 'differs')} differ, ${count('probe', 'stale')} stale, ${missing} not recorded`,
    `  kernels  ${count('kernel', 'agrees')} agree, ${count('kernel', 'differs')} differ, ${count('kernel', 'stale')} stale`,
    ...verdicts.flatMap(({ name, verdict }) =>
      verdict.kind === 'differs' ? [`  ${name}: ${verdict.why}`] : [],
    ),
  ];
}

/** What can be said without hardware: the executor does what the references, written from the PTX ISA, say. */
function reportReferences(): ReplayReport {
  const faults = probes.flatMap((probe) =>
    judgeOnExecutor(probe).map((fault) => `  ${probe.name}: ${fault}`),
  );
  const lines = [
    `no hardware vectors recorded: ${probes.length} probes checked against their reference only, not against hardware`,
    ...faults,
    `${faults.length} of ${probes.length} differ; npm run conformance -- record, on a machine with a GPU, records vectors`,
  ];
  return { text: `${lines.join('\n')}\n`, failed: faults.length > 0 };
}

/** What is wrong with a probe on the executor, at most one line. */
function judgeOnExecutor(probe: Probe): readonly string[] {
  const { outputs, violations } = runOnExecutor(probe, toBytes(probe.rounds));
  const results = fromBytes(outputs, probe.outputs.length);
  const faults = probe.rounds.map((inputs, round) => judgeProbe(probe, inputs, results[round] ?? []));
  return [...violations, ...faults.filter((fault) => fault !== undefined)].slice(0, 1);
}
