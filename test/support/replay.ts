// npm run replay -- <commit> [--same]: which emitted kernels the working tree changes against a commit.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareEmitted, printChanges } from './replay-compare.ts';
import { type EmittedModels, emitTree } from './replay-emit.ts';
import { addWorktree, git, linkTree, removeWorktree } from './replay-trees.ts';

const usage = 'usage: npm run replay -- <commit> [--same]\n';

/** 0: compared (with --same: and nothing differs); 1: a difference under --same, or a model did not compile; 2: usage. */
export async function main(words: readonly string[]): Promise<number> {
  const request = readArguments(words);
  if (request === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const commit = git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${request.commit}^{commit}`]);
  if (commit === undefined) {
    process.stderr.write(`no commit is named ${request.commit}\n${usage}`);
    return 2;
  }
  const [before, after] = emitBoth(commit);
  const failures = [
    ...describeFailures(before, commit.slice(0, 12)),
    ...describeFailures(after, 'the working tree'),
  ];
  process.stderr.write(failures.join(''));
  const changes = compareEmitted(before.kernels, after.kernels);
  process.stdout.write(printChanges(changes, after.kernels, commit.slice(0, 12)));
  if (failures.length > 0) return 1;
  return request.same && changes.length > 0 ? 1 : 0;
}

function readArguments(words: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { same: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    const [commit, ...more] = positionals;
    return commit === undefined || more.length > 0 ? undefined : { commit, same: values.same };
  } catch {
    return undefined;
  }
}

/** Everything is made in one scratch folder, which is gone afterwards whatever happens. */
function emitBoth(commit: string): readonly [EmittedModels, EmittedModels] {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-replay-')));
  const [then, now] = [join(scratch, 'then'), join(scratch, 'now')];
  const cleanUp = () => {
    removeWorktree(then);
    rmSync(scratch, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  try {
    addWorktree(commit, then);
    linkTree(now);
    return [emitTree(then), emitTree(now)];
  } finally {
    process.off('exit', cleanUp);
    cleanUp();
  }
}

function describeFailures({ failures }: EmittedModels, where: string): readonly string[] {
  return failures.map(({ model, why }) => `${model} does not compile at ${where}:\n${why}\n`);
}
