import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { candidateKey } from '../budget/candidate.ts';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import { quantisedFormat, writeLinear } from '../checkpoint/quantised-tensors.ts';
import { writeSafetensors } from '../checkpoint/write-safetensors.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { PlannedGroup, PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';
import { type QuantiseMeans, quantiseGroup } from '../quantised-checkpoint/quantise-group.ts';
import type { QuantiseMethod } from '../quantised-checkpoint/quantise-method.ts';
import { statisticsOfGroup } from '../quantised-checkpoint/statistics-of-group.ts';
import { hashValue } from '../support/hash.ts';
import { type Result, succeed } from '../support/result.ts';
import type { Sensitivity } from './measure-sensitivity.ts';

/** Quantised linears by group and candidate, each made once, and figures that were measured: all in one folder, to be taken up again. */
export interface RecipeStore {
  /** The files of all groups of a plan; those that are not there are made. Rejects when the signal is aborted. */
  filesOf(
    plan: readonly PlannedLayer[],
    onFraction: (fraction: number) => void,
  ): Promise<Result<readonly string[], Diagnostic>>;
  /** What was noted under a name. */
  recall(name: string): unknown;
  note(name: string, value: unknown): void;
  recallSensitivity(): Sensitivity | undefined;
  noteSensitivity(sensitivity: Sensitivity): void;
}

export interface StoreMeans extends QuantiseMeans {
  readonly folder: string;
  readonly calibration: CalibrationFile;
  readonly method: QuantiseMethod;
  readonly signal: AbortSignal;
}

export function openRecipeStore(means: StoreMeans): RecipeStore {
  const { folder, signal } = means;
  const notesFile = join(folder, 'notes.json');
  const notes = readNotes(notesFile);
  const note = (name: string, value: unknown) => {
    notes[name] = value;
    try {
      writeFileSync(`${notesFile}.new`, JSON.stringify(notes));
      renameSync(`${notesFile}.new`, notesFile);
    } catch {
      // A full disk: it is only for the next call, and what is quantised tells of it.
    }
  };
  return {
    async filesOf(plan, onFraction) {
      const wanted = plan.flatMap(({ layer, groups }) =>
        groups.map((group) => ({ group, layer: layer.index, file: fileOf(folder, group) })),
      );
      const missing = wanted.filter(({ file }) => !existsSync(file));
      for (const [done, { group, layer, file }] of missing.entries()) {
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        const made = makeGroup(group, layer, file, means);
        if (!made.ok) return made;
        onFraction((done + 1) / missing.length);
      }
      return succeed(wanted.map(({ file }) => file));
    },
    recall: (name) => notes[name],
    note,
    recallSensitivity() {
      const known = notes['sensitivity'] as StoredSensitivity | undefined;
      return known && { ...known, errors: readErrors(known), logits: readLogits(folder, known.windows) };
    },
    noteSensitivity({ loss, errors, logits }) {
      try {
        logits.forEach(({ data }, window) => {
          writeFileSync(logitsFile(folder, window), new Uint8Array(Float32Array.from(data).buffer));
        });
      } catch {
        return; // as above
      }
      const windows = logits.map(({ rows, columns }) => ({ rows, columns }));
      const pairs = [...errors].map(([name, own]) => [name, [...own]] as const);
      note('sensitivity', { loss, errors: pairs, windows } satisfies StoredSensitivity);
    },
  };
}

interface StoredSensitivity {
  readonly loss: number;
  readonly errors: readonly (readonly [string, readonly (readonly [string, number])[]])[];
  /** Of the logits, each window's in a file of float32. */
  readonly windows: readonly { readonly rows: number; readonly columns: number }[];
}

function readErrors({ errors }: StoredSensitivity): Sensitivity['errors'] {
  return new Map(errors.map(([name, own]) => [name, new Map(own)]));
}

function readLogits(folder: string, windows: StoredSensitivity['windows']): Sensitivity['logits'] {
  return windows.map((shape, window) => {
    const bytes = Uint8Array.from(readFileSync(logitsFile(folder, window)));
    return { ...shape, data: Float64Array.from(new Float32Array(bytes.buffer)) };
  });
}

function logitsFile(folder: string, window: number): string {
  return join(folder, `logits-${window}.f32`);
}

function readNotes(file: string): Record<string, unknown> {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {};
}

/** By the group's linears: names of models may be anything. */
function fileOf(folder: string, { linears }: PlannedGroup): string {
  const [first] = linears;
  const name = hashValue(linears.map((linear) => linear.name)).slice(0, 16);
  const { bits = 4, outliers = 0 } = first ?? {};
  return join(folder, `${name}-${candidateKey({ bits, outliers }).replace(' ', '-')}.safetensors`);
}

function makeGroup(
  group: PlannedGroup,
  layer: number,
  file: string,
  means: StoreMeans,
): Result<undefined, Diagnostic> {
  const { calibration, method, dtype, threads } = means;
  const [first] = group.linears;
  const statistics = statisticsOfGroup(calibration, first?.name ?? '', method.method, () =>
    threads.room.take64('grams', group.group.k ** 2),
  );
  if (!statistics.ok) return statistics;
  const made = quantiseGroup(group, layer, statistics.value, method, means);
  if (!made.ok) return made;
  const tensors = made.value.flatMap(({ name, linear }) => writeLinear(name, linear, dtype));
  return writeSafetensors(file, tensors, { format: quantisedFormat });
}
