import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { packageRoot } from '../support/package-root.ts';
import { runProcess } from '../support/run-process.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import { workRoot } from './build-context.ts';
import type { BuildOptions, BuildReport } from './build-kernels.ts';
import type { Dawn } from './find-dawn.ts';
import { describeOutcome, toolFault } from './tool-fault.ts';

const timeoutMs = 120_000;

const reportSchema = z.array(
  z.object({
    id: z.string(),
    messages: z.array(
      z.object({ type: z.string(), line: z.number(), column: z.number(), message: z.string() }),
    ),
  }),
);

export interface CheckReport extends Pick<BuildReport, 'failed' | 'warnings'> {
  readonly results: ReadonlyMap<string, 'checked'>;
}

/**
 * Every shader through Dawn's null back end: types, uniformity, the default limits, with no feature but its own of
 * `featuresOf`. A warning is a fault too.
 */
export async function checkShaders(
  kernels: readonly ScheduledKernel[],
  texts: ReadonlyMap<string, string>,
  featuresOf: (kernel: ScheduledKernel) => readonly string[],
  dawn: Dawn,
  { env, signal, onCommand }: BuildOptions,
): Promise<CheckReport> {
  const folder = makeScratchFolder(workRoot(env), 'shaders');
  try {
    for (const { id } of kernels) writeFileSync(join(folder, `${id}.wgsl`), texts.get(id) ?? '');
    const features = Object.fromEntries(kernels.map((kernel) => [kernel.id, featuresOf(kernel)]));
    writeFileSync(join(folder, 'features.json'), JSON.stringify(features));
    const args = [join(packageRoot(), 'compiler', 'build', 'check-shaders.mjs'), dawn.module, folder];
    onCommand?.([process.execPath, ...args]);
    const outcome = await runProcess({ file: process.execPath, args, env, timeoutMs, signal });
    if (outcome.kind === 'cancelled') return all(kernels, toolFault.cancelled());
    if (outcome.kind !== 'exited' || outcome.code !== 0)
      return all(kernels, toolFault.dawnUnusable(dawn.module, describeOutcome(outcome)));
    const report = reportSchema.parse(JSON.parse(outcome.stdout));
    const said = new Map(report.map(({ id, messages }) => [id, messages]));
    const failed = kernels.flatMap(({ id }) => {
      const diagnostics = (said.get(id) ?? [{ line: 0, column: 0, message: 'Dawn said nothing of it' }]).map(
        ({ line, column, message }): Diagnostic =>
          diagnose('QK627', {
            file: `${id}.wgsl`,
            ...(line > 0 ? { line, column } : {}),
            message: inOneLine(message),
          }),
      );
      return diagnostics.length === 0 ? [] : [{ id, diagnostics }];
    });
    const bad = new Set(failed.map(({ id }) => id));
    const good = kernels.filter(({ id }) => !bad.has(id));
    return { results: new Map(good.map(({ id }) => [id, 'checked'])), failed, warnings: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Dawn lists the candidates of a call below it. */
function inOneLine(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').join('; ');
}

/** One fault that is nobody's own, told of the first. */
function all([first]: readonly ScheduledKernel[], fault: Diagnostic): CheckReport {
  return {
    results: new Map(),
    failed: [{ id: first?.id ?? '', diagnostics: [fault] }],
    warnings: [],
  };
}
