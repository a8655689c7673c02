import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildKernels } from '../../compiler/build/build-kernels.ts';
import { findToolchain, type Toolchain } from '../../compiler/build/find-toolchain.ts';
import type { GateExpectations } from '../../compiler/build/gate-kernel.ts';
import type { KernelSource } from '../../compiler/build/kernel-source.ts';

const found = await findToolchain({ env: process.env });
const why = found.ok ? '' : ` (skipped: ${found.error.message}; ${found.error.hint})`;
// A machine that tests changes must have a compiler: there, its absence fails.
const needsNvcc = describe.skipIf(!found.ok && !process.env['CI']);

let root: string;
let env: Record<string, string | undefined>;
let toolchain: Toolchain;

const s4Mma = `
__device__ __forceinline__ void mma(int (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}`;
const good = (id: string, extra = '') => `${s4Mma}
extern "C" __global__ void ${id}(const unsigned* a, const unsigned* b, int* c, int d) {
  const unsigned fa[4] = {a[threadIdx.x], a[threadIdx.x + 32], a[threadIdx.x + 64], a[threadIdx.x + 96]};
  const unsigned fb[2] = {b[threadIdx.x], b[threadIdx.x + 32]};
  int acc[4] = {d, 0, 0, 0};
  mma(acc, fa, fb);
  mma(acc, fa, fb);
  ${extra}
  for (int i = 0; i < 4; ++i) c[threadIdx.x * 4 + i] = acc[i];
}`;

function unit(
  id: string,
  text: string,
  gate: GateExpectations,
  arch = 'sm_80',
  virtualArch = 'compute_80',
): KernelSource {
  return { id, text, virtualArch, realArchs: [arch], gate };
}

async function faults(source: KernelSource): Promise<string[]> {
  const report = await buildKernels([source], toolchain, { env });
  return report.failed.flatMap(({ diagnostics }) =>
    diagnostics.map(({ code, line }) => (line ? `${code}:${line}` : code)),
  );
}

