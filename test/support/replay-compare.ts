import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { EmittedKernels } from './replay-emit.ts';

export interface KernelChange {
  readonly kernel: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly plus: number;
  readonly minus: number;
}

/** Kernels that differ, by name. An id holds a hash of the kernel's spec: another schedule is one removed, one added. */
export function compareEmitted(before: EmittedKernels, after: EmittedKernels): readonly KernelChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((kernel): readonly KernelChange[] => {
    const [old, made] = [before.get(kernel), after.get(kernel)];
    if (old === made) return [];
    if (made === undefined) return [{ kernel, kind: 'removed', plus: 0, minus: countLines(old ?? '') }];
    if (old === undefined) return [{ kernel, kind: 'added', plus: countLines(made), minus: 0 }];
    return [{ kernel, kind: 'changed', ...countChanges(old, made) }];
  });
}

export function printChanges(
  changes: readonly KernelChange[],
  after: EmittedKernels,
  commit: string,
): string {
  const width = Math.max(0, ...changes.map(({ plus, minus }) => `+${plus} -${minus}`.length));
  const groups = groupByModel(changes);
  const blocks = [...groups].map(([model, list]) => {
    const lines = list.map(({ kernel, kind, plus, minus }) => {
      const name = kernel.slice(model.length + 1);
      return `  ${kind.padEnd(8)} ${`+${plus} -${minus}`.padEnd(width)}  ${name}`;
    });
    return `${[model, ...lines].join('\n')}\n`;
  });
  const count = (kind: KernelChange['kind']) => changes.filter((change) => change.kind === kind).length;
  const same = after.size - count('added') - count('changed');
  return `${blocks.join('')}against ${commit}: ${count('added')} added, ${count('removed')} removed, ${count('changed')} changed, ${same} the same\n`;
}

function modelOf({ kernel }: KernelChange): string {
  return dirname(kernel);
}

function groupByModel(changes: readonly KernelChange[]): ReadonlyMap<string, readonly KernelChange[]> {
  const groups = new Map<string, KernelChange[]>();
  for (const change of changes) groups.set(modelOf(change), [...(groups.get(modelOf(change)) ?? []), change]);
  return groups;
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}

/** Lines added and removed as git's diff counts them. */
function countChanges(before: string, after: string): { readonly plus: number; readonly minus: number } {
  const folder = mkdtempSync(join(tmpdir(), 'quikc-replay-diff-'));
  try {
    const files = [join(folder, 'before'), join(folder, 'after')] as const;
    writeFileSync(files[0], before);
    writeFileSync(files[1], after);
    const [plus, minus] = diffStatistics(files).split('\t');
    return { plus: Number(plus), minus: Number(minus) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `git diff --no-index` ends with 1 where files differ, as they do here. */
function diffStatistics(files: readonly [string, string]): string {
  try {
    return execFileSync('git', ['diff', '--no-index', '--numstat', ...files], { encoding: 'utf8' });
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 1 && 'stdout' in error)
      return String(error.stdout);
    throw error;
  }
}
