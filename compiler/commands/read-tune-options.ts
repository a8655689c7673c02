import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** What `quikc tune` takes, as the command line gives it. */
export interface TuneNumbers {
  readonly budget?: string;
  readonly top?: string;
  readonly device?: string;
  readonly seed?: string;
}

export interface TuneChoices {
  /** Milliseconds. */
  readonly budget: number;
  readonly most: number;
  readonly device: number;
  readonly seed: number;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** A day: more is a slip of the hand. */
const mostMs = 24 * 3_600_000;

/** Reads numbers and the budget: the first that is none is a fault of usage. */
export function readTuneOptions(options: TuneNumbers): Result<TuneChoices, Diagnostic> {
  const { budget = '2m', top = '12', device = '0', seed = '1' } = options;
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(budget) ?? [];
  const milliseconds = Number(amount) * (unitMs[unit] ?? Number.NaN);
  if (!(milliseconds > 0 && milliseconds <= mostMs))
    return refuse('--budget', budget, 'a time up to 24h, e.g. 90s, 2m or 1.5h');
  if (!(wholeNumber(top) >= 1)) return refuse('--top', top, 'a whole number from 1 on');
  if (!(wholeNumber(device) >= 0)) return refuse('--device', device, 'the number of a GPU, from 0 on');
  if (!(wholeNumber(seed) >= 0)) return refuse('--seed', seed, 'a whole number from 0 on');
  return succeed({
    budget: milliseconds,
    most: wholeNumber(top),
    device: wholeNumber(device),
    seed: wholeNumber(seed),
  });
}

/** Digits and nothing else; NaN for what is no such number. */
function wholeNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}

function refuse(option: string, given: string, expected: string): Result<never, Diagnostic> {
  return fail(diagnose('QK573', { message: `${option} ${quoteText(given)}`, expected }));
}
