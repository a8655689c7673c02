import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { type LineProcess, startLineProcess } from '../support/line-process.ts';
import { packageRoot } from '../support/package-root.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import type { Buffers } from './launch-ptx.ts';

const replySchema = z.union([
  z.object({ adapter: z.object({ name: z.string(), fallback: z.boolean(), variant: z.string() }) }),
  z.object({ ready: z.literal(true) }),
  z.object({ error: z.string(), kind: z.string().optional() }),
]);
type Reply = z.infer<typeof replySchema>;

/** A kernel of a site on the adapter: its quantize, or a linear by its name in the package, on weights uploaded before. */
export interface AdapterLaunch {
  readonly site: string;
  readonly linear?: { readonly name: string; readonly weights: string };
  readonly m: number;
  readonly inputs: Buffers;
  readonly outputs: readonly string[];
}

/** A process that has a bundle's package for WebGPU open on the adapter at hand. */
export interface AdapterSession {
  readonly adapter: { readonly name: string; readonly fallback: boolean; readonly variant: string };
  /** A layer's packed weights, which stay on the adapter under `key`. */
  upload(key: string, layer: string, packed: Buffers): Promise<Result<void, Diagnostic>>;
  launch(launch: AdapterLaunch): Promise<Result<Buffers, Diagnostic>>;
  close(): void;
}

export interface SessionOptions {
  /** The module of the npm package webgpu. */
  readonly dawn: string;
  /** index.js of the bundle's package. */
  readonly index: string;
  readonly env: Environment;
}

/** A software adapter takes minutes for the linears of a large model. */
const timeoutMs = 600_000;

/** QK703 without an adapter; QK704 and QK705 where it is lost or has no room. */
export async function openAdapterSession(
  options: SessionOptions,
): Promise<Result<AdapterSession, Diagnostic>> {
  const { dawn, index, env } = options;
  const script = join(packageRoot(), 'compiler', 'evaluate', 'serve-sites.mjs');
  const args = [script, dawn, pathToFileURL(index).href];
  const child = startLineProcess({ file: process.execPath, args, env });
  const first = read(await child.next(timeoutMs));
  if (!('adapter' in first)) {
    child.kill();
    return fail(toDiagnostic('error' in first ? first : { error: 'the process said nothing of an adapter' }));
  }
  const folder = makeScratchFolder(env['TMPDIR'] || tmpdir(), 'sites');
  const write = (contents: Buffers): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(contents).map(([name, bytes]) => {
        const file = join(folder, `in-${name}.bin`);
        writeFileSync(file, bytes);
        return [name, file];
      }),
    );
  return succeed({
    adapter: first.adapter,
    async upload(key, layer, packed) {
      const reply = await ask(child, { op: 'weights', key, layer, files: write(packed) });
      return 'error' in reply ? fail(toDiagnostic(reply)) : succeed(undefined);
    },
    async launch({ site, linear, m, inputs, outputs }) {
      const files = outputs.map((name) => [name, join(folder, `out-${name}.bin`)] as const);
      const reply = await ask(child, {
        ...{ op: 'launch', site, linear: linear?.name, weights: linear?.weights, M: m },
        ...{ inputs: write(inputs), outputs: Object.fromEntries(files) },
      });
      if ('error' in reply) return fail(toDiagnostic(reply));
      return succeed(
        Object.fromEntries(files.map(([name, file]) => [name, new Uint8Array(readFileSync(file))])),
      );
    },
    close() {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

async function ask(child: LineProcess, request: object): Promise<Reply> {
  return read(await child.ask(JSON.stringify(request), timeoutMs));
}

function read(answer: Result<string, string>): Reply {
  return answer.ok ? replySchema.parse(JSON.parse(answer.value)) : { error: answer.error };
}

const codes: ReadonlyMap<string, DiagnosticCode> = new Map([
  ['no-adapter', 'QK703'],
  ['unsupported', 'QK703'],
  ['device-lost', 'QK704'],
  ['out-of-memory', 'QK705'],
]);

function toDiagnostic({ error, kind = '' }: { readonly error: string; readonly kind?: string | undefined }) {
  return diagnose(codes.get(kind) ?? 'QK710', { message: error });
}
