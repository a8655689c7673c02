import type { Diagnostic } from '../diagnostics/diagnostic.ts';

/** What came of a command, to be told with the time that it took. */
export interface Made {
  readonly warnings: readonly Diagnostic[];
  readonly report: (seconds: number) => { readonly json: object; readonly text: string };
}
