import type { GateExpectations } from './gate-kernel.ts';

/** One translation unit to build. */
export interface KernelSource {
  /** File name and kernel symbol: letters, digits, underscores. */
  readonly id: string;
  readonly text: string;
  /** The architecture that PTX is written for, e.g. "compute_80". */
  readonly virtualArch: string;
  /** The architectures to assemble for, e.g. ["sm_80", "sm_86"]. Empty: PTX only, no gate. */
  readonly realArchs: readonly string[];
  /** Checked on every real architecture; "none" for probes, whose unit may hold any kernels. */
  readonly gate: GateExpectations | 'none';
}
