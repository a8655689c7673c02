import type { TokenWindows } from '../calibrate/token-windows.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import type { PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import type { StoreMeans } from './recipe-store.ts';

/** What it takes to make and measure recipes of a model. */
export interface RecipeMeans extends StoreMeans {
  readonly model: WeightedModel;
  /** What is to be quantised; how is searched for. */
  readonly plan: readonly PlannedLayer[];
  /** On which perplexity is measured. */
  readonly text: TokenWindows;
  readonly pool: EvaluatePool;
  /** Reads and keeps what stays in 16 bit. */
  readonly readKept: ReadWeight<Diagnostic>;
  readonly onStage: (stage: string, fraction: number) => void;
}
