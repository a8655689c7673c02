import type { DeviceBuffer, DeviceJob, DeviceLaunch } from '../../compiler/device/device-job.ts';
import type { Probe } from './probe.ts';
import { outputBytes, toBytes } from './probe-bytes.ts';
import { probeModule, probeSymbol, scratchBytes } from './probe-module.ts';

/** All probes as one job: probe p has the module p and the buffers 3p (in), 3p + 1 (out) and 3p + 2 (scratch). */
export function probeJob(probes: readonly Probe[]): DeviceJob {
  const buffers = probes.flatMap((probe): DeviceBuffer[] => {
    const inputs = toBytes(probe.rounds);
    return [
      { bytes: inputs.length, content: inputs, download: false },
      { bytes: outputBytes(probe, inputs), content: 0xcd, download: true },
      { bytes: probe.rounds.length * scratchBytes, content: 0, download: false },
    ];
  });
  const launches = probes.map(
    (probe, index): DeviceLaunch => ({
      ...{ module: index, symbol: probeSymbol(probe), dynamicSharedBytes: 0 },
      grid: [probe.rounds.length, 1, 1],
      block: [32, 1, 1],
      arguments: [0, 1, 2].map((buffer) => ({ buffer: 3 * index + buffer })),
    }),
  );
  return { modules: probes.map(probeModule), buffers, launches };
}

/** The index of the buffer that holds the results of probe `index`. */
export function outputBuffer(index: number): number {
  return 3 * index + 1;
}
