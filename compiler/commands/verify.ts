import { findTarget } from '../../targets/index.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { findBackEnd } from '../find-back-end.ts';
import { readBundle } from '../package/read-bundle.ts';
import { assert } from '../support/assert.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { formatVerification } from './format-verification.ts';
import { interruptible } from './interruptible.ts';
import { readVerifyOptions, type VerifyNumbers } from './read-verify-options.ts';
import { showFraction } from './show-fraction.ts';
import type { VerifySelection } from './verify-bundle.ts';

export interface VerifyCommandOptions extends OutputOptions, VerifySelection, VerifyNumbers {}

/** `quikc verify`: executes a bundle's kernels and compares with the float64 oracle. `worker`: its built thread. */
export async function verify(
  folder: string,
  options: VerifyCommandOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const choices = readVerifyOptions(options);
  if (!choices.ok) {
    reportDiagnostics([choices.error], options, context);
    return 2;
  }
  const bundle = readBundle(folder);
  if (!bundle.ok) {
    reportDiagnostics(bundle.error, options, context);
    return exitCodeOf(bundle.error);
  }
  const { manifest } = bundle.value;
  const target = findTarget(manifest.target.id);
  assert(target !== undefined, 'a manifest is of a target that there is');
  const { env } = context;
  const verifyBundle = await findBackEnd(target).loadVerifier();
  const { onFraction, clear } = showFraction('verifying', options, context);
  const outcome = await interruptible((signal) =>
    verifyBundle(bundle.value, {
      ...choices.value,
      ...{ selection: options, device: options.device, worker, env, signal, onFraction },
    }),
  );
  clear();
  if (outcome.interrupted) {
    context.err('verify was interrupted: nothing is proved\n');
    return 130;
  }
  if (!outcome.value.ok) {
    reportDiagnostics([outcome.value.error], options, context);
    return exitCodeOfFault(outcome.value.error);
  }
  const { executedOn, ...report } = outcome.value.value;
  const { kernels, chains, notRun, seconds } = report;
  const passed = [...kernels, ...chains].every((result) => result.passed);
  if (options.json === true) {
    const about = { model: manifest.model, target: manifest.target.id, ...executedOn };
    context.out(`${JSON.stringify({ ...about, passed, seconds, kernels, chains, notRun }, null, 2)}\n`);
  } else if (options.quiet !== true || !passed) {
    context.out(formatVerification(manifest, { ...report, full: options.full === true }));
  }
  return passed ? 0 : 4;
}

/** A kernel or GPU that was named and is not there is a matter of usage; a bundle without a build is the input's. */
function exitCodeOfFault(fault: Diagnostic): ExitCode {
  if (fault.code === 'QK566' || fault.code === 'QK701') return 2;
  return fault.code === 'QK702' ? 1 : exitCodeOf([fault]);
}
