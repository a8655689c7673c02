import type { OutputOptions } from './command.ts';
import type { ModelOptions } from './model-options.ts';
import type { BudgetTexts } from './read-budget-options.ts';
import type { QuantizeTexts } from './read-quantize-options.ts';

export interface QuantizeOptions extends OutputOptions, ModelOptions, QuantizeTexts, BudgetTexts {
  readonly output: string;
}
