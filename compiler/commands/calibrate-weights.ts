import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { calibrateModel } from '../calibrate/calibrate-model.ts';
import { createCalibrationFile } from '../calibrate/create-calibration-file.ts';
import { listLayers } from '../calibrate/list-layers.ts';
import { walkLayers } from '../calibrate/walk-layers.ts';
import { openWeights } from '../checkpoint/open-weights.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { noOverrides } from '../frontend/layer-rule.ts';
import { openThreads } from '../linear-algebra/open-threads.ts';
import { performProduct } from '../linear-algebra/product.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import { oneThread } from '../linear-algebra/threads.ts';
import { loadWeightedModel } from '../load-weighted-model.ts';
import { multiplyOn } from '../reference/float-model/multiply-pool.ts';
import { assert } from '../support/assert.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import { cutCalibrationWindows } from './cut-calibration-windows.ts';
import type { CalibrateChoices } from './read-calibrate-options.ts';

type Faults = readonly Diagnostic[];

/** What a calibration file was made of. */
export interface Calibrated {
  readonly model: string;
  readonly tokens: number;
  readonly window: number;
  readonly linears: number;
  readonly warnings: Faults;
}

interface Means {
  readonly signal: AbortSignal;
  readonly worker: URL | undefined;
  readonly onFraction: (fraction: number) => void;
}

/** Runs a model over tokens and writes what enters its linears, whole or not at all. Rejects when the signal is aborted. */
export async function calibrateWeights(
  path: string,
  output: string,
  choices: CalibrateChoices,
  { signal, worker, onFraction }: Means,
): Promise<Result<Calibrated, Faults>> {
  const loaded = await loadWeightedModel(path, noOverrides);
  if (!loaded.ok) return loaded;
  const { graph, tensors, folder, warnings } = loaded.value;
  const { kind, file } = choices.source;
  assert(kind !== 'scales', 'scales are converted, not computed');
  const tokens = await cutCalibrationWindows(path, loaded.value, kind, { ...choices, file });
  if (!tokens.ok) return tokens;
  const groups = listLayers(graph).flatMap((layer) => layer.groups);
  const { window } = tokens.value;
  const facts = { model: graph.name, tokens: tokens.value.ids.length, window };
  const created = createCalibrationFile(output, {
    ...facts,
    grams: choices.grams,
    groups: groups.map(({ k, linears }) => ({ k, names: linears.map(({ name }) => name) })),
  });
  if (!created.ok) return fail([created.error]);
  const writer = created.value;
  const count = choices.threads ?? availableParallelism();
  const pool =
    worker === undefined ? undefined : await openThreads<ProductJob>(worker, count, performProduct);
  const threads = pool ?? oneThread<ProductJob>(performProduct);
  let spill: string | undefined;
  let walk: ReturnType<typeof walkLayers> | undefined;
  try {
    walk = walkLayers({
      ...{ graph, tokens: tokens.value, signal },
      read: openWeights(tensors, folder, { dtype: graph.dtype, keep: false }),
      multiply: multiplyOn(threads),
      folder: () => {
        spill ??= makeScratchFolder(dirname(output), 'walk');
        return spill;
      },
    });
    if (!walk.ok) return fail([walk.error]);
    const done = await calibrateModel(walk.value, {
      ...(choices.grams ? { grams: threads } : {}),
      onFraction,
      onGroup: ({ linears: [first] }, statistics) => writer.add(first?.name ?? '', statistics),
    });
    const finished = done.ok ? writer.finish() : done;
    if (!finished.ok) return fail([finished.error]);
    return succeed({ ...facts, linears: groups.flatMap(({ linears }) => linears).length, warnings });
  } finally {
    writer.abandon();
    if (walk?.ok === true) walk.value.close();
    await pool?.close();
    if (spill !== undefined) rmSync(spill, { recursive: true, force: true });
  }
}
