import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FloatModel, newSession } from '../../../../compiler/reference/float-model/float-model.ts';
import {
  modelsFolder,
  type ReferenceModel,
  readReference,
  readWindows,
  smollm2File,
} from '../../../support/reference-models.ts';
import { openFloatModel } from './open-float-model.ts';

function logitsOf(
  model: FloatModel<unknown>,
  ids: readonly number[],
  session = newSession(),
  wanted?: readonly number[],
) {
  const out = model.forward(ids, session, wanted);
  if (!out.ok) throw new Error(JSON.stringify(out.error));
  const { columns, data } = out.value;
  return (row: number) => data.subarray(row * columns, (row + 1) * columns);
}

function logSumExp(row: Float64Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b));
  return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function argMax(row: Float64Array): number {
  return row.reduce((best, value, index) => (value > (row[best] ?? value) ? index : best), 0);
}

type Sequence = ReferenceModel['sequences'][number];

/** Logits at the positions that are recorded, then greedy tokens one by one, as far as no two are as near as `tolerance`. */
function checkSequence(model: FloatModel<unknown>, sequence: Sequence, tolerance: number, steps = 32): void {
  const { ids, top20, greedy, greedy_margins: margins } = sequence;
  const session = newSession();
  const positions = [...top20.map(({ position }) => position), ids.length - 1];
  const rows = logitsOf(model, ids, session, positions);
  top20.forEach((top, index) => {
    const row = rows(index);
    const worst = Math.max(...top.ids.map((id, at) => Math.abs((row[id] ?? 0) - (top.logits[at] ?? 0))));
    expect(worst, `logits at position ${top.position}`).toBeLessThan(tolerance);
    expect(Math.abs(logSumExp(row) - top.logsumexp)).toBeLessThan(tolerance);
  });
  let next = argMax(rows(positions.length - 1));
  for (const [step, id] of greedy.slice(0, steps).entries()) {
    if ((margins[step] ?? 0) < tolerance) break;
    expect(next, `greedy token ${step}`).toBe(id);
    next = argMax(logitsOf(model, [id], session)(0));
  }
}

/** Windows of the evaluation text to go through: QUIKC_EVAL_WINDOWS=64 is all of it, and then its mean is held. */
const windows = Number(process.env['QUIKC_EVAL_WINDOWS'] ?? 0);

// Tolerances are those that were measured for the reference logits themselves (float32 against float64), with room of 20.
describe.each(['tiny-llama', 'tiny-qwen', 'tiny-opt', 'tiny-falcon'])('%s', (family) => {
  for (const name of [`${family}-plain`, `${family}-outliers`]) {
    const reference = readReference(name);
    const missing = reference === undefined ? ` (NOT RUN: no ${name} in ${modelsFolder})` : '';
    test.skipIf(reference === undefined)(
      `${name}: logits and greedy tokens as transformers has them${missing}`,
      async () => {
        const model = await openFloatModel(join(modelsFolder, name));
        expect(reference?.sequences.length).toBeGreaterThan(2);
        for (const sequence of reference?.sequences ?? []) checkSequence(model, sequence, 1e-4);
      },
    );
    test.skipIf(reference === undefined || windows === 0)(
      `${name}: the mean loss of ${windows} windows of text${missing}`,
      { timeout: 600_000 },
      async () => {
        const model = await openFloatModel(join(modelsFolder, name));
        const { file = '', window = 0, nll = 0, windows: all } = reference?.eval ?? {};
        let sum = 0;
        let count = 0;
        for (const ids of readWindows(file, window).slice(0, windows)) {
          const rows = logitsOf(model, ids);
          for (let position = 1; position < ids.length; position++, count++)
            sum += logSumExp(rows(position - 1)) - (rows(position - 1)[ids[position] ?? 0] ?? 0);
        }
        expect(Math.abs(sum / count - nll)).toBeLessThan(windows === all ? 1e-4 : 0.5);
      },
    );
  }
});

describe('SmolLM2-135M-Instruct, Q4_1 in GGUF', () => {
  const name = 'smollm2-135m-instruct';
  const reference = readReference(name);
  const there = existsSync(smollm2File) && reference !== undefined;
  const missing = there
    ? ''
    : ` (NOT RUN: node test/support/fetch-smollm2.mjs, and ${name} in ${modelsFolder})`;

  test.skipIf(!there)(
    `logits and greedy tokens of weights rounded to FP16${missing}`,
    { timeout: 600_000 },
    async () => {
      const model = await openFloatModel(smollm2File, 'f16');
      const [first] = reference?.sequences ?? [];
      if (first === undefined) throw new Error('no sequence');
      checkSequence(model, first, 1e-3, 4);
    },
  );
});
