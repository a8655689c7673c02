import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { Support } from '../../family.ts';
import { enumerateWorkgroupRows, rejectWorkgroupRow } from './schedule-space.ts';

/** Whether the WGSL template can serve `problem`, or the first reason why not. */
export function supportsQuantize(problem: QuantizeProblem, target: WgslTarget): Support {
  const { k } = problem;
  if (k % 2 !== 0) {
    return {
      supported: false,
      reason: `K = ${k}: rows are read in words of two columns`,
      nearest: `K = ${k + 1}, padded`,
    };
  }
  const fits = [...enumerateWorkgroupRows()].some(
    (schedule) => rejectWorkgroupRow(problem, schedule, target) === undefined,
  );
  if (fits) return { supported: true };
  const { workgroupStorageBytes } = target.limits;
  const columns = 32 * Math.floor((workgroupStorageBytes - 32 * 8 - 8) / 8);
  return {
    supported: false,
    reason: `K = ${k}: two words for each of ${ceilDiv(k, 32)} words of columns do not fit ${workgroupStorageBytes} bytes of workgroup memory`,
    nearest: `K up to ${columns}`,
  };
}
