import { expect, it } from 'vitest';
import { phaseOf } from '../../../compiler/verify/phase-of.ts';

const text = [
  '// swizzle: not a phase, it stands before the kernel', // 1
  'int swizzle();', // 2
  '// ---- Kernel ----', // 3
  'void kernel() {', // 4
  '  // load: starts copies.', // 5
  '  load();', // 6
  '  // a remark: no phase', // 7
  '  copy();', // 8
  '  // store: writes y.', // 9
  '  store();', // 10
].join('\n');

it.each([
  [[6], { line: 6, phase: 'load' }],
  [[8], { line: 8, phase: 'load' }],
  [[10], { line: 10, phase: 'store' }],
  [[2, 10], { line: 2, phase: 'store' }],
  [[2], { line: 2 }],
  [[4], { line: 4 }],
  [[], undefined],
])('lines %j', (lines, place) => {
  expect(phaseOf(text, lines)).toEqual(place);
});
