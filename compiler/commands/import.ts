import { existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import type { Checkpoint } from '../frontend/checkpoint/checkpoint.ts';
import { noOverrides } from '../frontend/layer-rule.ts';
import type { ModelInput } from '../frontend/model-schema.ts';
import { fromCheckpoint, openCheckpoint } from '../frontend/open-model.ts';
import { inferShapes } from '../passes/infer-shapes.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import { isInsideFolder } from '../support/is-inside-folder.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { CommandContext, ExitCode, OutputOptions } from './command.ts';
import { exitCodeOf, reportDiagnostics, reportResult } from './command.ts';

export interface ImportOptions extends OutputOptions {
  readonly output?: string;
}

/** `quikc import`: a checkpoint's description as a model.json, to be changed and kept. */
export async function importCheckpoint(
  path: string,
  options: ImportOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const opened = await openCheckpoint(path);
  const checked = opened.ok ? check(opened.value) : opened;
  if (!opened.ok || !checked.ok) {
    const faults = checked.ok ? [] : checked.error;
    reportDiagnostics(faults, options, context);
    return exitCodeOf(faults);
  }
  const { output } = options;
  const placed = placeWeights(opened.value, output === undefined ? opened.value.folder : dirname(output));
  const text = `${JSON.stringify(placed.model, null, 2)}\n`;
  const written = output === undefined ? succeed(undefined) : write(output, text);
  if (!written.ok) {
    reportDiagnostics([written.error], options, context);
    return exitCodeOf([written.error]);
  }
  const shown = output === undefined ? text : options.quiet === true ? '' : `${output}: written\n`;
  const result = { json: { model: placed.model, ...(output && { output }) }, text: shown };
  reportResult(result, [...checked.value, ...placed.warnings], options, context);
  return 0;
}

/** What there is to say of a checkpoint before anything is made of it. */
function check(checkpoint: Checkpoint): Result<readonly Diagnostic[], readonly Diagnostic[]> {
  const { toGraph, checkWeights, warnings, locate } = fromCheckpoint(checkpoint);
  const graph = toGraph(noOverrides);
  if (!graph.ok) return fail(locate(graph.error));
  const faults: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic) => faults.push(diagnostic);
  const typed = inferShapes.run(graph.value, { report, note: () => {} });
  if (faults.length > 0) return fail(locate(faults));
  const findings = checkWeights(typed);
  return hasErrors(findings) ? fail(findings) : succeed([...warnings, ...findings]);
}

interface Placed {
  readonly model: ModelInput;
  readonly warnings: readonly Diagnostic[];
}

/** Weight files as a model.json in `folder` names them; left out, with a word, where it cannot reach them. */
function placeWeights({ model, folder }: Checkpoint, target: string): Placed {
  const { weights, ...rest } = model;
  if (weights === undefined) return { model, warnings: [] };
  const way = relative(realFolder(target), realFolder(folder)).split(sep).join('/');
  const files = weights.files.map((file) => (way === '' ? file : `${way}/${file}`));
  if (files.every(isInsideFolder))
    return { model: { ...rest, weights: { ...weights, files } }, warnings: [] };
  const message = `${folder} is not in the folder of the model.json, which therefore names no weights`;
  return { model: rest, warnings: [diagnose('QK168', { file: target, message })] };
}

function realFolder(folder: string): string {
  return existsSync(folder) ? realpathSync(folder) : resolve(folder);
}

/** Whole or not at all. What another hand wrote stays: rules of layers may have been added to it. */
function write(output: string, text: string): Result<undefined, Diagnostic> {
  const refuse = (message: string, hint?: string) =>
    fail(diagnose('QK167', { file: output, message, ...(hint === undefined ? {} : { hint }) }));
  const scratch = join(dirname(output), `.quikc-import-${process.pid}.json`);
  try {
    if (existsSync(output)) {
      if (readFileSync(output, 'utf8') === text) return succeed(undefined);
      return refuse('there is another file', 'remove it, or name another with -o');
    }
    writeFileSync(scratch, text);
    renameSync(scratch, output);
    return succeed(undefined);
  } catch (cause) {
    rmSync(scratch, { force: true });
    return refuse(describeFileError(cause));
  }
}
