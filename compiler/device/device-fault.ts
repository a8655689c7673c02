import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import type { ProcessOutcome } from '../support/run-process.ts';

/** Every fault of running kernels on a GPU. What to do is in the table of codes, unless it depends on the stage. */
export const deviceFault = {
  noCompiler(): Diagnostic {
    const message = 'the program that runs kernels must be compiled, and there is no g++ or c++ on PATH';
    return diagnose('QK801', { message });
  },
  notCompiled(compiler: string, outcome: ProcessOutcome): Diagnostic {
    return diagnose('QK802', { message: `${compiler} could not compile the runner: ${describe(outcome)}` });
  },
  cannotWrite(folder: string, error: unknown): Diagnostic {
    return diagnose('QK803', { message: `cannot write to ${folder}: ${describeFileError(error)}` });
  },
  noGpu(why: string): Diagnostic {
    return diagnose('QK810', { message: `no GPU can be used: ${why}` });
  },
  kernelFailed(stage: string, why: string): Diagnostic {
    const hint = hints[stage];
    const message = `the GPU refused the work (${stage}): ${why}`;
    return diagnose('QK811', { message, ...(hint === undefined ? {} : { hint }) });
  },
  jobRefused(why: string): Diagnostic {
    return diagnose('QK812', { message: `the runner refused its job: ${why}` });
  },
  runnerFailed(outcome: ProcessOutcome): Diagnostic {
    return diagnose('QK813', { message: `the runner failed: ${describe(outcome)}` });
  },
  sessionEnded(why: string): Diagnostic {
    return diagnose('QK813', { message: `the runner failed: ${why}` });
  },
  badReply(why: string): Diagnostic {
    return diagnose('QK814', { message: `the runner cannot be understood: ${why}` });
  },
  interrupted(): Diagnostic {
    return diagnose('QK815', { message: 'the run was interrupted' });
  },
  wroteOutside(buffers: readonly number[]): Diagnostic {
    const message = `a kernel wrote outside its buffers (beside argument buffer ${buffers.join(', ')})`;
    return diagnose('QK816', { message });
  },
} as const;

/** For stages before a kernel runs, of which `quikc verify` knows nothing. */
const hints: Readonly<Record<string, string>> = {
  module:
    'the driver may be older than the toolkit that wrote the PTX: PTX 9.0 needs a driver for CUDA 13.0 (580)',
  memory: 'the GPU has too little free memory for this size',
};

function describe(outcome: ProcessOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `it ended with code ${outcome.code}: ${outcome.stderr.trim().slice(0, 2000)}`;
    case 'killed':
      return `it was killed (${outcome.by})`;
    case 'timed-out':
      return 'it did not end in time';
    case 'cancelled':
      return 'it was interrupted';
    case 'not-started':
      return outcome.reason;
  }
}