needsNvcc(`with the real compilers${why}`, () => {
  beforeAll(() => {
    if (!found.ok) throw new Error(found.error.message);
    toolchain = found.value;
    root = mkdtempSync(join(tmpdir(), 'quikc compile '));
    env = { ...process.env, QUIKC_CACHE: join(root, 'cache'), TMPDIR: root };
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('a good kernel passes, twice the same and without a trace of this machine', async () => {
    const source = unit(
      'good',
      `#include <cuda_fp16.h>\n${good('good', 'acc[0] = __half2float(__float2half(acc[0]));')}`,
      { mma: { IMMA: 2 } },
    );
    const builds = [];
    for (const cache of ['one', 'two']) {
      const TMPDIR = mkdtempSync(join(root, `work ${cache} `));
      if (cache === 'two') await sleep(1100); // change times, if any crept in, differ by a second
      const report = await buildKernels([source], toolchain, {
        env: { ...env, TMPDIR, QUIKC_CACHE: join(root, cache) },
      });
      expect(report.failed).toEqual([]);
      builds.push(report.built[0]!);
    }
    expect(builds[1]).toEqual(builds[0]);
    const { ptx, cubins } = builds[0]!;
    expect(ptx).toMatch(/\.file\s+1 "good\.cu"/);
    for (const trace of [root, 'cuda-13', '/include/', tmpdir()]) {
      expect(ptx).not.toContain(trace);
      expect(Buffer.from(cubins[0]!.bytes).includes(trace)).toBe(false);
    }
    expect(cubins[0]!.resources[0]).toMatchObject({
      registers: expect.any(Number),
      mma: { IMMA: 2 },
      subroutines: [],
    });
  });

  test('sub-byte MMA is emulated from sm_90 on', async () => {
    expect(await faults(unit('emulated', good('emulated'), { mma: { IMMA: 2 }, calls: 9 }, 'sm_90'))).toEqual(
      ['QK642'],
    );
  });

  test('a division calls a subroutine, which must be expected', async () => {
    const text = good('divides', 'acc[1] = (long long)acc[2] / ((long long)d + acc[3]);');
    expect(await faults(unit('divides', text, { mma: { IMMA: 2 } }))).toEqual(['QK643']);
    expect(await faults(unit('divides', text, { mma: { IMMA: 2 }, calls: 1 }))).toEqual([]);
  });

  test('spills and local arrays', async () => {
    const spills = `extern "C" __global__ void __launch_bounds__(1024, 2) spills(float* c) {
      float a[64];
      #pragma unroll
      for (int i = 0; i < 64; ++i) a[i] = c[i * 1024 + threadIdx.x];
      __syncthreads();
      #pragma unroll
      for (int i = 0; i < 64; ++i) c[threadIdx.x * 64 + i] = a[63 - i] * a[i] + a[(i * 7) & 63];
    }`;
    expect(await faults(unit('spills', spills, { mma: {} }))).toEqual(['QK644']);
    const local = `extern "C" __global__ void local(float* c, int n) {
      float a[64];
      for (int i = 0; i < 64; ++i) a[i] = c[i];
      for (int i = 0; i < n; ++i) a[(i * 7 + n) & 63] += a[i & 63];
      c[0] = a[n];
    }`;
    expect(await faults(unit('local', local, { mma: {} }))).toEqual(['QK645']);
  });

  test('wgmma that ptxas serialises', async () => {
    const text = `extern "C" __global__ void wgmma(float* o, unsigned long long a, unsigned long long b, int n) {
      float d[4] = {0, 0, 0, 0};
      asm volatile("wgmma.fence.sync.aligned;");
      for (int i = 0; i < n; ++i) {
        asm volatile("wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0,%1,%2,%3}, %4, %5, 1, 1, 1, 0, 0;"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "l"(a + i), "l"(b));
        d[0] += 1.0f;
      }
      asm volatile("wgmma.commit_group.sync.aligned;");
      asm volatile("wgmma.wait_group.sync.aligned 0;");
      for (int i = 0; i < 4; ++i) o[threadIdx.x * 4 + i] = d[i];
    }`;
    const codes = await faults(unit('wgmma', text, { mma: {} }, 'sm_90a', 'compute_90a'));
    expect(codes).toContain('QK646');
    expect(codes).toContain('QK641'); // so HGMMA was seen
  });

  test('errors, warnings and bad inline assembly point at the line', async () => {
    expect(
      await faults(
        unit('err', '\nextern "C" __global__ void err(int* c) {\n  c[0] = nothing;\n}', { mma: {} }),
      ),
    ).toEqual(['QK620:3']);
    expect(await faults(unit('inc', '#include "nothing.h"', { mma: {} }))).toEqual(['QK620:1']);
    expect(
      await faults(
        unit('warn', 'extern "C" __global__ void warn(int* c) {\n  int unused = 3;\n  c[0] = 1;\n}', {
          mma: {},
        }),
      ),
    ).toEqual(['QK621:2']);
    const bad = 'extern "C" __global__ void bad(int* c) {\n  asm volatile("mma.bogus %0;" ::"r"(c[0]));\n}';
    expect((await faults(unit('bad', bad, { mma: {} })))[0]).toBe('QK624:2');
  });

  test('without a host compiler', async () => {
    const report = await buildKernels([unit('nogcc', good('nogcc'), { mma: { IMMA: 2 } })], toolchain, {
      env: { ...env, PATH: '/nonexistent' },
    });
    expect(report.failed[0]!.diagnostics).toMatchObject([{ code: 'QK603' }]);
  });

  test('a build killed with -9 leaves a cache that the next one can use', async () => {
    const cache = join(root, 'killed');
    const build = join(import.meta.dirname, '../../compiler/build');
    const { build: bundle } = await import('esbuild');
    const count = 12;
    const entry = `import { buildKernels } from ${JSON.stringify(join(build, 'build-kernels.ts'))};
      const sources = JSON.parse(process.env.SOURCES);
      const report = await buildKernels(sources, JSON.parse(process.env.TOOLCHAIN), { env: process.env });
      process.stdout.write(String(report.built.length));`;
    // execa stays outside the bundle and is found from the repository.
    const outfile = join(import.meta.dirname, '../../node_modules', `.quikc-kill-${process.pid}.mjs`);
    await bundle({
      stdin: { contents: entry, resolveDir: build },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile,
    });
    const sources = Array.from({ length: count }, (_, i) =>
      unit(`k${i}`, good(`k${i}`), { mma: { IMMA: 2 } }),
    );
    const environment = {
      ...env,
      QUIKC_CACHE: cache,
      SOURCES: JSON.stringify(sources),
      TOOLCHAIN: JSON.stringify(toolchain),
    };
    const start = () =>
      spawn(process.execPath, [outfile], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    for (const delay of [250, 600]) {
      const child = start();
      await sleep(delay);
      child.kill('SIGKILL');
    }
    await sleep(1000); // orphaned compilers finish on their own
    const two = await Promise.all(
      [start(), start()].map(async (child) => {
        let text = '';
        for await (const chunk of child.stdout) text += chunk;
        return text;
      }),
    );
    expect(two).toEqual([String(count), String(count)]);
    const again = await buildKernels(sources, toolchain, { env: { ...env, QUIKC_CACHE: cache } });
    expect(again.built.map(({ origin }) => origin)).toEqual(Array(count).fill('cached'));
    rmSync(outfile);
  });
});
