import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Bundle } from '../package/read-bundle.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import type { Result } from '../support/result.ts';
import type { VerificationReport } from './format-verification.ts';
import type { VerifyChoices } from './read-verify-options.ts';

export interface VerifySelection {
  readonly kernel?: string;
  readonly full?: boolean;
}

export interface VerifyRequest extends VerifyChoices {
  readonly selection: VerifySelection;
  /** Number of a GPU, as it was given. */
  readonly device: string | undefined;
  /** The built thread of `quikc verify`. */
  readonly worker: URL;
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

/** What was found, for people and for machines. */
export interface Verified extends Omit<VerificationReport, 'full'> {
  /** What executed it, as JSON has it. */
  readonly executedOn: { readonly device?: object; readonly adapter?: object };
}

/** Executes a bundle's kernels where kernels of its language can be, and compares them with the float64 oracle. */
export type VerifyBundle = (bundle: Bundle, request: VerifyRequest) => Promise<Result<Verified, Diagnostic>>;
