import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { maskProvenance } from '../golden/mask-provenance.ts';

/** Texts by `<model>/<kernel id>`. */
export type EmittedKernels = ReadonlyMap<string, string>;

export interface EmittedModels {
  readonly kernels: EmittedKernels;
  readonly failures: readonly { readonly model: string; readonly why: string }[];
}

const folders = ['test/fixtures/models', 'test/golden/models'];
const example = 'examples/llama-2-7b/model.json';

/**
 * Compiles the tree's own models with the tree's own quikc, as a user would: the command line is what stays the same
 * from commit to commit, the functions behind it do not.
 */
export function emitTree(root: string): EmittedModels {
  const node = (args: readonly string[]) =>
    execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const kernels = new Map<string, string>();
  const failures: { readonly model: string; readonly why: string }[] = [];
  try {
    node(['build.mjs']);
  } catch (error) {
    return { kernels, failures: [{ model: 'quikc itself', why: firstLines(error) }] };
  }
  const out = join(root, '..', 'bundle');
  for (const model of listModels(root)) {
    try {
      node(['dist/cli.js', 'compile', model, '--target', 'sm80', '--no-build', '-o', out]);
    } catch (error) {
      failures.push({ model, why: firstLines(error) });
      continue;
    }
    for (const file of readdirSync(join(out, 'kernels')).filter((name) => name.endsWith('.cu')))
      kernels.set(`${model}/${file}`, maskProvenance(readFileSync(join(out, 'kernels', file), 'utf8')));
    rmSync(out, { recursive: true });
  }
  return { kernels, failures };
}

/** Models that are there: an early commit may lack some. */
function listModels(root: string): readonly string[] {
  const list = (folder: string) => {
    try {
      return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
    } catch {
      return [];
    }
  };
  const [here = ''] = list('examples/llama-2-7b').filter((path) => path === example);
  return [...folders.flatMap(list), here].filter((path) => path.endsWith('.json')).sort();
}

/** What a command said before it failed, cut before a stack trace fills the screen. */
function firstLines(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n').slice(0, 8).join('\n');
}
