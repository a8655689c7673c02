import type { QuantizeNode } from '../../ir/graph.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import type { Result } from '../support/result.ts';

/** A linear of the model before any were merged: where its weight is, and what the graph says of it. */
export interface WantedLinear {
  /** The model-wide name, e.g. `layers.3.mlp.up_proj`. */
  readonly name: string;
  readonly layer: number;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly clip: boolean;
  readonly weight: Parameters<ReadWeight<Diagnostic>>[0] | undefined;
  /** Ascending; undefined where the model lists none, though it keeps `outliers` of them. */
  readonly outlierColumns: Int32Array | undefined;
  readonly outliers: QuantizeNode['outliers'];
}

/** The weights of a quantised model, read or made on demand and kept. */
export interface QuantisedWeights {
  readonly linear: (wanted: WantedLinear) => Result<QuantisedLinear, Diagnostic>;
  /** Everything that stays in 16 bit: embeddings, norms, biases, heads. */
  readonly read: ReadWeight<Diagnostic>;
}
