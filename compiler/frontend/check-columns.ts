import type { OutlierColumns } from '../../ir/quant-scheme.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { within } from '../diagnostics/origin.ts';
import type { GivenColumns } from './settle-layer.ts';

/** Faults of one list that are worth telling; more of them say nothing new. */
const mostFaults = 5;

/** Listed outlier columns, sorted, one list or one per repetition; faults point at the entry. */
export function checkColumns(
  given: GivenColumns,
  layer: { readonly k: number; readonly count: number; readonly repetitions: number },
  report: (diagnostic: Diagnostic) => void,
): OutlierColumns {
  const nested = given.entries.filter((entry) => Array.isArray(entry));
  const flat = given.entries.filter((entry) => typeof entry === 'number');
  if (nested.length > 0 && flat.length > 0) {
    const message = 'columns mixes numbers and lists';
    report(
      diagnose('QK112', {
        pointer: given.origin,
        message,
        expected: 'one list of numbers, or one list per repetition',
      }),
    );
    return { kind: 'placeholder' };
  }
  const lists = nested.length > 0 ? nested : [flat];
  if (nested.length > 0 && nested.length !== layer.repetitions && nested.length !== 1) {
    const message = `${nested.length} lists of columns for ${layer.repetitions} repetitions`;
    report(
      diagnose('QK113', { pointer: given.origin, message, expected: `1 list or ${layer.repetitions} lists` }),
    );
  }
  lists.forEach((list, index) => {
    const pointer = nested.length > 0 ? within(given.origin, index) : given.origin;
    checkList(list, pointer, layer, report);
  });
  return { kind: 'listed', lists: lists.map((list) => list.toSorted((a, b) => a - b)) };
}

function checkList(
  list: readonly number[],
  pointer: string,
  { k, count }: { readonly k: number; readonly count: number },
  report: (diagnostic: Diagnostic) => void,
): void {
  const seen = new Set<number>();
  const faults: Diagnostic[] = [];
  list.forEach((column, index) => {
    if (faults.length >= mostFaults) return;
    const here = within(pointer, index);
    if (!Number.isInteger(column) || column < 0 || column >= k) {
      const hint = `columns are input features: 0 to ${k - 1}`;
      faults.push(
        diagnose('QK112', {
          pointer: here,
          message: `${column} is not a column of a layer with K = ${k}`,
          hint,
        }),
      );
    } else if (seen.has(column)) {
      faults.push(diagnose('QK112', { pointer: here, message: `column ${column} is listed twice` }));
    }
    seen.add(column);
  });
  for (const fault of faults) report(fault);
  if (faults.length === 0 && list.length !== count) {
    const message = `${list.length} columns are listed for ${count} outliers`;
    report(diagnose('QK112', { pointer, message, hint: 'leave the count out, or leave the columns out' }));
  }
}
