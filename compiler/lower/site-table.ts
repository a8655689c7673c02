import type { Block, QuantizeNode, QuikLinearNode, TokenRange } from '../../ir/graph.ts';
import type { PlannedProblem, Site } from '../../ir/plan.ts';
import type { LinearProblem, QuantizeProblem } from '../../ir/problem.ts';

/** A use of a site: one quantize of one block, with its problems. */
export interface SiteUse {
  readonly block: Block;
  readonly quantize: QuantizeNode;
  readonly linears: readonly QuikLinearNode[];
  readonly planned: PlannedProblem<QuantizeProblem>;
  readonly plannedLinears: readonly PlannedProblem<LinearProblem>[];
}

/** Collects sites: uses with equal problems are one site, which serves the layers and token ranges of all. */
export class SiteTable {
  private readonly sites = new Map<string, Site>();
  private readonly ids = new Set<string>();

  /** The id of the site that serves `use`. */
  add(use: SiteUse): string {
    const key = [use.planned, ...use.plannedLinears].map(({ hash }) => hash).join();
    const known = this.sites.get(key);
    const site = known === undefined ? this.create(use) : widen(known, use);
    this.sites.set(key, site);
    return site.id;
  }

  /** In order of first use. */
  settle(): readonly Site[] {
    return [...this.sites.values()];
  }

  private create(use: SiteUse): Site {
    const { columns } = use.quantize;
    return {
      id: this.nameSite(use),
      quantize: use.planned,
      linears: use.plannedLinears,
      tokens: tokensOf(use.linears),
      buckets: [],
      reasons: columns === undefined ? [] : [`${columns.mode} columns: ${columns.reason}`],
    };
  }

  /** The last segment of the quantize's name; a block, then a number, is added where that is taken. */
  private nameSite({ quantize, block }: SiteUse): string {
    const stem = quantize.id.replace(/\.quantize$/, '');
    const leaf = stem.slice(stem.lastIndexOf('.') + 1);
    let id = leaf;
    if (this.ids.has(id)) id = `${block.name}.${leaf}`;
    for (let copy = 2; this.ids.has(id); copy++) id = `${block.name}.${leaf}.${copy}`;
    this.ids.add(id);
    return id;
  }
}

function widen(site: Site, use: SiteUse): Site {
  return {
    ...site,
    quantize: join(site.quantize, use.planned),
    linears: site.linears.map((linear, index) => {
      const other = use.plannedLinears[index];
      return other === undefined ? linear : join(linear, other);
    }),
    tokens: unite([site.tokens, tokensOf(use.linears)]),
  };
}

function join<P extends QuantizeProblem | LinearProblem>(
  a: PlannedProblem<P>,
  b: PlannedProblem<P>,
): PlannedProblem<P> {
  return {
    ...a,
    serves: [...a.serves, ...b.serves],
    origins: [...new Set([...a.origins, ...b.origins])],
  };
}

function tokensOf(linears: readonly QuikLinearNode[]): TokenRange {
  return unite(linears.map(({ tokens }) => tokens));
}

/** The smallest range that has all of them. */
function unite(ranges: readonly TokenRange[]): TokenRange {
  const min = Math.min(...ranges.map((range) => range.min));
  const unbounded = ranges.some(({ max }) => max === undefined);
  return unbounded ? { min } : { min, max: Math.max(...ranges.map(({ max }) => max ?? 0)) };
}
