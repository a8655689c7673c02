import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import type { ProcessOutcome } from '../support/run-process.ts';

/**
 * Every fault of the build stage that is not in a kernel's text: one function a fault, so that wording is in one
 * place. What to do is in the table of codes, unless it depends on the occurrence.
 */
export const toolFault = {
  nvccNotFound(tried: readonly string[]): Diagnostic {
    return diagnose('QK601', { message: `no CUDA compiler found (looked at ${tried.join(', ')})` });
  },
  nvccUnusable(path: string, why: string): Diagnostic {
    return diagnose('QK602', { message: `${path} cannot be used: ${why}` });
  },
  noHostCompiler(): Diagnostic {
    const message = 'nvcc needs a host C++ compiler to preprocess, and there is no g++ on PATH';
    return diagnose('QK603', { message });
  },
  noPython(): Diagnostic {
    const message = 'the toolchain is fetched with pip, and there is no python3 on PATH';
    return diagnose('QK610', { message });
  },
  noPip(python: string): Diagnostic {
    return diagnose('QK611', { message: `${python} has no pip, which the toolchain is fetched with` });
  },
  downloadFailed(what: string, outcome: ProcessOutcome): Diagnostic {
    return diagnose('QK612', { message: `pip could not download ${what}: ${describeOutcome(outcome)}` });
  },
  damagedDownload(what: string, why: string): Diagnostic {
    const message = `${what} is not the file that quikc knows, and nothing was installed: ${why}`;
    return diagnose('QK613', { message });
  },
  cannotWrite(folder: string, error: unknown): Diagnostic {
    const message = `cannot write to ${folder}: ${describeFileError(error)}`;
    return diagnose('QK614', { message, ...hintIfFull(error, 'QUIKC_CACHE') });
  },
  cannotWriteTemporary(error: unknown): Diagnostic {
    const message = `cannot write to the folder for temporary files: ${describeFileError(error)}`;
    const hint = 'point TMPDIR at a folder you can write to';
    return diagnose('QK614', { message, hint, ...hintIfFull(error, 'TMPDIR') });
  },
  noSpace(where: string, variable: 'TMPDIR' | 'TMPDIR and QUIKC_CACHE'): Diagnostic {
    return diagnose('QK614', { message: `no space left on the disk of ${where}`, hint: fullHint(variable) });
  },
  cacheNotWritten(folder: string, error: unknown): Diagnostic {
    const message = `the build cache ${folder} cannot be written: ${describeFileError(error)}`;
    return diagnose('QK615', { message, ...hintIfFull(error, 'QUIKC_CACHE') });
  },
  noDawn(): Diagnostic {
    return diagnose('QK604', {
      message: 'there is no npm package webgpu, which checks shaders and runs them',
    });
  },
  noNpm(): Diagnostic {
    return diagnose('QK618', { message: 'Dawn is fetched with npm, and there is no npm on PATH' });
  },
  npmFailed(outcome: ProcessOutcome): Diagnostic {
    if ('stderr' in outcome && outcome.stderr.includes('EINTEGRITY')) {
      const hint = 'try again, or check which registry npm uses (`npm config get registry`)';
      const message = 'the npm package webgpu is not the file that quikc knows, and nothing was installed';
      return diagnose('QK613', { message, hint });
    }
    const hint = 'check the network and npm’s registry (`npm config get registry`), then try again';
    return diagnose('QK612', { message: `npm could not install webgpu: ${describeOutcome(outcome)}`, hint });
  },
  dawnUnusable(path: string, why: string): Diagnostic {
    return diagnose('QK605', { message: `${path} cannot be used: ${why}` });
  },
  badTimeout(text: string, most: number): Diagnostic {
    const expected = `seconds, from 0.001 to ${most}, or nothing`;
    return diagnose('QK617', { message: `QUIKC_BUILD_TIMEOUT is ${quoteText(text)}`, expected });
  },
  cancelled(): Diagnostic {
    return diagnose('QK616', { message: 'the build was interrupted' });
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

function fullHint(variable: string): string {
  return `free some space, or point ${variable} at another disk`;
}

function hintIfFull(error: unknown, variable: string): { readonly hint?: string } {
  return describeFileError(error).includes('ENOSPC') ? { hint: fullHint(variable) } : {};
}

function lastLines(text: string): string {
  const lines = text.trim().split('\n').slice(-4).join('\n');
  return lines === '' ? '' : `:\n${lines}`;
}
