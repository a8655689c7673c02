import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** What a calibration file has of a linear's input, XᵀX for GPTQ alone, in `memory` [K, K]. QK176 where that is not all that the method needs. */
export function statisticsOfGroup(
  { linears, gramOf }: Pick<CalibrationFile, 'linears' | 'gramOf'>,
  name: string,
  method: 'rtn' | 'gptq',
  memory: () => Float64Array,
): Result<LinearStatistics, Diagnostic> {
  const statistics = linears.get(name);
  const gram = method === 'gptq' ? gramOf(name, memory) : succeed(undefined);
  if (!gram.ok) return gram;
  if (statistics === undefined || (method === 'gptq' && gram.value === undefined)) {
    const message = `there is no XᵀX of the input of ${name}, which GPTQ needs`;
    return fail(diagnose('QK176', { message, hint: 'calibrate with --grams, or take --method rtn' }));
  }
  return succeed({ ...statistics, ...(gram.value === undefined ? {} : { gram: gram.value }) });
}
