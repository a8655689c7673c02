import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** What `quikc calibrate` is told, as the command line gives it. */
export interface CalibrateTexts {
  readonly tokens?: string;
  readonly text?: string;
  readonly actScales?: string;
  readonly window?: string;
  readonly maxTokens?: string;
  readonly threads?: string;
  readonly grams?: boolean;
}

/** The same, understood. */
export interface CalibrateChoices {
  readonly source: { readonly kind: 'tokens' | 'text' | 'scales'; readonly file: string };
  readonly window?: number;
  readonly most?: number;
  readonly threads?: number;
  readonly grams: boolean;
}

export function readCalibrateOptions(options: CalibrateTexts): Result<CalibrateChoices, Diagnostic> {
  const { tokens, text, actScales, grams = false } = options;
  const given = [
    ...(tokens === undefined ? [] : [{ kind: 'tokens' as const, file: tokens }]),
    ...(text === undefined ? [] : [{ kind: 'text' as const, file: text }]),
    ...(actScales === undefined ? [] : [{ kind: 'scales' as const, file: actScales }]),
  ];
  const [source] = given;
  if (source === undefined || given.length > 1)
    return refuse('what to calibrate with is unclear', 'one of --tokens, --text and --act-scales');
  const numbers: Record<'window' | 'maxTokens' | 'threads', number | undefined> = {
    window: undefined,
    maxTokens: undefined,
    threads: undefined,
  };
  for (const [key, option] of [
    ['window', '--window'],
    ['maxTokens', '--max-tokens'],
    ['threads', '--threads'],
  ] as const) {
    const typed = options[key];
    if (typed === undefined) continue;
    if (!/^\d{1,9}$/.test(typed) || Number(typed) < 1)
      return refuse(`${option} ${quoteText(typed)}`, 'a whole number from 1 on');
    numbers[key] = Number(typed);
  }
  const { window, maxTokens: most, threads } = numbers;
  if (source.kind === 'scales' && (grams || window !== undefined || most !== undefined))
    return refuse('scales are taken as they are', 'no --grams, --window or --max-tokens with --act-scales');
  return succeed({
    source,
    grams,
    ...(window === undefined ? {} : { window }),
    ...(most === undefined ? {} : { most }),
    ...(threads === undefined ? {} : { threads }),
  });
}

function refuse(message: string, expected: string): Result<never, Diagnostic> {
  return fail(diagnose('QK178', { message, expected }));
}
