import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import { compilerDigest } from '../support/compiler-digest.ts';
import { sha256 } from '../support/hash.ts';
import type { PlannedLayer } from './plan-quantisation.ts';
import type { StatisticsSource } from './quantise-model.ts';

/** What a quantised checkpoint depends on, beside its plan and method, to be hashed; of weight files their sizes and times. */
export function identifyInputs({ tensors, graph }: WeightedModel, source: StatisticsSource) {
  const files = new Set([...tensors.values()].map((tensor) => tensor.source.file));
  return {
    quikc: compilerDigest() ?? 'sources',
    graph,
    files: [...files].map((file) => [resolve(file), statSync(file).size, statSync(file).mtimeMs]),
    source:
      source.kind === 'walk'
        ? [source.tokens.window, digest(source.tokens.ids)]
        : digestOf(source.calibration),
  };
}

/** Every linear of a plan, as JSON. */
export function listPlan(plan: readonly PlannedLayer[]): readonly object[] {
  return plan.flatMap(({ groups }) =>
    groups.flatMap(({ linears }) =>
      linears.map(({ columns, ...linear }) => ({ ...linear, columns: columns && [...columns] })),
    ),
  );
}

/** Of Gram matrices their sums: they are read when they are needed. */
function digestOf({ linears, file }: CalibrationFile) {
  const stats = statSync(file);
  return [
    [stats.size, stats.mtimeMs],
    ...[...linears].map(([name, { absMax, absMaxRest }]) => [name, digest(absMax), digest(absMaxRest)]),
  ];
}

function digest({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return sha256(new Uint8Array(buffer, byteOffset, byteLength));
}
