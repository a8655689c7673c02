import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { type Bundle, readBundle } from '../package/read-bundle.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { tokensToVerify } from '../verify/tokens-to-verify.ts';
import type { KernelVerification, VerificationJob } from '../verify/verification.ts';
import { verifyKernels } from '../verify/verify-kernels.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics } from './command.ts';
import { formatVerification } from './format-verification.ts';
import { interruptible } from './interruptible.ts';
import { showFraction } from './show-fraction.ts';

export interface VerifyCommandOptions extends OutputOptions {
  readonly kernel?: string;
  readonly m?: string;
  readonly seed?: string;
  readonly full?: boolean;
  readonly threads?: string;
}

/** Output tiles per launch unless the whole grid is asked for: corners, ragged edges, inside. */
const sampledTiles = 6;

/** `quikc verify`: executes a bundle's PTX on the CPU and compares with the float64 oracle. `worker`: its built thread. */
export async function verify(
  folder: string,
  options: VerifyCommandOptions,
  context: CommandContext,
  worker: URL,
): Promise<ExitCode> {
  const bundle = readBundle(folder);
  if (!bundle.ok) {
    reportDiagnostics(bundle.error, options, context);
    return exitCodeOf(bundle.error);
  }
  const jobs = makeJobs(bundle.value, options);
  if (!jobs.ok) {
    reportDiagnostics([jobs.error], options, context);
    return jobs.error.code === 'QK701' ? 2 : exitCodeOf([jobs.error]);
  }
  const progress = showFraction('verifying', options, context);
  const started = performance.now();
  const outcome = await interruptible((signal) =>
    verifyKernels(jobs.value, {
      worker,
      signal,
      onProgress: progress.onFraction,
      ...(options.threads === undefined ? {} : { threads: Number(options.threads) }),
    }).catch((cause: unknown) => {
      if (signal.aborted) return [];
      throw cause;
    }),
  );
  progress.clear();
  if (outcome.interrupted) {
    context.err('verify was interrupted: nothing is proved\n');
    return 4;
  }
  const seconds = (performance.now() - started) / 1000;
  report(bundle.value.manifest, outcome.value, seconds, options, context);
  return outcome.value.every(({ passed }) => passed) ? 0 : 4;
}

function report(
  manifest: Manifest,
  results: readonly KernelVerification[],
  seconds: number,
  options: VerifyCommandOptions,
  context: CommandContext,
): void {
  const passed = results.every((result) => result.passed);
  if (options.json === true) {
    const checked = { model: manifest.model, target: manifest.target.id, passed, seconds, kernels: results };
    context.out(`${JSON.stringify(checked, null, 2)}\n`);
  } else if (options.quiet !== true || !passed) {
    context.out(formatVerification(manifest, results, seconds, { full: options.full === true }));
  }
}

function makeJobs(
  { manifest, files }: Bundle,
  options: VerifyCommandOptions,
): Result<readonly VerificationJob[], Diagnostic> {
  const asked = options.m === undefined ? undefined : parseTokens(options.m);
  if (asked !== undefined && !asked.ok) return asked;
  const seed = Number(options.seed ?? '1');
  if (!Number.isSafeInteger(seed) || seed < 0)
    return fail(usage(`--seed ${quoteText(options.seed ?? '')}`, 'a whole number from 0 on'));
  const { kernel } = options;
  const chosen = manifest.kernels.filter(
    ({ id }) => kernel === undefined || id === kernel || id.startsWith(kernel),
  );
  if (chosen.length === 0) {
    return fail(
      usage(
        `--kernel ${quoteText(kernel ?? '')} names no kernel of this bundle`,
        'an id, or the beginning of one; see quikc explain',
      ),
    );
  }
  const jobs: VerificationJob[] = [];
  for (const entry of chosen) {
    const ptx = entry.files.ptx === undefined ? undefined : files.get(entry.files.ptx.path);
    if (ptx === undefined) {
      return fail(
        diagnose('QK702', {
          message: `${entry.id} has no PTX: the bundle was written without a build`,
          hint: 'compile again without --no-build',
        }),
      );
    }
    jobs.push({
      id: entry.id,
      spec: entry.spec,
      contract: {
        arguments: entry.arguments,
        launch: entry.launch,
        ...(entry.workspace === undefined ? {} : { workspace: entry.workspace }),
      },
      ptx: Buffer.from(ptx).toString('utf8'),
      tokens: asked?.value ?? tokensOf(entry),
      seed,
      ...(options.full === true ? {} : { tiles: sampledTiles }),
    });
  }
  return succeed(jobs);
}

/** The edges of every range that the kernel serves. */
function tokensOf(kernel: ManifestKernel): readonly number[] {
  const counts = kernel.explain.flatMap(({ from, to }) => tokensToVerify(from, to));
  return [...new Set(counts)].sort((a, b) => a - b);
}

function parseTokens(text: string): Result<readonly number[], Diagnostic> {
  const counts = text.split(',').map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN));
  const isGood = counts.every((count) => Number.isSafeInteger(count) && count >= 1 && count < 2 ** 31);
  return isGood
    ? succeed(counts)
    : fail(usage(`--m ${quoteText(text)}`, 'token counts from 1 on, e.g. 1,16,17,2048'));
}

function usage(message: string, expected: string): Diagnostic {
  return diagnose('QK701', { message, expected });
}
