import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import type { ProcessOutcome } from '../support/run-process.ts';

/** Every fault of running kernels on a GPU. */
export const deviceFault = {
  noCompiler(): Diagnostic {
    return fault(
      'QK801',
      'the program that runs kernels must be compiled, and there is no g++ or c++ on PATH',
      'install a C++ compiler, e.g. `apt-get install g++`',
    );
  },
  notCompiled(compiler: string, outcome: ProcessOutcome): Diagnostic {
    return fault(
      'QK802',
      `${compiler} could not compile the runner: ${describe(outcome)}`,
      'try another C++17 compiler',
    );
  },
  cannotWrite(folder: string, error: unknown): Diagnostic {
    const why = error instanceof Error ? error.message : String(error);
    return fault(
      'QK803',
      `cannot write to ${folder}: ${why}`,
      'free some space, or point QUIKC_CACHE elsewhere',
    );
  },
  noGpu(why: string): Diagnostic {
    return fault(
      'QK810',
      `no GPU can be used: ${why}`,
      'run this on a machine with an NVIDIA GPU and driver; `quikc verify` needs neither',
    );
  },
  kernelFailed(stage: string, why: string): Diagnostic {
    return fault(
      'QK811',
      `the GPU refused the work (${stage}): ${why}`,
      hints[stage] ?? 'see the driver’s message',
    );
  },
  jobRefused(why: string): Diagnostic {
    return fault('QK812', `the runner refused its job: ${why}`, 'this is a fault of quikc: please report it');
  },
  runnerFailed(outcome: ProcessOutcome): Diagnostic {
    return fault(
      'QK813',
      `the runner failed: ${describe(outcome)}`,
      'a kernel that hangs is stopped after the time limit',
    );
  },
  badReply(why: string): Diagnostic {
    return fault(
      'QK814',
      `the runner cannot be understood: ${why}`,
      'this is a fault of quikc: please report it',
    );
  },
  interrupted(): Diagnostic {
    return fault('QK815', 'the run was interrupted', 'start it again');
  },
  wroteOutside(buffers: readonly number[]): Diagnostic {
    return fault(
      'QK816',
      `a kernel wrote outside its buffers (beside argument buffer ${buffers.join(', ')})`,
      'run `quikc verify`: it names the instruction',
    );
  },
} as const;

const hints: Readonly<Record<string, string>> = {
  module:
    'the driver may be older than the toolkit that wrote the PTX: PTX 9.0 needs a driver for CUDA 13.0 (580)',
  run: 'run `quikc verify`: it names the instruction that went wrong',
  timing: 'run `quikc verify`: it names the instruction that went wrong',
  memory: 'the GPU has too little free memory for this size',
};

function fault(code: DiagnosticCode, message: string, hint: string): Diagnostic {
  return { code, severity: 'error', message, hint };
}

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
