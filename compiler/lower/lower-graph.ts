import type { Block, Graph, NodeId, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { layerNames } from '../../ir/graph.ts';
import type { Plan, PlannedProblem, ProblemHash } from '../../ir/plan.ts';
import type { ProblemSpec } from '../../ir/problem.ts';
import { usersOf } from '../../ir/visit.ts';
import type { Target } from '../../targets/target.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Support } from '../families/family.ts';
import { hashValue } from '../support/hash.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { lowerBlock } from './lower-block.ts';
import { lowerLinear, lowerQuantize } from './lower-problems.ts';
import { bytesForTokens, peakPerToken, planSlots } from './plan-memory.ts';
import { SiteTable } from './site-table.ts';

/** Whether some family computes a problem on a target. */
export type SupportsProblem = (problem: ProblemSpec, target: Target) => Support;

export interface Lowered {
  /** Distinct, in order of first use. */
  readonly problems: readonly PlannedProblem[];
  /** Its sites have no buckets yet: schedules fill them. */
  readonly plan: Plan;
}

/**
 * The fused graph on a target: the distinct problems to solve, and the plan that launches their kernels. Fails with QK301
 * for each problem that no family computes, with QK303 where there is none at all.
 */
export function lowerGraph(
  graph: Graph,
  target: Target,
  supports: SupportsProblem,
): Result<Lowered, readonly Diagnostic[]> {
  const context = { target: target.id, dtype: graph.dtype };
  const sites = new SiteTable();
  const faults: Diagnostic[] = [];
  const check = (problem: ProblemSpec, node: QuantizeNode | QuikLinearNode, name: string) => {
    const support = supports(problem, target);
    if (support.supported) return;
    const hint = support.nearest === undefined ? {} : { hint: `nearest: ${support.nearest}` };
    faults.push(
      diagnose('QK301', {
        pointer: node.origin,
        message: `${name} on ${target.id}: ${support.reason}`,
        ...hint,
      }),
    );
  };
  const blocks = graph.blocks.map((block) => {
    const siteOf = new Map<NodeId, string>();
    const problemOf = new Map<NodeId, ProblemHash>();
    for (const { quantize, linears } of quantizedGroups(block)) {
      const lowered = linears.map((node) => ({
        node,
        name: layerNames(block, node.id),
        problem: lowerLinear(node, context),
      }));
      const names = lowered.map(({ name }) => name);
      const planned = toPlanned(lowerQuantize(quantize, context), names, [quantize.origin]);
      const plannedLinears = lowered.map(({ node, name, problem }) =>
        toPlanned(
          problem,
          [name],
          node.parts.map(({ origin }) => origin),
        ),
      );
      check(planned.problem, quantize, names.join(', '));
      for (const { node, name, problem } of lowered) check(problem, node, name);
      const site = sites.add({ block, quantize, linears, planned, plannedLinears });
      siteOf.set(quantize.id, site);
      problemOf.set(quantize.id, planned.hash);
      linears.forEach((node, index) => {
        const hash = plannedLinears[index]?.hash;
        siteOf.set(node.id, site);
        if (hash !== undefined) problemOf.set(node.id, hash);
      });
    }
    return lowerBlock(block, siteOf, problemOf);
  });
  if (faults.length > 0) return fail(faults);
  const settled = sites.settle();
  if (settled.length === 0) {
    const message = `every linear of ${graph.name} stays in 16 bit and is left to the host`;
    return fail([diagnose('QK303', { message })]);
  }
  return succeed({
    problems: distinct(settled.flatMap((site) => [site.quantize, ...site.linears])),
    plan: {
      model: graph.name,
      target: target.id,
      dtype: graph.dtype,
      weightFiles: graph.weightFiles,
      sites: settled,
      blocks,
      peakBytes: bytesForTokens(Math.max(0, ...graph.blocks.map(peakPerToken))),
      slots: planSlots(graph.blocks),
      placeholderLayers: placeholderLayers(graph),
    },
  });
}

interface QuantizedGroup {
  readonly quantize: QuantizeNode;
  readonly linears: readonly QuikLinearNode[];
}

function quantizedGroups(block: Block): readonly QuantizedGroup[] {
  const users = usersOf(block);
  return block.nodes
    .filter((node) => node.op === 'quantize')
    .map((quantize) => ({
      quantize,
      linears: (users.get(quantize.id) ?? []).filter((node) => node.op === 'quik-linear'),
    }));
}

function toPlanned<P extends ProblemSpec>(
  problem: P,
  serves: readonly string[],
  origins: readonly string[],
): PlannedProblem<P> {
  return { hash: hashValue(problem) as ProblemHash, problem, serves, origins };
}

/** Equal problems as one that serves the layers of all. */
function distinct(problems: readonly PlannedProblem[]): readonly PlannedProblem[] {
  const byHash = new Map<ProblemHash, PlannedProblem>();
  for (const problem of problems) {
    const known = byHash.get(problem.hash);
    byHash.set(problem.hash, known === undefined ? problem : joinServed(known, problem));
  }
  return [...byHash.values()];
}

function joinServed(a: PlannedProblem, b: PlannedProblem): PlannedProblem {
  return {
    ...a,
    serves: [...new Set([...a.serves, ...b.serves])],
    origins: [...new Set([...a.origins, ...b.origins])],
  };
}

/** Layers that keep outliers nobody has named: one entry a node, whatever the repetitions. */
function placeholderLayers(graph: Graph): readonly string[] {
  return graph.blocks.flatMap((block) =>
    block.nodes.flatMap((node) => {
      if (node.op !== 'quik-linear') return [];
      const { outliers } = node.scheme;
      const unknown = outliers !== undefined && outliers.count > 0 && outliers.columns.kind === 'placeholder';
      return unknown ? [layerNames(block, node.id)] : [];
    }),
  );
}
