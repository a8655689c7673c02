import { formatCount } from '../support/format-count.ts';

/** Four digits, whole from 1000 on: 0.1234, 158.7 and 11,750 stand in one column. */
export function formatMicroseconds(value: number): string {
  return value < 999.95 ? value.toPrecision(4) : formatCount(value);
}
