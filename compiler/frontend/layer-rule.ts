import type { Origin } from '../../ir/graph.ts';
import type { OutliersJson, SchemeJson, SparsityJson, TokensJson } from './schema-layer.ts';

/** What may be said of a layer, in any place that says it. */
export interface LayerFields {
  readonly scheme?: SchemeJson | undefined;
  readonly outliers?: OutliersJson | undefined;
  readonly sparsity?: SparsityJson | undefined;
  readonly tokens?: TokensJson | undefined;
}

/** Fields for the layers whose name `match` matches, and where that was said. */
export interface LayerRule {
  readonly match: string;
  readonly fields: LayerFields;
  readonly origin: Origin;
}

/** What the command line changes in a model, as typed. */
export interface Overrides {
  readonly scheme?: string | undefined;
  readonly outliers?: string | undefined;
  readonly layers: readonly string[];
}

export const noOverrides: Overrides = { layers: [] };

/** Overrides after they were understood. `layers` come after every rule of the model, and win. */
export interface ParsedOverrides {
  readonly scheme?: SchemeJson;
  readonly outliers?: number;
  readonly layers: readonly LayerRule[];
}
