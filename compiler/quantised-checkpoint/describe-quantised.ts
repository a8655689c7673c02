import type { ModelInput } from '../frontend/model-schema.ts';
import type { PlannedLayer, PlannedLinear } from './plan-quantisation.ts';

type Rule = NonNullable<ModelInput['layers']>[number];

/** What became of a linear, by its name. */
export type ColumnsOf = (name: string) => readonly number[];

export const weightsFile = 'weights.safetensors';

/**
 * The model.json of a quantised checkpoint: the model's own, but that its layers are quantised as they were, with the columns that were
 * chosen; all others are left in 16 bit. Weights that were pruned have zeros among their codes: kernels for them are those for dense ones.
 */
export function describeQuantised(
  { scheme: _scheme, outliers: _outliers, sparsity: _sparsity, layers = [], graph, ...model }: ModelInput,
  plan: readonly PlannedLayer[],
  columnsOf: ColumnsOf,
): ModelInput {
  const { weights, ...rest } = model;
  const ranges = layers.flatMap(({ match, tokens }) => (tokens === undefined ? [] : [{ match, tokens }]));
  return {
    ...rest,
    scheme: 'f16',
    outliers: { count: 0 },
    layers: [...ranges, ...writeRules(plan, columnsOf)],
    ...(graph === undefined ? {} : { graph: clearNodes(graph) }),
    weights: { ...weights, files: [weightsFile] },
  } as ModelInput;
}

/**
 * One rule for a linear whose repetitions are all alike but for their columns, so that they stay one block; else one for each
 * repetition: lists of columns are of all repetitions or of one.
 */
function writeRules(plan: readonly PlannedLayer[], columnsOf: ColumnsOf): Rule[] {
  const repeated = new Map<string, Entry[]>();
  const layerCounts = new Map<string, number>();
  for (const { layer, groups } of plan) {
    const { prefix, repeat } = layer.block;
    layerCounts.set(prefix, (layerCounts.get(prefix) ?? 0) + 1);
    for (const linear of groups.flatMap(({ linears }) => linears)) {
      const pattern = repeat === undefined ? linear.name : patternOf(layer, linear.name);
      const entries = repeated.get(pattern) ?? [];
      repeated.set(pattern, entries);
      entries.push({ linear, columns: columnsOf(linear.name), prefix });
    }
  }
  return [...repeated].flatMap(([pattern, entries]) => {
    const [first] = entries;
    if (first === undefined) return [];
    const areAll =
      entries.length === layerCounts.get(first.prefix) && entries.every((entry) => isAlike(entry, first));
    if (areAll && pattern !== first.linear.name)
      return [
        writeRule(
          pattern,
          first,
          entries.map(({ columns }) => columns),
        ),
      ];
    return entries.map((entry) => writeRule(entry.linear.name, entry, [entry.columns]));
  });
}

interface Entry {
  readonly linear: PlannedLinear;
  readonly columns: readonly number[];
  readonly prefix: string;
}

/** The linear's name with any number in place of the repetition's. */
function patternOf({ block: { prefix }, index }: PlannedLayer['layer'], name: string): string {
  const start = [prefix, `${index}`].filter((part) => part !== '').join('.');
  return `${[prefix, '*'].filter((part) => part !== '').join('.')}${name.slice(start.length)}`;
}

function isAlike({ linear, columns }: Entry, other: Entry): boolean {
  const { bits, clip, columnMode } = other.linear;
  return (
    linear.bits === bits &&
    linear.clip === clip &&
    linear.columnMode === columnMode &&
    columns.length === other.columns.length
  );
}

function writeRule(
  match: string,
  { linear, columns: own }: Entry,
  lists: readonly (readonly number[])[],
): Rule {
  return {
    match,
    scheme: {
      preset: linear.bits === 4 ? 'quik-4b' : 'quik-8b',
      weight: { clip: linear.clip ? 'search' : 'none' },
    },
    outliers:
      own.length === 0
        ? { count: 0 }
        : {
            columns: lists.length === 1 ? [...own] : lists.map((list) => [...list]),
            ...(linear.columnMode === undefined ? {} : { mode: linear.columnMode }),
          },
  };
}

type GraphInput = NonNullable<ModelInput['graph']>;

/** What an explicit linear says of itself would have the last word. */
function clearNodes(graph: GraphInput): GraphInput {
  return {
    ...graph,
    blocks: graph.blocks.map((block) => ({
      ...block,
      nodes: block.nodes.map((node) => {
        if (node.op !== 'linear') return node;
        const { scheme: _scheme, outliers: _outliers, sparsity: _sparsity, ...rest } = node;
        return rest;
      }),
    })),
  };
}
