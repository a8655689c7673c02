import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** Numbers that `quikc verify` takes, as the command line gives them. */
export interface VerifyNumbers {
  readonly m?: string;
  readonly seed?: string;
  readonly threads?: string;
  readonly device?: string;
}

/** The same, understood. Absent: the edges of each range, one thread a core. */
export interface VerifyChoices {
  readonly tokens?: readonly number[];
  readonly seed: number;
  readonly threads?: number;
}

/** Reads `--m`, `--seed` and `--threads`: the first that is no such number is a fault of usage. */
export function readVerifyOptions({
  m,
  seed = '1',
  threads,
}: VerifyNumbers): Result<VerifyChoices, Diagnostic> {
  const tokens = m?.split(',').map((count) => wholeNumber(count.trim()));
  if (m !== undefined && tokens?.every((count) => count >= 1 && count < 2 ** 31) !== true)
    return refuse(`--m ${quoteText(m)}`, 'token counts from 1 on, e.g. 1,16,17,2048');
  if (Number.isNaN(wholeNumber(seed))) return refuse(`--seed ${quoteText(seed)}`, 'a whole number from 0 on');
  if (threads !== undefined && !(wholeNumber(threads) >= 1))
    return refuse(`--threads ${quoteText(threads)}`, 'a whole number from 1 on');
  return succeed({
    seed: wholeNumber(seed),
    ...(tokens === undefined ? {} : { tokens }),
    ...(threads === undefined ? {} : { threads: wholeNumber(threads) }),
  });
}

/** Digits and nothing else: Number() would take '', '0x10' and '1e3' as well. NaN for what is no such number. */
function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function refuse(message: string, expected: string): Result<never, Diagnostic> {
  return fail(diagnose('QK701', { message, expected }));
}
