import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { findToolchain, type Toolchain } from '../../../compiler/build/find-toolchain.ts';
import type { KernelSource } from '../../../compiler/build/kernel-source.ts';
import { makeCubin } from './make-cubin.ts';

const made: string[] = [];

/** A folder that is gone after the test. The blank in its name is there on purpose. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quikc test '));
  made.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Puts an executable shell script into `folder`. It logs each call into a file `<name>.calls` beside it. */
export function writeScript(folder: string, name: string, body: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\nhere=$(dirname "$0")\necho "$@" >> "$here/${name}.calls"\n${body}\n`, {
    mode: 0o755,
  });
  return path;
}

export function callsOf(folder: string, name: string): string[] {
  try {
    return readFileSync(join(folder, `${name}.calls`), 'utf8')
      .trimEnd()
      .split('\n');
  } catch {
    return [];
  }
}

/** Finds the word after -o and puts it into $out. */
const findOutput = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done';
export const goodPtx = `printf '.version 9.0\\n.target sm_80\\n.visible .entry k()\\n{\\n\\tret;\\n}\\n' > "$out"`;
export const goodReport = [
  "ptxas info    : Compiling entry function 'k' for 'sm_80'",
  'ptxas info    : Function properties for k',
  '    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads',
  'ptxas info    : Used 20 registers, used 1 barriers, 128 bytes smem, 380 bytes cmem[0]',
].join('\n');
export const goodCubin = `cp "$here/k.cubin" "$out"; cat "$here/k.report" >&2`;

export interface Fake {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly cache: string;
  readonly work: string;
  readonly toolchain: () => Promise<Toolchain>;
}

/** nvcc and ptxas as shell scripts that do what `nvcc` and `ptxas` say, with a cache and a folder for temporary files. */
export function fakeToolchain(bodies: { nvcc?: string; ptxas?: string } = {}): Fake {
  const root = temporaryFolder();
  const folder = join(root, 'bin');
  const [cache, work] = [join(root, 'cache'), join(root, 'work')];
  mkdirSync(work);
  const version =
    'if [ "$1" = --version ]; then echo "Cuda compilation tools, release 13.0, V13.0.88"; exit 0; fi';
  writeScript(folder, 'nvcc', `${version}\n${findOutput}\n${bodies.nvcc ?? goodPtx}`);
  writeScript(folder, 'ptxas', `${findOutput}\n${bodies.ptxas ?? goodCubin}`);
  writeFileSync(join(folder, 'k.cubin'), makeCubin({ symbol: 'k', words: [0x237, 0x237, 0x94d] }));
  writeFileSync(join(folder, 'k.report'), goodReport);
  const env = {
    PATH: process.env['PATH'] ?? '',
    QUIKC_NVCC: join(folder, 'nvcc'),
    QUIKC_CACHE: cache,
    TMPDIR: work,
  };
  const toolchain = async () => {
    const found = await findToolchain({ env });
    if (!found.ok) throw new Error(found.error.message);
    return found.value;
  };
  return { folder, env, cache, work, toolchain };
}

export function source(changes: Partial<KernelSource> = {}): KernelSource {
  return {
    id: 'k',
    text: 'extern "C" __global__ void k() {}\n',
    virtualArch: 'compute_80',
    realArchs: ['sm_80'],
    gate: { mma: { IMMA: 2 } },
    ...changes,
  };
}
