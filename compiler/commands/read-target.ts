import { findTarget, targets } from '../../targets/index.ts';
import type { Target } from '../../targets/target.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** The target that `--target` names. */
export function readTarget(id: string): Result<Target, Diagnostic> {
  const target = findTarget(id);
  if (target !== undefined) return succeed(target);
  const expected = `one of ${targets.map((known) => known.id).join(', ')}`;
  return fail(diagnose('QK302', { message: `${quoteText(id)} is no target`, expected }));
}
