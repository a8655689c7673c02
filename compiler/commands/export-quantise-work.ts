import { join } from 'node:path';
import { readCalibration } from '../calibrate/read-calibration.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { loadWeightedModel } from '../load-weighted-model.ts';
import { exportWork, findOtherWork } from '../quantised-checkpoint/export-work.ts';
import { packageRoot } from '../support/package-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { formatCommand, quoteArgument } from './format-command.ts';
import type { Made } from './made.ts';
import { toLoadRequest } from './model-options.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import { overridesOf, type QuantizeChoices } from './read-quantize-options.ts';

/** `quikc quantize --export-work`: what gptq_torch.py is to do, and which commands come next. */
export async function exportQuantiseWork(
  path: string,
  options: QuantizeOptions,
  choices: QuantizeChoices,
  { file, calibration }: { readonly file: string; readonly calibration: string },
): Promise<Result<Made, readonly Diagnostic[]>> {
  const occupied = findOtherWork(file);
  if (occupied !== undefined) return fail([occupied]);
  const loaded = await loadWeightedModel(path, toLoadRequest(path, options).overrides);
  if (!loaded.ok) return loaded;
  const model = loaded.value;
  const statistics = readCalibration(calibration, model.graph);
  if (!statistics.ok) return statistics;
  const source = { kind: 'file', calibration: statistics.value } as const;
  const { method } = choices;
  const inputs = { path, model, source, method, overrides: overridesOf(choices), output: options.output };
  const exported = exportWork(inputs, file);
  if (!exported.ok) return exported;
  const { groups, done } = exported.value;
  // Commander says of `clip` that it is true where nothing was said.
  const { exportWork: _file, json: _json, quiet: _quiet, clip, ...rest } = options;
  const script = join(packageRoot(), 'compiler', 'quantise', 'gptq_torch.py');
  const next = [
    ...(groups === 0 ? [] : [['python3', script, file, '--device', 'cuda'].map(quoteArgument).join(' ')]),
    formatCommand('quantize', path, { ...rest, ...(clip === false ? { clip } : {}) }),
  ];
  const json = { work: file, model: model.graph.name, ...exported.value, next };
  const left = `${file}: ${groups} ${groups === 1 ? 'group' : 'groups'} of linears to be done${done === 0 ? '' : `, ${done} are done`}`;
  const text =
    options.quiet === true ? '' : `${left}. Next:\n\n${next.map((line) => `    ${line}\n`).join('')}`;
  return succeed({
    warnings: model.warnings,
    report: (seconds) => ({ json: { ...json, seconds }, text }),
  });
}
