import { resolve } from 'node:path';
import { openWeights } from '../checkpoint/open-weights.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { tokenizerFiles } from '../frontend/tokenizer-files.ts';
import type { OpenThreads } from '../linear-algebra/open-threads.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { beginCheckpoint, type CheckpointInputs } from './begin-checkpoint.ts';
import { checkGroups } from './check-groups.ts';
import { describeQuantised } from './describe-quantised.ts';
import { estimateWork } from './estimate-work.ts';
import { placeQuantised } from './place-quantised.ts';
import type { PlannedLayer } from './plan-quantisation.ts';
import { quantiseModel } from './quantise-model.ts';
import { readChosenColumns } from './read-chosen-columns.ts';

type Faults = readonly Diagnostic[];

export interface CheckpointRequest extends CheckpointInputs {
  readonly threads: OpenThreads<QuantiseJob>;
  readonly signal: AbortSignal;
  /** Before it starts: roughly how many multiply-adds there are to do. */
  readonly onWork?: (multiplyAdds: number) => void;
  readonly onFraction: (fraction: number) => void;
}

/** What was quantised, and with which columns. */
export interface QuantisedCheckpoint {
  readonly plan: readonly PlannedLayer[];
  readonly columns: ReadonlyMap<string, readonly number[]>;
}

/**
 * Quantises a model and puts the result at `output`, whole or not at all. What was done is kept beside it when this is ended early,
 * and taken up by the next call for the same, with what gptq_torch.py did of it. Rejects when the signal is aborted.
 */
export async function quantiseCheckpoint(
  request: CheckpointRequest,
): Promise<Result<QuantisedCheckpoint, Faults>> {
  const { model, path, source, method } = request;
  const begun = beginCheckpoint(request);
  if (!begun.ok) return begun;
  const { plan, workspace } = begun.value;
  let done = false;
  try {
    const { graph, tensors, folder, document } = model;
    request.onWork?.(estimateWork(plan, source, method, workspace.hasGroup));
    const read = openWeights(tensors, folder, { dtype: graph.dtype, keep: false });
    const made = await quantiseModel({ ...request, graph, plan, read, workspace });
    if (!made.ok) return fail([made.error]);
    const fault = checkGroups(plan, { source, method, dtype: graph.dtype, groupFile: workspace.groupFile });
    if (fault !== undefined) return fail([fault]);
    const files = plan.flatMap(({ groups }, at) => groups.map((_, index) => workspace.groupFile(at, index)));
    const columns = readChosenColumns(files);
    if (!columns.ok) return columns;
    const placed = placeQuantised(resolve(request.output), {
      ...{ graph, plan, tensors, files },
      document: describeQuantised(document, plan, (name) => columns.value.get(name) ?? []),
      others: tokenizerFiles(path),
    });
    if (!placed.ok) return placed;
    done = true;
    return succeed({ plan, columns: columns.value });
  } finally {
    workspace.close(done);
  }
}
