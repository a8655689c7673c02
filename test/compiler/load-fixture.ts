import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';
import { importModel } from '../../compiler/frontend/import-model.ts';
import type { Overrides } from '../../compiler/frontend/layer-rule.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import type { Graph } from '../../ir/graph.ts';

/** A model given as a value, as a graph; throws with the diagnostics if it is refused. */
export function importGraph(model: unknown, overrides: Overrides = noOverrides): Graph {
  const imported = importModel({ file: 'model.json', text: JSON.stringify(model) }, overrides);
  if (!imported.ok) throw new Error(JSON.stringify(imported.error, null, 2));
  return imported.value;
}

/** The faults for which a model is refused. */
export function importFaults(model: unknown, overrides: Overrides = noOverrides): readonly Diagnostic[] {
  const imported = importModel({ file: 'model.json', text: JSON.stringify(model) }, overrides);
  if (imported.ok) throw new Error('the model was taken');
  return imported.error;
}

/** LLaMA with two layers and small sizes. */
export function smallLlama(changes: object = {}, facts: object = {}): object {
  return {
    quikc: 1,
    name: 'small',
    architecture: 'llama',
    facts: { hidden: 128, layers: 4, heads: 4, kvHeads: 2, ffn: 256, vocab: 64, rmsNormEps: 1e-5, ...facts },
    outliers: { count: 16 },
    layers: [{ match: '*.down_proj', scheme: 'quik-8b', outliers: { rule: 'proportional' } }],
    ...changes,
  };
}

/** An explicit graph of one block on 64 features. */
export function explicit(nodes: readonly object[], block: object = {}): object {
  return { quikc: 1, name: 'explicit', graph: { input: { features: 64 }, blocks: [{ ...block, nodes }] } };
}

/** An explicit linear without outliers. */
export function linear(name: string, input: string, k: number, n: number, fields: object = {}): object {
  return { name, op: 'linear', input, in: k, out: n, outliers: { count: 0 }, ...fields };
}
