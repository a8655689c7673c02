import { availableParallelism } from 'node:os';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { OutputOptions } from './command.ts';
import type { ModelOptions } from './model-options.ts';

/** What may compute a model. */
export const places = ['float', 'oracle', 'ptx', 'webgpu'] as const;
export type EvaluationPlace = (typeof places)[number];

/** Options of `quikc eval` and `quikc run`. */
export interface EvaluationOptions extends ModelOptions, OutputOptions {
  readonly on?: string;
  readonly bundle?: string;
  readonly threads?: string;
  readonly tokenizer?: string;
}

/** The places of `--on`, each once. A fault is of usage. */
export function readPlaces(on: string, many: boolean): Result<readonly EvaluationPlace[], Diagnostic> {
  const named = [...new Set(on.split(',').map((name) => name.trim()))];
  const known = named.flatMap((name) => places.find((place) => place === name) ?? []);
  if (known.length === named.length && (many || known.length === 1)) return succeed(known);
  const expected = many ? `${places.join(', ')}, or several with commas between them` : places.join(', ');
  return fail(diagnose('QK196', { message: `--on ${quoteText(on)}`, expected }));
}

/** A whole number from `least` on, in digits; `fallback` where the option is not there. */
export function readCount(
  option: string,
  text: string | undefined,
  least: number,
  fallback: number,
): Result<number, Diagnostic> {
  if (text === undefined) return succeed(fallback);
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least) return succeed(value);
  const message = `${option} ${quoteText(text)}`;
  return fail(diagnose('QK196', { message, expected: `a whole number from ${least} on` }));
}

/** Threads that compute, the own one among them. */
export function readThreads(threads: string | undefined): Result<number, Diagnostic> {
  return readCount('--threads', threads, 1, availableParallelism());
}
