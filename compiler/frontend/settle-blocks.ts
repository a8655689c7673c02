import type { Block, GraphNode, LinearNode } from '../../ir/graph.ts';
import { layerName } from '../../ir/graph.ts';
import type { OutlierColumns } from '../../ir/quant-scheme.ts';
import { isQuantised, outlierCount } from '../../ir/quant-scheme.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { canonicalJson } from '../support/hash.ts';
import { checkColumns } from './check-columns.ts';
import type { Draft, DraftBlock, DraftLinear } from './draft.ts';
import type { LayerRule, ParsedOverrides } from './layer-rule.ts';
import { hasWildcards, matchGlob } from './match-glob.ts';
import type { FieldSource, GivenColumns, SettledLayer } from './settle-layer.ts';
import { settleLayer } from './settle-layer.ts';

/** All that is said of layers, in the order in which it is said. */
export interface Sayings {
  readonly defaults: FieldSource;
  readonly rules: readonly LayerRule[];
  readonly overrides: ParsedOverrides;
}

export interface SettledBlocks {
  readonly blocks: readonly Block[];
  /** Every layer name, and the rules that matched one: for "no layer matches". */
  readonly layers: readonly string[];
  readonly used: ReadonlySet<LayerRule>;
}

/**
 * Says of each linear how it is quantised. Repetitions stay one block while they agree: a block whose layers
 * differ is cut into runs of equal ones.
 */
export function settleBlocks(
  draft: Draft,
  sayings: Sayings,
  report: (diagnostic: Diagnostic) => void,
): SettledBlocks {
  const layers: string[] = [];
  const used = new Set<LayerRule>();
  const reportOnce = once(report);
  const taken = new Set<string>();
  const blocks = draft.blocks.flatMap((block) => {
    const settle = settler(draft, sayings, used, reportOnce);
    const rows = Array.from({ length: block.repeat ?? 1 }, (_, index) => {
      const settled = linearsOf(block).map((linear) => {
        const name = layerName({ prefix: block.prefix, ...repeatOf(block, 0, 1) }, linear.id, index);
        layers.push(name);
        return settle(linear, name, index, block.repeat ?? 1);
      });
      return { settled, key: settled.map(({ key }) => key).join() };
    });
    return cutRuns(rows.map(({ key }) => key)).map(({ first, count }) =>
      buildBlock(
        block,
        rows.slice(first, first + count).map(({ settled }) => settled),
        first,
        count,
        taken,
      ),
    );
  });
  return { blocks, layers, used };
}

/** One linear of one repetition: the shared settlement, what it is told apart by, and its own columns. */
interface Settled {
  readonly layer: SettledLayer;
  readonly key: string;
  readonly columns: readonly number[] | undefined;
}

type Settle = (linear: DraftLinear, name: string, index: number, repetitions: number) => Settled;

/** Settling is remembered by the sources that apply, so that 80 equal layers cost one. */
function settler(
  draft: Draft,
  sayings: Sayings,
  used: Set<LayerRule>,
  report: (diagnostic: Diagnostic) => void,
): Settle {
  const known = new Map<
    string,
    { readonly layer: SettledLayer; readonly key: string; readonly columns: OutlierColumns }
  >();
  const { defaults, rules, overrides } = sayings;
  const all = [...rules, ...overrides.layers];
  return (linear, name, index, repetitions) => {
    const applies = all.map((rule) => appliesTo(rule, linear, name));
    all.forEach((rule, position) => {
      if (applies[position]) used.add(rule);
    });
    const signature = `${linear.id} ${applies.map((yes) => (yes ? 1 : 0)).join('')}`;
    let entry = known.get(signature);
    if (entry === undefined) {
      const chosen = (list: readonly LayerRule[]) => list.filter((rule) => applies[all.indexOf(rule)]);
      const pinned: FieldSource = {
        fields: { scheme: 'f16', outliers: { rule: 'uniform', count: 0 } },
        origin: linear.origin,
      };
      const everywhere: FieldSource = {
        fields: { outliers: { count: overrides.outliers } },
        origin: `--outliers ${overrides.outliers}`,
      };
      const sources: readonly FieldSource[] = [
        defaults,
        ...(linear.pinned ? [pinned] : []),
        ...chosen(rules),
        { fields: linear.fields, origin: linear.origin },
        ...(overrides.outliers === undefined || linear.pinned ? [] : [everywhere]),
        ...chosen(overrides.layers),
      ];
      const layer = settleLayer(sources, draft.hidden, report);
      const columns = listColumns(layer, layer.columns, linear.k, repetitions, report);
      const { columns: _given, origins: _origins, ...told } = layer;
      entry = { layer, key: canonicalJson([told, columns.kind]), columns };
      known.set(signature, entry);
    }
    const lists = entry.columns.kind === 'listed' ? entry.columns.lists : [];
    return { layer: entry.layer, key: entry.key, columns: lists[lists.length > 1 ? index : 0] };
  };
}

