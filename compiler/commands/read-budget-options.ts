import type { Target } from '../../targets/target.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Objective } from '../recipe-search/search-recipe.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { WindowChoices } from './read-calibrate-options.ts';
import { readTarget } from './read-target.ts';

/** What `quikc quantize --ppl-budget` is told beside what quantize is. */
export interface BudgetTexts {
  readonly pplBudget?: string;
  readonly evalTokens?: string;
  readonly evalText?: string;
  readonly evalWindow?: string;
  readonly evalMaxTokens?: string;
  readonly target?: string;
  readonly rows?: string;
  readonly minimise?: string;
  readonly measurements?: string;
}

export interface BudgetChoices {
  readonly budget: number;
  readonly text: { readonly kind: 'tokens' | 'text' } & WindowChoices;
  readonly target: Target;
  readonly rows: number;
  readonly objective: Objective;
  readonly most: number;
}

const objectives = ['time', 'size'] as const;
/** Prefill of the published layer benchmarks. */
const usualRows = '2048';
const usualMeasurements = '8';
const wholePattern = /^[1-9]\d{0,8}$/;

/** A budget, where there is one; QK186 for options that say nothing without it. */
export function readBudgetOptions(texts: BudgetTexts): Result<BudgetChoices | undefined, Diagnostic> {
  const { pplBudget, evalTokens, evalText, evalWindow, evalMaxTokens, target, rows, minimise, measurements } =
    texts;
  const refuse = (message: string, expected: string) => fail(diagnose('QK186', { message, expected }));
  if (pplBudget === undefined) {
    const others = { evalTokens, evalText, evalWindow, evalMaxTokens, target, rows, minimise, measurements };
    const stray = Object.entries(others).find(([, value]) => value !== undefined);
    if (stray === undefined) return succeed(undefined);
    const option = stray[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return refuse(`--${option} without a budget`, '--ppl-budget, which it belongs to');
  }
  const budget = Number(pplBudget);
  if (!/^\d+(\.\d+)?$/.test(pplBudget) || budget <= 1 || budget > 1000)
    return refuse(
      `--ppl-budget ${quoteText(pplBudget)}`,
      "a factor above 1 of the float model's perplexity, as 1.05",
    );
  if ((evalTokens === undefined) === (evalText === undefined))
    return refuse('on which text perplexity is measured is unclear', 'one of --eval-tokens and --eval-text');
  const whole = { '--eval-window': evalWindow, '--eval-max-tokens': evalMaxTokens, '--rows': rows };
  for (const [option, text] of Object.entries({ ...whole, '--measurements': measurements }))
    if (text !== undefined && !wholePattern.test(text))
      return refuse(`${option} ${quoteText(text)}`, 'a whole number from 1 on');
  const objective = objectives.find((name) => name === (minimise ?? 'time'));
  if (objective === undefined)
    return refuse(`--minimise ${quoteText(minimise ?? '')}`, objectives.join(', '));
  const known = readTarget(target ?? 'sm80');
  if (!known.ok) return known;
  return succeed({
    ...{ budget, target: known.value, objective },
    text: {
      ...{ kind: evalTokens === undefined ? 'text' : 'tokens', file: evalTokens ?? evalText ?? '' },
      ...(evalWindow === undefined ? {} : { window: Number(evalWindow) }),
      ...(evalMaxTokens === undefined ? {} : { most: Number(evalMaxTokens) }),
    },
    rows: Number(rows ?? usualRows),
    most: Number(measurements ?? usualMeasurements),
  });
}
