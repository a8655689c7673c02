import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { removeQuietly } from '../support/remove-quietly.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { beginCheckpoint, type CheckpointInputs } from './begin-checkpoint.ts';
import { describeWork, type GptqWork, workFormat } from './describe-work.ts';

type Faults = readonly Diagnostic[];

export interface ExportedWork {
  /** Groups of linears that are to be done, and that are done. */
  readonly groups: number;
  readonly done: number;
  readonly workspace: string;
}

/**
 * Writes to `file` what is left to do of a checkpoint, for gptq_torch.py. The workspace stays: the same checkpoint, quantised, goes on from
 * what is put there. Faults: those of beginCheckpoint and describeWork, QK171.
 */
export function exportWork(
  inputs: CheckpointInputs<{ readonly kind: 'file'; readonly calibration: CalibrationFile }>,
  file: string,
): Result<ExportedWork, Faults> {
  const { model, source, method } = inputs;
  const begun = beginCheckpoint(inputs);
  if (!begun.ok) return begun;
  const { plan, workspace } = begun.value;
  try {
    const means = { calibration: source.calibration, method, tensors: model.tensors };
    const groups: GptqWork['groups'][number][] = [];
    for (const [at, { layer, groups: planned }] of plan.entries())
      for (const [index, group] of planned.entries()) {
        if (workspace.hasGroup(at, index)) continue;
        const described = describeWork(group, layer.index, workspace.groupFile(at, index), means);
        if (!described.ok) return fail([described.error]);
        groups.push(described.value);
      }
    const { graph } = model;
    const written = writeWork(file, {
      ...{ format: workFormat, model: graph.name, workspace: workspace.folder, job: workspace.identity },
      ...{ dtype: graph.dtype, damping: method.damping, groups },
    });
    if (!written.ok) return fail([written.error]);
    const all = plan.reduce((sum, { groups: planned }) => sum + planned.length, 0);
    return succeed({ groups: groups.length, done: all - groups.length, workspace: workspace.folder });
  } finally {
    workspace.close(false);
  }
}

/** A line a group. */
function writeWork(file: string, { groups, ...head }: GptqWork): Result<undefined, Diagnostic> {
  const scratch = join(dirname(file), `.${basename(file)}.${process.pid}`);
  const lines = groups.map((group) => JSON.stringify(group)).join(',\n');
  try {
    ensureFolder(dirname(file));
    writeFileSync(scratch, `${JSON.stringify(head).slice(0, -1)},"groups":[\n${lines}\n]}\n`);
    renameSync(scratch, file);
    return succeed(undefined);
  } catch (cause) {
    removeQuietly(scratch);
    return fail(diagnose('QK171', { file, message: describeFileError(cause) }));
  }
}

/** QK171 where something else than earlier work would be written over. */
export function findOtherWork(file: string): Diagnostic | undefined {
  try {
    if (!existsSync(file)) return undefined;
    if (readFileSync(file, 'utf8').startsWith(`{"format":"${workFormat}"`)) return undefined;
  } catch (cause) {
    return diagnose('QK171', { file, message: describeFileError(cause) });
  }
  const hint = 'remove it, or name another with --export-work';
  return diagnose('QK171', { file, message: 'there is another file', hint });
}
