/** What `ptxas -v` says of one kernel. */
export interface PtxasKernelReport {
  readonly symbol: string;
  readonly registers: number;
  readonly stackBytes: number;
  readonly spillStoreBytes: number;
  readonly spillLoadBytes: number;
  readonly staticSharedBytes: number;
  readonly barriers: number;
}

export interface PtxasReport {
  readonly kernels: readonly PtxasKernelReport[];
  /** C75xx notes: repairs and losses that ptxas passes off as information. */
  readonly notes: readonly string[];
  /** Warnings other than those on spills and local memory, which the numbers above tell better. */
  readonly warnings: readonly string[];
}

/** Reads the report. Kernels whose lines are not all there are left out, so that the caller sees them missing. */
export function parsePtxasReport(text: string): PtxasReport {
  const kernels: PtxasKernelReport[] = [];
  const notes: string[] = [];
  const warnings: string[] = [];
  let symbol: string | undefined;
  let properties: string | undefined;
  for (const line of text.split('\n')) {
    const entry = /Compiling entry function '([^']+)'/.exec(line)?.[1];
    if (entry !== undefined) symbol = entry;
    const described = /Function properties for (\S+)/.exec(line)?.[1];
    if (described !== undefined) properties = undefined;
    if (/bytes stack frame/.test(line)) properties = line;
    const note = /\(C75\d\d\).*/.exec(line)?.[0];
    if (note !== undefined) notes.push(note);
    const warning = /^ptxas\b.*\bwarning\s*: (.*)/.exec(line)?.[1];
    if (warning !== undefined && !/^(Local memory used|Registers are spilled)/.test(warning))
      warnings.push(warning);
    if (symbol !== undefined && properties !== undefined && /: Used \d+ registers/.test(line)) {
      kernels.push(kernelReport(symbol, properties, line));
      symbol = undefined;
      properties = undefined;
    }
  }
  return { kernels, notes, warnings };
}

function kernelReport(symbol: string, properties: string, usage: string): PtxasKernelReport {
  return {
    symbol,
    registers: numberBefore(usage, 'registers'),
    stackBytes: numberBefore(properties, 'bytes stack frame'),
    spillStoreBytes: numberBefore(properties, 'bytes spill stores'),
    spillLoadBytes: numberBefore(properties, 'bytes spill loads'),
    staticSharedBytes: numberBefore(usage, 'bytes smem'),
    barriers: numberBefore(usage, 'barriers'),
  };
}

/** The number in front of `words`; ptxas leaves out what is zero. */
function numberBefore(line: string, words: string): number {
  return Number(new RegExp(`(\\d+) ${words}`).exec(line)?.[1] ?? 0);
}
