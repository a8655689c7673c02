import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Output of a git command in this repository, or undefined if it failed. */
export function git(args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch {
    return undefined;
  }
}

/** The tree of a commit in `folder`, with this checkout's packages. */
export function addWorktree(commit: string, folder: string): void {
  execFileSync('git', ['worktree', 'add', '--quiet', '--detach', folder, commit], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
}

/** Forgets the worktree too where its folder is gone already. */
export function removeWorktree(folder: string): void {
  git(['worktree', 'remove', '--force', folder]);
}

/** What is built, or private to a checkout: a tree of its own has its own. */
const own = new Set(['dist', '.git', '.cache']);

/** The working tree as it is, uncommitted changes too, in `folder`: links, so that its dist/ can be built elsewhere. */
export function linkTree(folder: string): void {
  mkdirSync(folder);
  for (const name of readdirSync('.')) if (!own.has(name)) symlinkSync(resolve(name), join(folder, name));
}
