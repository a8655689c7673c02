// npm run conformance [-- record]: recorded answers of GPUs against the executor, or recording them. See docs/conformance.md.
import { buildKernels } from '../../compiler/build/build-kernels.ts';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { runOnDevice } from '../../compiler/device/run-on-device.ts';
import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import { formatDiagnostics } from '../../compiler/diagnostics/format-diagnostics.ts';
import type { Environment } from '../../compiler/support/quikc-cache-root.ts';
import { fail, succeed } from '../../compiler/support/result.ts';
import { probes } from './probes.ts';
import { type Laboratory, recordVectors } from './record-vectors.ts';
import { reportReplay } from './report-replay.ts';
import { vectorsFolder, writeVectors } from './vectors.ts';

const usage = 'usage: npm run conformance [-- record]\n';
const exits = { done: 0, usage: 2, machine: 3, differs: 4 } as const;

export async function main(
  words: readonly string[],
  env: Environment = process.env,
  folder: string = vectorsFolder,
): Promise<number> {
  const laboratory = laboratoryOf(env);
  if (words.length === 0) {
    const { text, failed } = await reportReplay(folder, laboratory);
    process.stdout.write(text);
    return failed ? exits.differs : exits.done;
  }
  if (words.length === 1 && words[0] === 'record') return record(laboratory, env, folder);
  process.stderr.write(usage);
  return exits.usage;
}

async function record(laboratory: Laboratory, env: Environment, folder: string): Promise<number> {
  const recorded = await recordVectors(probes, laboratory);
  if (!recorded.ok) {
    process.stderr.write(`${formatDiagnostics(recorded.error, { color: false })}nothing was recorded\n`);
    return exits.machine;
  }
  const { vectors, surprises } = recorded.value;
  for (const surprise of surprises) process.stderr.write(`not as expected: ${surprise}\n`);
  const { gpu, driver } = vectors.provenance;
  const what = `${vectors.probes.length} probes and ${vectors.kernels.length} runs of golden kernels on ${gpu}, driver ${driver}`;
  // A stand-in's answers must never pass for a GPU's.
  if (env['QUIKC_LIBCUDA'])
    process.stdout.write(`${what}: not stored, since QUIKC_LIBCUDA names another driver library\n`);
  else process.stdout.write(`${what}: stored in ${writeVectors(folder, vectors)}\n`);
  return surprises.length > 0 ? exits.differs : exits.done;
}

function laboratoryOf(env: Environment): Laboratory {
  return {
    runJob: (job) => runOnDevice(job, { env }),
    compile: async (texts) => {
      const toolchain = await findToolchain({ env });
      if (!toolchain.ok) return fail([toolchain.error]);
      const sources = [...texts].map(([id, text]) => ({
        ...{ id, text, virtualArch: 'compute_80', realArchs: [], gate: 'none' as const },
      }));
      const { built, failed } = await buildKernels(sources, toolchain.value, { env });
      const faults: readonly Diagnostic[] = failed.flatMap(({ diagnostics }) => diagnostics);
      if (faults.length > 0) return fail(faults);
      return succeed({ nvcc: toolchain.value.version, ptx: new Map(built.map(({ id, ptx }) => [id, ptx])) });
    },
    today: () => new Date().toISOString().slice(0, 10),
  };
}
