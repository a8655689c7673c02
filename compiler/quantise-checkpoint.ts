import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CalibrationFile } from './calibrate/read-calibration.ts';
import { openByteSource } from './checkpoint/byte-source.ts';
import { openWeights } from './checkpoint/open-weights.ts';
import { readSafetensors } from './checkpoint/read-safetensors.ts';
import { describeQuantised } from './describe-quantised.ts';
import { diagnose } from './diagnostics/codes.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { tokenizerFiles } from './frontend/tokenizer-files.ts';
import type { OpenThreads } from './linear-algebra/open-threads.ts';
import type { WeightedModel } from './load-weighted-model.ts';
import { placeQuantised } from './place-quantised.ts';
import { type PlannedLayer, planQuantisation } from './plan-quantisation.ts';
import type { QuantiseJob } from './quantise/perform-quantise.ts';
import type { QuantiseMethod } from './quantise-group.ts';
import { quantiseModel, type StatisticsSource } from './quantise-model.ts';
import { openQuantiseWorkspace } from './quantise-workspace.ts';
import { compilerDigest } from './support/compiler-digest.ts';
import { hashValue, sha256 } from './support/hash.ts';
import { fail, type Result, succeed } from './support/result.ts';

type Faults = readonly Diagnostic[];

export interface CheckpointRequest {
  /** Of the model, as it was named. */
  readonly path: string;
  readonly model: WeightedModel;
  readonly source: StatisticsSource;
  readonly method: QuantiseMethod;
  /** For all linears, in place of what the model says of each. */
  readonly overrides: Pick<Partial<PlannedLayer['groups'][number]['linears'][number]>, 'clip' | 'sparsity'>;
  readonly output: string;
  readonly threads: OpenThreads<QuantiseJob>;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

/** What was quantised, and with which columns. */
export interface QuantisedCheckpoint {
  readonly plan: readonly PlannedLayer[];
  readonly columns: ReadonlyMap<string, readonly number[]>;
}

/**
 * Quantises a model and puts the result at `output`, whole or not at all. What was done is kept beside it when this is ended early,
 * and taken up by the next call for the same. Rejects when the signal is aborted.
 */
export async function quantiseCheckpoint(
  request: CheckpointRequest,
): Promise<Result<QuantisedCheckpoint, Faults>> {
  const { model, threads, path } = request;
  const output = resolve(request.output);
  const planned = planQuantisation(model.graph);
  if (!planned.ok) return planned;
  const plan = override(planned.value, request.overrides);
  if (!plan.some(({ groups }) => groups.length > 0))
    return fail([diagnose('QK187', { file: path, message: 'the scheme leaves every linear as it is' })]);
  const opened = openQuantiseWorkspace(output, model.graph, identify(request, plan));
  if (!opened.ok) return fail([opened.error]);
  const workspace = opened.value;
  let done = false;
  try {
    const { graph, tensors, folder, document } = model;
    const read = openWeights(tensors, folder, { dtype: graph.dtype, keep: false, shared: threads.count > 1 });
    const made = await quantiseModel({ ...request, graph, plan, read, workspace });
    if (!made.ok) return fail([made.error]);
    const layerFiles = plan.flatMap((_, at) => workspace.layerFile(at) ?? []);
    const columns = readColumns(layerFiles);
    if (!columns.ok) return columns;
    const placed = placeQuantised(output, {
      ...{ graph, plan, tensors, layerFiles },
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

function override(
  plan: readonly PlannedLayer[],
  overrides: CheckpointRequest['overrides'],
): readonly PlannedLayer[] {
  return plan.map(({ layer, groups }) => ({
    layer,
    groups: groups.map(({ group, linears }) => ({
      group,
      linears: linears.map((linear) => ({ ...linear, ...overrides })),
    })),
  }));
}

/** Of all that the output depends on; of weight files their sizes and times. */
function identify({ model, source, method }: CheckpointRequest, plan: readonly PlannedLayer[]): string {
  const files = new Set([...model.tensors.values()].map((tensor) => tensor.source.file));
  const digest = (values: ArrayBufferView) =>
    sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return hashValue({
    quikc: compilerDigest() ?? 'sources',
    graph: model.graph,
    plan: plan.flatMap(({ groups }) =>
      groups.flatMap(({ linears }) =>
        linears.map(({ columns, ...linear }) => ({ ...linear, columns: columns && [...columns] })),
      ),
    ),
    files: [...files].map((file) => [resolve(file), statSync(file).size, statSync(file).mtimeMs]),
    source:
      source.kind === 'walk'
        ? [source.tokens.window, digest(source.tokens.ids)]
        : digestOf(source.calibration, digest),
    method,
  });
}

/** Of Gram matrices their sums: they are read when they are needed. */
function digestOf({ linears, file }: CalibrationFile, digest: (values: ArrayBufferView) => string) {
  const stats = statSync(file);
  return [
    [stats.size, stats.mtimeMs],
    ...[...linears].map(([name, { absMax, absMaxRest }]) => [name, digest(absMax), digest(absMaxRest)]),
  ];
}

/** The outlier columns of every linear, as the files have them: layers may have been done by an earlier call. */
function readColumns(files: readonly string[]): Result<ReadonlyMap<string, readonly number[]>, Faults> {
  const columns = new Map<string, readonly number[]>();
  for (const file of files) {
    const source = openByteSource(file);
    const tensors = source.ok ? readSafetensors(source.value) : fail([source.error]);
    if (!tensors.ok) return tensors;
    for (const { name, source: from, offset, bytes } of tensors.value) {
      if (!name.endsWith('.outlier_columns')) continue;
      const read = from.read(offset, bytes);
      if (!read.ok) return fail([read.error]);
      columns.set(name.slice(0, -'.outlier_columns'.length), [
        ...new Int32Array(Uint8Array.from(read.value).buffer),
      ]);
    }
  }
  return succeed(columns);
}
