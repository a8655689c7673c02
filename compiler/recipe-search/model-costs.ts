import type { Graph, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { layerName, repetitions } from '../../ir/graph.ts';
import type { ColumnMode, ProblemSpec } from '../../ir/problem.ts';
import { usersOf } from '../../ir/visit.ts';
import type { Target } from '../../targets/target.ts';
import { type Candidate, candidateKey } from '../budget/candidate.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { FamilyTable } from '../families/family.ts';
import { findBackEnd } from '../find-back-end.ts';
import type { ModelInput } from '../frontend/model-schema.ts';
import { lowerLinear, lowerQuantize } from '../lower/lower-problems.ts';
import type { PlannedGroup, PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';
import { modelTime } from '../schedule/model-time.ts';
import { hashValue } from '../support/hash.ts';
import { type Result, succeed } from '../support/result.ts';
import { graphOfRecipe } from './graph-of-recipe.ts';

/** A group's kernels, the cheaper way of its two. */
export interface ModelledCost {
  readonly microseconds: number;
  readonly columns: ColumnMode;
}

export interface CostRequest {
  readonly document: ModelInput;
  readonly plan: readonly PlannedLayer[];
  readonly candidatesOf: (group: PlannedGroup) => readonly Candidate[];
  readonly target: Target;
  /** Rows of a launch. */
  readonly tokens: number;
  /** Where the command line asks for one, the only way that is looked at. */
  readonly columns?: ColumnMode | undefined;
}

/** By a group's first linear, then by candidate; absent what the target cannot do. */
export type ModelledCosts = ReadonlyMap<string, ReadonlyMap<string, ModelledCost>>;

/**
 * What kernels of every group cost for every candidate on a target: the whole model is given each of them, so that its linears merge and
 * take over norms, activations and residuals as they will, goes through the passes, and its problems are looked up in the schedules' model.
 */
export function modelCosts(request: CostRequest): Result<ModelledCosts, readonly Diagnostic[]> {
  const { document, plan, candidatesOf } = request;
  const groups = plan.flatMap((layer) => layer.groups);
  const all = new Map(groups.flatMap(candidatesOf).map((candidate) => [candidateKey(candidate), candidate]));
  const costs = new Map<string, Map<string, ModelledCost>>();
  const timer = startTimer(request);
  for (const [key, candidate] of all) {
    const stands = new Map(groups.map((group) => [group, standIn(candidate, candidatesOf(group))]));
    const given = new Map(
      groups.flatMap((group) => group.linears.map(({ name }) => [name, stands.get(group)] as const)),
    );
    const recipe = plan.map(({ layer, groups: own }) => ({
      layer,
      groups: own.map((group) => ({
        group: group.group,
        linears: group.linears.map(({ columns: _, ...linear }) => ({ ...linear, ...stands.get(group) })),
      })),
    }));
    const placeholder = (name: string) =>
      Array.from({ length: given.get(name)?.outliers ?? 0 }, (_, column) => column);
    const modes: readonly ColumnMode[] =
      request.columns === undefined ? ['compact', 'in-place'] : [request.columns];
    for (const columns of candidate.outliers === 0 ? modes.slice(0, 1) : modes) {
      const graph = graphOfRecipe(document, recipe, placeholder, columns);
      if (!graph.ok) return graph;
      const times = timer.timesOf(graph.value);
      for (const group of groups) {
        const { linears } = group;
        const isOwn = candidateKey(stands.get(group) ?? candidate) === key;
        const parts = linears.flatMap(({ name }) => times.get(name) ?? []);
        const [first] = linears;
        const microseconds = parts.reduce((sum, time) => sum + time, 0);
        if (!isOwn || first === undefined || parts.length < linears.length || !Number.isFinite(microseconds))
          continue;
        const own = costs.get(first.name) ?? new Map<string, ModelledCost>();
        costs.set(first.name, own);
        const known = own.get(key);
        if (known === undefined || microseconds < known.microseconds) own.set(key, { microseconds, columns });
      }
    }
  }
  return succeed(costs);
}

/**
 * The candidate, or what a group has that is nearest to it: nothing may be left in 16 bit meanwhile, for down would then have to leave the
 * product of gate and up to the host.
 */
function standIn(candidate: Candidate, own: readonly Candidate[]): Candidate {
  const alike = own.filter(({ bits }) => bits === candidate.bits);
  const fewer = alike.findLast(({ outliers }) => outliers <= candidate.outliers);
  return fewer ?? alike[0] ?? own[0] ?? candidate;
}

function startTimer({ target, tokens }: CostRequest) {
  const { families } = findBackEnd(target);
  const known = new Map<string, number>();
  const timeOf = (problem: ProblemSpec): number => {
    const key = hashValue(problem);
    const time = known.get(key) ?? timeProblem(families, problem, target, tokens);
    known.set(key, time);
    return time;
  };
  return {
    /** By linear: of merged ones the first has the time of all, of those that share a quantize the first has its. */
    timesOf(graph: Graph): ReadonlyMap<string, number> {
      const context = { target: target.id, dtype: graph.dtype };
      const times = new Map<string, number>();
      for (const block of graph.blocks) {
        const users = usersOf(block);
        const quantizes = block.nodes.filter((node): node is QuantizeNode => node.op === 'quantize');
        const timed = quantizes.flatMap((quantize) => {
          const linears = (users.get(quantize.id) ?? []).filter(
            (node): node is QuikLinearNode => node.op === 'quik-linear',
          );
          return linears.flatMap((linear, at) => {
            const own = timeOf(lowerLinear(linear, context));
            const shared = at === 0 ? timeOf(lowerQuantize(quantize, context)) : 0;
            return linear.parts.map(({ name }, part) => ({ name, time: part === 0 ? own + shared : 0 }));
          });
        });
        const first = block.repeat?.first ?? 0;
        for (let index = first; index < first + repetitions(block); index++)
          for (const { name, time } of timed) times.set(layerName(block, name, index), time);
      }
      return times;
    },
  };
}

/** Infinite where no kernel computes it. */
function timeProblem(families: FamilyTable, problem: ProblemSpec, target: Target, tokens: number): number {
  const none = Number.POSITIVE_INFINITY;
  if (problem.family === 'linear') {
    if (!families.linear.supports(problem, target).supported) return none;
    return modelTime(families.linear, problem, target, tokens) ?? none;
  }
  if (!families.quantize.supports(problem, target).supported) return none;
  return modelTime(families.quantize, problem, target, tokens) ?? none;
}
