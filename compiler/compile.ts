import type { Graph } from '../ir/graph.ts';
import type { CudaTarget } from '../targets/target.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import type { LoadRequest } from './load-graph.ts';
import { loadGraph } from './load-graph.ts';
import type { Lowered, SupportsProblem } from './lower/lower-graph.ts';
import { lowerGraph } from './lower/lower-graph.ts';
import type { PassNote } from './passes/pass.ts';
import type { Result } from './support/result.ts';
import { fail, succeed } from './support/result.ts';

export interface CompileRequest extends LoadRequest {
  readonly target: CudaTarget;
  readonly supports: SupportsProblem;
  /** Called after each stage with the milliseconds it took. */
  readonly onStage?: (name: string, milliseconds: number) => void;
}

export interface Compilation extends Lowered {
  readonly graph: Graph;
  readonly notes: readonly PassNote[];
  readonly warnings: readonly Diagnostic[];
}

/** The stages in order. Each takes values and returns values, or the faults for which it stopped. */
export async function compile(request: CompileRequest): Promise<Result<Compilation, readonly Diagnostic[]>> {
  const timed = stopwatch(request.onStage);

  const loaded = await loadGraph(request);
  timed('frontend and passes');
  if (!loaded.ok) return loaded;
  const { graph, notes, warnings, locate } = loaded.value;

  const lowered = lowerGraph(graph, request.target, request.supports);
  timed('lower');
  if (!lowered.ok) return fail(locate(lowered.error));

  return succeed({ graph, notes, warnings, ...lowered.value });
}

function stopwatch(onStage: CompileRequest['onStage']): (stage: string) => void {
  let last = performance.now();
  return (stage) => {
    const now = performance.now();
    onStage?.(stage, now - last);
    last = now;
  };
}
