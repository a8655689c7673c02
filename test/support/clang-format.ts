import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureFolder } from '../../compiler/support/ensure-folder.ts';
import { findOnPath } from '../../compiler/support/find-on-path.ts';
import { type Environment, quikcCacheRoot } from '../../compiler/support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../../compiler/support/result.ts';
import { runProcess } from '../../compiler/support/run-process.ts';
import { makeScratchFolder, sweepScratchFolders } from '../../compiler/support/scratch-folder.ts';
import { moveIntoPlace } from '../../compiler/support/sealed-folder.ts';

/** Pinned: another version may break lines elsewhere. A wheel of PyPI, so that no LLVM need be installed. */
export const clangFormatVersion = '23.1.5';

/** Path of clang-format, fetched by pip into quikc's cache on first use; or one sentence why it cannot be had. */
export async function findClangFormat(env: Environment): Promise<Result<string, string>> {
  const root = quikcCacheRoot(env);
  const folder = join(root, 'clang-format', clangFormatVersion);
  const program = join('bin', 'clang-format');
  const binary = join(folder, 'clang_format', 'data', program);
  if (existsSync(binary)) return succeed(binary);
  const python = findOnPath('python3', env);
  const wanted = `clang-format ${clangFormatVersion} cannot be had`;
  if (python === undefined) return fail(`${wanted}: there is no python3 on PATH to fetch its wheel with`);
  sweepScratchFolders(join(root, 'tmp'));
  const scratch = makeScratchFolder(join(root, 'tmp'), 'format');
  try {
    const fresh = join(scratch, 'new');
    const options = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-cache-dir',
      '--no-deps',
      '--only-binary',
      ':all:',
    ];
    const outcome = await runProcess({
      file: python,
      args: ['-m', 'pip', 'install', ...options, '--target', fresh, `clang-format==${clangFormatVersion}`],
      env: { ...env, LC_ALL: 'C', PIP_ROOT_USER_ACTION: 'ignore' },
      timeoutMs: 120_000,
    });
    if (outcome.kind !== 'exited' || outcome.code !== 0)
      return fail(
        `${wanted}: pip install failed (${'stderr' in outcome ? outcome.stderr.trim() : outcome.kind})`,
      );
    ensureFolder(dirname(folder));
    moveIntoPlace(fresh, folder, scratch, () => existsSync(binary));
    return succeed(binary);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
