import { compileKernel, execute, GlobalMemory, parsePtx } from '../../compiler/executor/index.ts';
import type { Probe } from './probe.ts';
import { outputBytes } from './probe-bytes.ts';
import { inputCount, probeModule, probeSymbol, scratchBytes } from './probe-module.ts';

export interface ExecutedProbe {
  readonly outputs: Uint8Array;
  /** What the executor holds against the probe itself, which must be nothing. */
  readonly violations: readonly string[];
}

/** A probe on the PTX executor, all checks on. */
export function runOnExecutor(probe: Probe, inputs: Uint8Array, seed = 1): ExecutedProbe {
  const module = parsePtx(probeModule(probe));
  if (!module.ok) throw new Error(`${probe.name}: line ${module.error.line}: ${module.error.message}`);
  const kernel = compileKernel(module.value, probeSymbol(probe));
  if (!kernel.ok) throw new Error(`${probe.name}: line ${kernel.error.line}: ${kernel.error.message}`);
  const rounds = inputs.length / inputCount(probe) / 128;
  const bytes = outputBytes(probe, inputs);
  const memory = new GlobalMemory();
  const addresses = [
    memory.add({ name: 'in', bytes: inputs.length, access: 'input', data: inputs }),
    memory.add({ name: 'out', bytes, access: 'output' }),
    memory.add({
      ...{ name: 'room', bytes: rounds * scratchBytes, access: 'workspace' },
      fill: (_: number, into: Uint8Array) => into.fill(0),
    }),
  ];
  const launch = { grid: [rounds, 1, 1], block: [32, 1, 1], arguments: addresses } as const;
  const report = execute(kernel.value, launch, memory, { seed });
  return {
    outputs: memory.get('out').read(0, bytes),
    violations: report.violations.map(
      ({ kind, message, ptxLine }) => `${kind} at line ${ptxLine}: ${message}`,
    ),
  };
}
