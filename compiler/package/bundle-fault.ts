import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { describeFileError } from '../support/describe-file-error.ts';

/** Every fault of writing and reading bundles. */
export const bundleFault = {
  notABundle(folder: string, strangers: readonly string[]): Diagnostic {
    const [first = ''] = strangers;
    const more = strangers.length > 1 ? ` and ${strangers.length - 1} more` : '';
    return diagnose('QK550', {
      file: folder,
      message: `the output folder holds what no bundle has: ${first}${more}`,
      expected: 'no folder, an empty one, or a bundle of quikc and nothing else',
    });
  },

  cannotWrite(folder: string, error: unknown): Diagnostic {
    return diagnose('QK551', { file: folder, message: describeFileError(error) });
  },

  notReadable(folder: string, error: unknown): Diagnostic {
    return diagnose('QK560', { file: folder, message: describeFileError(error) });
  },

  fileNotReadable(file: string, error: unknown): Diagnostic {
    return diagnose('QK567', { file, message: describeFileError(error) });
  },

  workingFolder(folder: string): Diagnostic {
    return diagnose('QK554', {
      file: folder,
      message: 'a bundle replaces its folder, and this one is the working folder or holds it',
    });
  },

  badSums(file: string): Diagnostic {
    const expected = 'lines of a digest, two spaces and a path within the bundle';
    return diagnose('QK560', { file, message: 'the file is not one that quikc wrote', expected });
  },

  altered(file: string, against: 'SHA256SUMS' | 'manifest.json'): Diagnostic {
    return diagnose('QK561', { file, message: `the file is not the one whose digest ${against} has` });
  },

  missing(file: string): Diagnostic {
    return diagnose('QK562', { file, message: 'SHA256SUMS names this file, and it is not there' });
  },

  extra(file: string): Diagnostic {
    return diagnose('QK563', { file, message: 'SHA256SUMS does not name this file' });
  },

  badManifest(file: string, pointer: string, message: string): Diagnostic {
    return diagnose('QK564', { file, pointer, message });
  },

  otherAbi(file: string, found: number): Diagnostic {
    return diagnose('QK565', { file, message: `the bundle has ABI version ${found}`, expected: 'version 1' });
  },
};
