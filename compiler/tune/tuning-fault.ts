import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { describeFileError } from '../support/describe-file-error.ts';

/** What may be wrong with records and those who write them. */
export const tuningFault = {
  unreadable: (file: string, why: string): Diagnostic => diagnose('QK570', { file, message: why }),
  cannotWrite: (file: string, cause: unknown): Diagnostic =>
    diagnose('QK571', { file, message: describeFileError(cause) }),
  locked: (file: string, pid: number): Diagnostic =>
    diagnose('QK572', { file, message: `process ${pid} holds it` }),
};
