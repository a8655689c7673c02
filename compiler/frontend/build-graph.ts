import type { Graph } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { placeOf, within } from '../diagnostics/origin.ts';
import { suggestName } from '../diagnostics/suggest-name.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { checkWeightFiles } from './check-weight-files.ts';
import type { Draft } from './draft.ts';
import { expandFalcon } from './expand-falcon.ts';
import { expandGraph } from './expand-graph.ts';
import { expandLlama } from './expand-llama.ts';
import { expandOpt } from './expand-opt.ts';
import type { LayerRule, ParsedOverrides } from './layer-rule.ts';
import type { ModelJson } from './model-schema.ts';
import type { SettledBlocks } from './settle-blocks.ts';
import { settleBlocks } from './settle-blocks.ts';

/** A model, changed as the command line asks, as a graph. Diagnostics have pointers, not yet line numbers. */
export function buildGraph(model: ModelJson, asked: ParsedOverrides): Result<Graph, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [...checkWeightFiles(model)];
  const degree = model.parallel?.tensor ?? 1;
  if (degree > 1) {
    faults.push(
      diagnose('QK123', {
        pointer: '/parallel/tensor',
        message: `tensor parallelism over ${degree} devices`,
      }),
    );
  }
  const draft = expand(model);
  if (!draft.ok) return fail([...faults, ...draft.error]);

  const { outliers, sparsity, tokens } = model;
  const scheme = asked.scheme ?? model.scheme;
  const rules = model.layers.map(
    ({ match, ...fields }, index): LayerRule => ({ match, fields, origin: `/layers/${index}` }),
  );
  const settled = settleBlocks(
    draft.value,
    {
      defaults: { fields: { scheme, outliers, sparsity, tokens }, origin: '' },
      rules,
      overrides: asked,
    },
    (diagnostic) => faults.push(diagnostic),
  );
  faults.push(...reportUnused([...rules, ...asked.layers], settled));
  if (settled.layers.length === 0)
    faults.push(diagnose('QK116', { pointer: '/graph', message: 'the model has no linear' }));
  if (faults.length > 0) return fail(faults);
  return succeed({
    name: model.name,
    dtype: model.dtype,
    weightFiles: model.weights?.files ?? [],
    blocks: settled.blocks,
  });
}

function expand(model: ModelJson): Result<Draft, readonly Diagnostic[]> {
  const { architecture, facts, graph } = model;
  if (graph !== undefined && architecture === undefined && facts === undefined)
    return expandGraph(graph, model.dtype);
  if (graph === undefined && model.facts !== undefined) {
    switch (model.architecture) {
      case 'llama':
        return expandLlama(model, model.facts);
      case 'opt':
        return expandOpt(model, model.facts);
      case 'falcon':
        return expandFalcon(model, model.facts);
      case undefined:
        break;
    }
  }
  const given = Object.entries({ architecture, facts, graph }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  const message = given.length === 0 ? 'the model has no layers' : `the model gives ${given.join(' and ')}`;
  return fail([
    diagnose('QK117', { pointer: '', message, expected: '"architecture" and "facts", or "graph" alone' }),
  ]);
}

/** A rule that matches nothing is a slip: the layer would silently keep its old scheme. */
function reportUnused(rules: readonly LayerRule[], { layers, used }: SettledBlocks): readonly Diagnostic[] {
  return rules
    .filter((rule) => !used.has(rule))
    .map((rule) => {
      const near = suggestMatch(rule.match, layers);
      const some = layers.slice(0, 3).join(', ');
      const hint =
        near === undefined ? `layers are called ${some}, …; * matches any text` : `did you mean "${near}"?`;
      const place = placeOf(within(rule.origin, 'match'));
      return diagnose('QK130', { ...place, message: `${quoteText(rule.match)} matches no layer`, hint });
    });
}

/** The nearest layer name, or the same pattern with its last segment mended, or the layers that end as it does. */
function suggestMatch(match: string, layers: readonly string[]): string | undefined {
  const near = suggestName(match, layers);
  if (near !== undefined) return near;
  const cut = match.lastIndexOf('.') + 1;
  const typed = match.slice(cut);
  const ending = layers.filter((name) => leafOf(name) === typed);
  // The last segment is right: what stands before it is not, or is a wildcard where the layer must be named.
  if (ending.length > 0) return ending.length === 1 ? ending[0] : `*.${typed}`;
  const leaf = suggestName(typed, [...new Set(layers.map(leafOf))]);
  return leaf === undefined ? undefined : `${match.slice(0, cut)}${leaf}`;
}

function leafOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
