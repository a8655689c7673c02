import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import type { ProcessOutcome } from '../support/run-process.ts';

const install = 'run `quikc toolchain install`, or name an nvcc with --nvcc or QUIKC_NVCC';

/** Every fault of the build stage that is not in a kernel's text: one function a fault, so that wording is in one place. */
export const toolFault = {
  nvccNotFound(tried: readonly string[]): Diagnostic {
    return fault('QK601', `no CUDA compiler found (looked at ${tried.join(', ')})`, install);
  },
  nvccUnusable(path: string, why: string): Diagnostic {
    return fault('QK602', `${path} cannot be used: ${why}`, install);
  },
  noHostCompiler(): Diagnostic {
    return fault(
      'QK603',
      'nvcc needs a host C++ compiler to preprocess, and there is no g++ on PATH',
      'install one, e.g. `apt-get install g++`',
    );
  },
  noPython(): Diagnostic {
    return fault(
      'QK610',
      'the toolchain is fetched with pip, and there is no python3 on PATH',
      'install Python 3 with pip (e.g. `apt-get install python3-pip`), or name an nvcc of your own with QUIKC_NVCC',
    );
  },
  noPip(python: string): Diagnostic {
    return fault(
      'QK611',
      `${python} has no pip, which the toolchain is fetched with`,
      'install it (e.g. `apt-get install python3-pip`), or name an nvcc of your own with QUIKC_NVCC',
    );
  },
  downloadFailed(what: string, outcome: ProcessOutcome): Diagnostic {
    return fault(
      'QK612',
      `pip could not download ${what}: ${describeOutcome(outcome)}`,
      'check the network and pip’s index settings (`python3 -m pip config list`), then try again',
    );
  },
  damagedDownload(what: string, why: string): Diagnostic {
    return fault(
      'QK613',
      `${what} is not the file that quikc knows: ${why}`,
      'nothing was installed; try again, or check which package index pip uses',
    );
  },
  cannotWrite(folder: string, error: unknown): Diagnostic {
    return fault('QK614', `cannot write to ${folder}: ${describeFileError(error)}`, cacheHint(error));
  },
  noSpace(where: string): Diagnostic {
    return fault(
      'QK614',
      `no space left on the disk of ${where}`,
      'free some space, or point TMPDIR and QUIKC_CACHE at another disk',
    );
  },
  cacheNotWritten(folder: string, error: unknown): Diagnostic {
    return {
      ...fault(
        'QK615',
        `the build cache ${folder} cannot be written: ${describeFileError(error)}`,
        cacheHint(error),
      ),
      severity: 'warning',
    };
  },
  badTimeout(text: string, most: number): Diagnostic {
    return fault(
      'QK617',
      `QUIKC_BUILD_TIMEOUT is ${quoteText(text)}`,
      `give seconds, from 0.001 to ${most}, or leave it unset`,
    );
  },
  cancelled(): Diagnostic {
    return fault('QK616', 'the build was interrupted', 'run it again: what was finished is in the cache');
  },
} as const;

/** How a process failed, in words, with the last lines that it printed. */
export function describeOutcome(outcome: ProcessOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `it ended with code ${outcome.code}${lastLines(outcome.stderr)}`;
    case 'killed':
      return `it was killed (${outcome.by})${lastLines(outcome.stderr)}`;
    case 'timed-out':
      return `it did not end in time${lastLines(outcome.stderr)}`;
    case 'cancelled':
      return 'it was interrupted';
    case 'not-started':
      return `it could not be started: ${outcome.reason}`;
  }
}

function fault(code: DiagnosticCode, message: string, hint: string): Diagnostic {
  return { code, severity: 'error', message, hint };
}

function cacheHint(error: unknown): string {
  const full = describeFileError(error).includes('ENOSPC');
  return full
    ? 'free some space, or point QUIKC_CACHE at another disk'
    : 'point QUIKC_CACHE at a folder you can write to';
}

function lastLines(text: string): string {
  const lines = text.trim().split('\n').slice(-4).join('\n');
  return lines === '' ? '' : `:\n${lines}`;
}
