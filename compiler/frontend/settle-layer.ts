import type { LinearRequest, Origin, TokenRange } from '../../ir/graph.ts';
import type { ColumnMode } from '../../ir/problem.ts';
import type { OutlierRule, Scheme, SparsityPattern } from '../../ir/quant-scheme.ts';
import { presets } from '../../ir/quant-scheme.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { placeOf, within } from '../diagnostics/origin.ts';
import type { LayerFields } from './layer-rule.ts';
import type { OutliersJson, SchemeJson, SparsityJson } from './schema-layer.ts';

/** Fields said of a layer, and where. */
export interface FieldSource {
  readonly fields: LayerFields;
  readonly origin: Origin;
}

/** Columns as the model lists them, not yet checked. */
export interface GivenColumns {
  readonly entries: NonNullable<OutliersJson['columns']>;
  readonly origin: Origin;
}

/** All that is said of one linear, after the last word on each field. */
export interface SettledLayer {
  readonly scheme: Scheme;
  readonly outlierRule: OutlierRule;
  readonly sparsity: SparsityPattern;
  readonly tokens: TokenRange;
  readonly columns?: GivenColumns;
  readonly columnMode?: ColumnMode;
  readonly origins: LinearRequest['origins'];
}

/** QUIK's count, for models that do not state one. */
const defaultOutliers = 256;

/** Folds what is said of a layer, later sources winning field by field. */
export function settleLayer(
  sources: readonly FieldSource[],
  hidden: number | undefined,
  report: (diagnostic: Diagnostic) => void,
): SettledLayer {
  let scheme: SchemeJson = 'quik-4b';
  let sparsity: SparsityPattern = { pattern: 'dense' };
  let tokens: TokenRange = { min: 1 };
  let outliers: OutliersJson = { rule: 'uniform', count: defaultOutliers };
  let columns: GivenColumns | undefined;
  let columnMode: ColumnMode | undefined;
  const origins = { scheme: '/scheme', outliers: '/outliers', sparsity: '/sparsity' };
  for (const { fields, origin } of sources) {
    if (fields.scheme !== undefined) {
      scheme = fields.scheme;
      origins.scheme = within(origin, 'scheme');
    }
    if (fields.sparsity !== undefined) {
      sparsity = toPattern(fields.sparsity);
      origins.sparsity = within(origin, 'sparsity');
    }
    if (fields.tokens !== undefined) {
      const { min = 1, max } = fields.tokens;
      if (max !== undefined && max < min) {
        report(
          diagnose('QK106', {
            ...placeOf(within(origin, 'tokens')),
            message: `tokens end at ${max}, before they start at ${min}`,
          }),
        );
      }
      tokens = max === undefined ? { min } : { min, max };
    }
    if (fields.outliers !== undefined) {
      origins.outliers = within(origin, 'outliers');
      columns = mergeColumns(columns, fields.outliers, origins.outliers);
      columnMode = fields.outliers.mode ?? columnMode;
      outliers = mergeOutliers(outliers, fields.outliers);
    }
  }
  const width = outliers.hidden ?? hidden;
  if (outliers.rule === 'proportional' && width === undefined) {
    const message = 'a proportional count needs the width it stands for';
    report(
      diagnose('QK110', {
        ...placeOf(origins.outliers),
        message,
        expected: '"hidden"',
        hint: 'for example "hidden": 4096',
      }),
    );
  }
  const count = outliers.count ?? defaultOutliers;
  return {
    scheme: toScheme(scheme),
    outlierRule:
      outliers.rule === 'proportional' && width !== undefined
        ? { rule: 'proportional', count, hidden: width }
        : { rule: 'uniform', count },
    sparsity,
    tokens,
    ...(columns === undefined ? {} : { columns }),
    ...(columnMode === undefined ? {} : { columnMode }),
    origins,
  };
}

/** A list without a count has its own length as count; a count of 0 makes an earlier list void. */
function mergeOutliers(before: OutliersJson, now: OutliersJson): OutliersJson {
  const first = now.columns?.[0];
  const listed = Array.isArray(first) ? first.length : (now.columns?.length ?? 0);
  if (now.columns !== undefined && now.count === undefined && now.rule === undefined) {
    return { rule: 'uniform', count: listed };
  }
  return {
    rule: now.rule ?? before.rule,
    count: now.count ?? before.count,
    hidden: now.hidden ?? before.hidden,
  };
}

function mergeColumns(
  before: GivenColumns | undefined,
  now: OutliersJson,
  origin: Origin,
): GivenColumns | undefined {
  if (now.columns !== undefined) return { entries: now.columns, origin: within(origin, 'columns') };
  return now.count === 0 ? undefined : before;
}

function toPattern(sparsity: SparsityJson): SparsityPattern {
  return typeof sparsity === 'string' ? { pattern: sparsity } : sparsity;
}

/** A preset, or a preset with some fields changed. */
function toScheme(scheme: SchemeJson): Scheme {
  if (typeof scheme === 'string') return presets[scheme];
  const start = presets[scheme.preset];
  const changed = Object.entries(scheme.weight ?? {}).filter(([, value]) => value !== undefined);
  return {
    ...start,
    weight: { ...start.weight, ...Object.fromEntries(changed) },
    activation: scheme.activation ?? start.activation,
    transform: scheme.transform ?? start.transform,
  };
}
