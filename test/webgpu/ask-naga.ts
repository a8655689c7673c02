// naga is a second compiler of WGSL, Firefox's and that of wgpu: what Dawn takes, it need not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { runProcess } from '../../compiler/support/run-process.ts';

/** WGSL's extensions, and what naga says of a text that uses one which was not enabled. */
const extensions: Readonly<Record<string, RegExp | undefined>> = {
  subgroups:
    /requires capability Capabilities\(SUBGROUP\)|Capability Capabilities\(SUBGROUP\) is not supported/,
  // Types of such a text are unknown from its first line on, so nothing of it can be judged.
  f16: undefined,
};

/** SwiftShader compiles a pipeline when it is made: 150 of them take a minute, on a busy machine several. */
export const nagaTimeoutMs = 400_000;

const reportSchema = z.object({
  adapter: z.string(),
  results: z.array(z.object({ id: z.string(), without: z.array(z.string()), messages: z.array(z.string()) })),
});

/**
 * `accepted`: a module and a pipeline. `to-extension`: taken up to the first use of the extensions, which this naga or its
 * adapter has not. `not-judged`: it has not the extensions, and nothing can be told without. `refused`: at fault.
 */
export interface Verdict {
  readonly kind: 'accepted' | 'to-extension' | 'not-judged' | 'refused';
  readonly lacks: readonly string[];
  readonly messages: readonly string[];
}

export interface NagaReport {
  readonly adapter: string;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

function judge(without: readonly string[], messages: readonly string[]): Verdict {
  const verdict = (kind: Verdict['kind']) => ({ kind, lacks: without, messages });
  if (without.some((name) => extensions[name] === undefined)) return verdict('not-judged');
  if (messages.length === 0) return verdict('accepted');
  const isExcused = (message: string) => without.some((name) => extensions[name]?.test(message));
  return verdict(messages.every(isExcused) ? 'to-extension' : 'refused');
}

/** What naga says of each text, by its name. An extension that WGSL has not is a fault of the text that enables it. */
export async function askNaga(deno: string, texts: ReadonlyMap<string, string>): Promise<NagaReport> {
  const folder = mkdtempSync(join(tmpdir(), 'quikc-naga-'));
  try {
    const names = [...texts.keys()];
    for (const [index, name] of names.entries())
      writeFileSync(join(folder, `${index}.wgsl`), texts.get(name) ?? '');
    writeFileSync(join(folder, 'extensions.json'), JSON.stringify(Object.keys(extensions)));
    const args = [
      'run',
      '-A',
      '--no-remote',
      '--no-check',
      resolve('test/webgpu/check-with-naga.mjs'),
      folder,
    ];
    const outcome = await runProcess({ file: deno, args, env: process.env, timeoutMs: nagaTimeoutMs });
    if (outcome.kind !== 'exited' || outcome.code !== 0) throw new Error(JSON.stringify(outcome));
    const { adapter, results } = reportSchema.parse(JSON.parse(outcome.stdout));
    const verdicts = results.map(({ id, without, messages }) => {
      return [names[Number(id)] ?? id, judge(without, messages)] as const;
    });
    if (verdicts.length !== names.length) throw new Error(`${verdicts.length} of ${names.length} answered`);
    return { adapter, verdicts: new Map(verdicts) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
