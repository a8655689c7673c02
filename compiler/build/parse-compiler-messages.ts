import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';

/** A message of nvcc, the preprocessor or ptxas about a kernel's text. */
interface CompilerMessage {
  readonly severity: 'error' | 'warning';
  readonly text: string;
  readonly line?: number;
}

/**
 * Every error and warning that nvcc printed, with the line of the .cu file. Warnings are faults too: an emitted
 * kernel has none.
 */
export function nvccDiagnostics(id: string, stderr: string): Diagnostic[] {
  return stderr.split('\n').flatMap((line) => {
    const message = nvccMessage(line);
    return message === undefined
      ? []
      : [aboutKernel(id, message.severity === 'error' ? 'QK620' : 'QK621', message.text, message.line)];
  });
}

/** Every error that ptxas printed. It names lines of the PTX; the nearest `.loc` before says which .cu line that is. */
export function ptxasDiagnostics(id: string, arch: string, stderr: string, ptx: string): Diagnostic[] {
  return stderr.split('\n').flatMap((line) => {
    const match = /^ptxas\b(?:.*?, line (\d+);)?\s*(?:error|fatal)\s*: (.*)/.exec(line);
    if (match === null || match[2]?.startsWith('Ptx assembly aborted')) return [];
    const ptxLine = match[1] === undefined ? undefined : Number(match[1]);
    const where = ptxLine === undefined ? '' : ` (line ${ptxLine} of ${id}.ptx)`;
    const cuLine = ptxLine === undefined ? undefined : sourceLine(ptx, ptxLine);
    const text = `ptxas for ${arch}: ${match[2]}${where}`;
    return [aboutKernel(id, 'QK624', text, cuLine)];
  });
}

/** A fault of the kernel `id`, at a line of its text where one is known. */
export function aboutKernel(id: string, code: DiagnosticCode, message: string, line?: number): Diagnostic {
  const place = { file: `${id}.cu`, ...(line === undefined ? {} : { line }) };
  return diagnose(code, { message, ...place });
}

/** Three spellings: `k.cu(7): error: …` (front end), `k.cu:7:3: error: …` (preprocessor), `nvcc fatal : …`. */
function nvccMessage(line: string): CompilerMessage | undefined {
  const located =
    /^(\S.*?)\((\d+)\): (error|warning)\b[^:]*: (.*)/.exec(line) ??
    /^(\S.*?):(\d+):\d+: (?:fatal )?(error|warning): (.*)/.exec(line);
  if (located !== null) {
    const [, file = '', number, severity, text = ''] = located;
    // A message about a header keeps its name; one about the kernel needs none.
    const words = file.endsWith('.cu') ? text : `${text} (in ${file})`;
    return {
      severity: severity === 'warning' ? 'warning' : 'error',
      text: words,
      ...(file.endsWith('.cu') ? { line: Number(number) } : {}),
    };
  }
  const driver = /^(?:nvcc|cicc|gcc|g\+\+|cc1plus)\b.*?\b(fatal|error|warning)\b[^:]*: (.*)/.exec(line);
  if (driver === null) return undefined;
  return { severity: driver[1] === 'warning' ? 'warning' : 'error', text: driver[2] ?? line };
}

/** The line of the .cu file (file 1 of the PTX) in force at a line of the PTX. */
function sourceLine(ptx: string, ptxLine: number): number | undefined {
  const before = ptx.split('\n').slice(0, ptxLine).reverse();
  const loc = before
    .map((line) => /^\s*\.loc\s+1\s+(\d+)/.exec(line)?.[1])
    .find((line) => line !== undefined);
  return loc === undefined ? undefined : Number(loc);
}