function appliesTo(rule: LayerRule, linear: DraftLinear, name: string): boolean {
  return linear.pinned && hasWildcards(rule.match) ? false : matchGlob(rule.match, name);
}

function listColumns(
  layer: SettledLayer,
  given: GivenColumns | undefined,
  k: number,
  repetitions: number,
  report: (diagnostic: Diagnostic) => void,
): OutlierColumns {
  if (given === undefined || !isQuantised(layer.scheme)) return { kind: 'placeholder' };
  return checkColumns(given, { k, count: outlierCount(layer.outlierRule, k), repetitions }, report);
}

/** Runs of equal neighbours. */
function cutRuns(keys: readonly string[]): readonly { readonly first: number; readonly count: number }[] {
  const starts = keys.flatMap((key, index) => (index === 0 || key !== keys[index - 1] ? [index] : []));
  return starts.map((first, run) => ({ first, count: (starts[run + 1] ?? keys.length) - first }));
}

function buildBlock(
  draft: DraftBlock,
  rows: readonly (readonly Settled[])[],
  first: number,
  count: number,
  taken: Set<string>,
): Block {
  let position = 0;
  const nodes = draft.nodes.map((node): GraphNode => {
    if (node.op !== 'linear') return node;
    const column = position++;
    return buildLinear(
      node,
      rows.flatMap((row) => row[column] ?? []),
    );
  });
  const whole = count === (draft.repeat ?? 1);
  const range = count === 1 ? `${first}` : `${first}-${first + count - 1}`;
  const stem = draft.prefix === '' ? (nodes.at(-1)?.id ?? 'block') : draft.prefix;
  let name = whole ? stem : `${stem}.${range}`;
  while (taken.has(name)) name = `${name}_`;
  taken.add(name);
  const { prefix, origin, output } = draft;
  return { name, prefix, origin, ...repeatOf(draft, first, count), nodes, output };
}

function buildLinear(draft: DraftLinear, rows: readonly Settled[]): LinearNode {
  const { fields: _fields, pinned: _pinned, ...linear } = draft;
  const layer = rows[0]?.layer;
  const { scheme, outlierRule, sparsity, tokens, columnMode, origins } = layer ?? fallback;
  const lists = rows.flatMap(({ columns }) => (columns === undefined ? [] : [columns]));
  const same = lists.every((list) => list === lists[0]);
  const columns: OutlierColumns =
    lists.length === 0
      ? { kind: 'placeholder' }
      : { kind: 'listed', lists: same ? lists.slice(0, 1) : lists };
  return {
    ...linear,
    scheme,
    shard: { kind: 'none' },
    tokens,
    request: { outlierRule, columns, ...(columnMode === undefined ? {} : { columnMode }), sparsity, origins },
  };
}

const fallback: SettledLayer = settleLayer([{ fields: { scheme: 'f16' }, origin: '' }], undefined, () => {});

function repeatOf(draft: DraftBlock, first: number, count: number): Pick<Block, 'repeat'> {
  return draft.repeat === undefined ? {} : { repeat: { first, count } };
}

function linearsOf(block: DraftBlock): readonly DraftLinear[] {
  return block.nodes.filter((node) => node.op === 'linear');
}

/** A rule with a fault meets many layers; it is told once. */
function once(report: (diagnostic: Diagnostic) => void): (diagnostic: Diagnostic) => void {
  const told = new Set<string>();
  return (diagnostic) => {
    const text = JSON.stringify(diagnostic);
    if (!told.has(text)) report(diagnostic);
    told.add(text);
  };
}
