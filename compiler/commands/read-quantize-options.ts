import { availableParallelism } from 'node:os';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { CheckpointInputs } from '../quantised-checkpoint/begin-checkpoint.ts';
import type { QuantiseMethod } from '../quantised-checkpoint/quantise-method.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { WindowChoices } from './read-calibrate-options.ts';

/** What `quikc quantize` is told, as the command line gives it. */
export interface QuantizeTexts {
  readonly calibration?: string;
  readonly tokens?: string;
  readonly text?: string;
  readonly window?: string;
  readonly maxTokens?: string;
  readonly method?: string;
  readonly damping?: string;
  readonly order?: string;
  readonly score?: string;
  readonly propagate?: boolean;
  readonly threshold?: string;
  readonly sparsity?: string;
  /** False for --no-clip. */
  readonly clip?: boolean;
  readonly threads?: string;
  readonly exportWork?: string;
}

/** The same, understood. */
export interface QuantizeChoices {
  readonly source:
    | { readonly kind: 'calibration'; readonly file: string }
    | ({ readonly kind: 'tokens' | 'text' } & WindowChoices);
  readonly method: QuantiseMethod;
  readonly sparsity?: 'dense' | '2:4' | '4:8-pairs';
  readonly clip: boolean;
  readonly threads: number;
  /** What gptq_torch.py is to do goes to `file`, and nothing is quantised. */
  readonly work?: { readonly file: string; readonly calibration: string };
}

const methods = ['gptq', 'rtn'] as const;
const orders = ['score', 'natural', 'act-order'] as const;
const scores = ['rest', 'all'] as const;
const sparsities = ['dense', '2:4', '4:8-pairs'] as const;

export function readQuantizeOptions(texts: QuantizeTexts): Result<QuantizeChoices, Diagnostic> {
  const faults: Diagnostic[] = [];
  const refuse = (message: string, expected: string) => {
    faults.push(diagnose('QK186', { message, expected }));
  };
  const oneOf = <T extends string>(
    option: string,
    typed: string | undefined,
    known: readonly T[],
    fallback: T,
  ): T => {
    const found = known.find((name) => name === (typed ?? fallback));
    if (found === undefined) refuse(`${option} ${quoteText(typed ?? '')}`, known.join(', '));
    return found ?? fallback;
  };
  const numberOf = (option: string, typed: string | undefined, pattern: RegExp, expected: string) => {
    if (typed === undefined) return undefined;
    if (!pattern.test(typed) || !Number.isFinite(Number(typed)))
      refuse(`${option} ${quoteText(typed)}`, expected);
    return Number(typed);
  };
  const whole = (option: string, typed: string | undefined) =>
    numberOf(option, typed, /^[1-9]\d{0,8}$/, 'a whole number from 1 on');
  const real = (option: string, typed: string | undefined) =>
    numberOf(option, typed, /^\d*\.?\d+(e-?\d+)?$/i, 'a number from 0 on');

  const { calibration, tokens, text, clip = true } = texts;
  const sources = [calibration, tokens, text].filter((file) => file !== undefined);
  if (sources.length !== 1)
    refuse('what to choose outlier columns by is unclear', 'one of --calibration, --tokens and --text');
  const window = whole('--window', texts.window);
  const most = whole('--max-tokens', texts.maxTokens);
  if (calibration !== undefined && (window !== undefined || most !== undefined))
    refuse('statistics are taken as they are', 'no --window or --max-tokens with --calibration');
  if (calibration !== undefined && texts.propagate === true)
    refuse("statistics of a file are the float model's", 'no --propagate with --calibration');
  const method = {
    method: oneOf('--method', texts.method, methods, 'gptq'),
    damping: real('--damping', texts.damping) ?? 0.01,
    order: oneOf('--order', texts.order, orders, 'score'),
    score: oneOf('--score', texts.score, scores, 'all'),
    propagate: texts.propagate === true,
    threshold: real('--threshold', texts.threshold) ?? 0,
  };
  const sparsity =
    texts.sparsity === undefined ? undefined : oneOf('--sparsity', texts.sparsity, sparsities, 'dense');
  if (sparsity !== undefined && sparsity !== 'dense' && method.method === 'rtn')
    refuse(`--sparsity ${sparsity} with --method rtn`, 'gptq, which prunes and corrects in one pass');
  const threads = whole('--threads', texts.threads) ?? availableParallelism();
  const { exportWork } = texts;
  if (exportWork !== undefined && (calibration === undefined || method.method === 'rtn'))
    refuse(
      `--export-work ${calibration === undefined ? 'without --calibration' : 'with --method rtn'}`,
      'GPTQ of what quikc calibrate --grams has gathered',
    );
  const [fault] = faults;
  if (fault !== undefined) return fail(fault);
  const cut = { ...(window === undefined ? {} : { window }), ...(most === undefined ? {} : { most }) };
  return succeed({
    source:
      calibration !== undefined
        ? { kind: 'calibration', file: calibration }
        : { kind: tokens === undefined ? 'text' : 'tokens', file: tokens ?? text ?? '', ...cut },
    ...{ method, clip, threads },
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(exportWork === undefined ? {} : { work: { file: exportWork, calibration: calibration ?? '' } }),
  });
}

/** What holds for all linears, whatever the model says of each. */
export function overridesOf({ clip, sparsity }: QuantizeChoices): CheckpointInputs['overrides'] {
  return { ...(clip ? {} : { clip }), ...(sparsity === undefined ? {} : { sparsity }) };
}
