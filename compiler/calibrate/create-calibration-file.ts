import { createSafetensors, type SafetensorsWriter } from '../checkpoint/write-safetensors.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Calibration, LinearStatistics } from '../reference/calibration.ts';
import { assert } from '../support/assert.ts';
import { bytesOf } from '../support/bytes-of.ts';
import type { Result } from '../support/result.ts';
import { succeed } from '../support/result.ts';

/** In the metadata of the file, under `format`. */
export const calibrationFormat = 'quikc-calibration-1';

/** What a file says before any statistics are known. */
export interface CalibrationPlan {
  readonly model: string;
  readonly tokens: number;
  readonly window: number;
  /** Linears that share an input; the first gives its tensors their names. */
  readonly groups: readonly { readonly k: number; readonly names: readonly string[] }[];
  readonly grams: boolean;
}

/** A calibration file in the making, filled group by group: no more than one need be in memory. */
export interface CalibrationWriter extends Pick<SafetensorsWriter, 'finish' | 'abandon'> {
  /** Of the group whose first linear is `name`. */
  add(name: string, statistics: LinearStatistics): Result<undefined, Diagnostic>;
}

export function createCalibrationFile(
  file: string,
  { model, tokens, window, groups, grams }: CalibrationPlan,
): Result<CalibrationWriter, Diagnostic> {
  const shares = Object.fromEntries(
    groups.flatMap(({ names: [first = '', ...others] }) => others.map((name) => [name, first])),
  );
  const layouts = groups.flatMap(({ k, names: [first = ''] }) => [
    { name: `${first}.absmax`, dtype: 'F32', shape: [k] },
    { name: `${first}.absmax_rest`, dtype: 'F32', shape: [k] },
    ...(grams ? [{ name: `${first}.gram`, dtype: 'F64', shape: [k, k] }] : []),
  ]);
  const created = createSafetensors(file, layouts, {
    format: calibrationFormat,
    model,
    tokens: `${tokens}`,
    window: `${window}`,
    shares: JSON.stringify(shares),
  });
  if (!created.ok) return created;
  const { write, finish, abandon } = created.value;
  return succeed({
    finish,
    abandon,
    add(name, { absMax, absMaxRest, gram }) {
      assert(!grams || gram !== undefined, `${name} has a gram matrix`);
      const parts: readonly (readonly [string, Float32Array | Float64Array])[] = [
        ['absmax', absMax],
        ['absmax_rest', absMaxRest],
        ...(grams && gram !== undefined ? [['gram', gram] as const] : []),
      ];
      for (const [part, values] of parts) {
        const written = write(`${name}.${part}`, bytesOf(values));
        if (!written.ok) return written;
      }
      return succeed(undefined);
    },
  });
}

/** A calibration that is in memory as a file, or no file: QK171. Linears with one object of statistics share its tensors. */
export function writeCalibration(
  file: string,
  model: string,
  { tokens, window, linears }: Calibration,
): Result<undefined, Diagnostic> {
  const groups = new Map<LinearStatistics, string[]>();
  for (const [name, statistics] of linears) groups.set(statistics, [...(groups.get(statistics) ?? []), name]);
  const all = [...groups];
  const grams = all.length > 0 && all.every(([{ gram }]) => gram !== undefined);
  const created = createCalibrationFile(file, {
    ...{ model, tokens, window, grams },
    groups: all.map(([{ absMax }, names]) => ({ k: absMax.length, names })),
  });
  if (!created.ok) return created;
  const writer = created.value;
  try {
    for (const [statistics, [name = '']] of all) {
      const added = writer.add(name, statistics);
      if (!added.ok) return added;
    }
    return writer.finish();
  } finally {
    writer.abandon();
  }
}
