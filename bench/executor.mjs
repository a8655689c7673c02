// Cost of the PTX executor per executed MMA multiply-accumulate: checked and unchecked, one CTA (128 x 128 tile) of
// the s4 GEMM in test/fixtures, K = 4096. Medians; the first run of each is warm-up and is not counted.
//
//   node bench/executor.mjs [runs = 9] [k = 4096]
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const runs = Number(process.argv[2] ?? 9);
const k = Number(process.argv[3] ?? 4096);
const folder = await mkdtemp(join(tmpdir(), 'quikc-bench-'));
try {
  const outfile = join(folder, 'executor.mjs');
  await build({
    entryPoints: ['compiler/executor/index.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
  });
  const { compileKernel, execute, GlobalMemory, parsePtx } = await import(pathToFileURL(outfile).href);
  const text = await readFile('test/fixtures/ptx/gemm_s4_128.ptx', 'utf8');
  const started = performance.now();
  const module = parsePtx(text);
  const kernel = compileKernel(module.value, 'gemm_s4_128');
  console.log(`parse and compile   ${(performance.now() - started).toFixed(1)} ms`);
  const noise = (offset, into) => {
    let state = (offset ^ 0x9e3779b9) | 0;
    for (let i = 0; i < into.length; i += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      into[i] = state >>> 24;
    }
  };
  for (const checks of [true, false]) {
    const times = [];
    let macs = 0;
    let faults = 0;
    for (let run = 0; run <= runs; run += 1) {
      const memory = new GlobalMemory();
      const weights = memory.add({ name: 'weights', bytes: 64 * k, access: 'input', fill: noise });
      const tokens = memory.add({ name: 'tokens', bytes: 64 * k, access: 'input', fill: noise });
      const out = memory.add({ name: 'out', bytes: 128 * 128 * 4, access: 'output' });
      const launch = { grid: [1, 1, 1], block: [256, 1, 1], arguments: [weights, tokens, out, 128, 128, k] };
      const from = performance.now();
      const report = execute(kernel.value, launch, memory, { checks, seed: run + 1 });
      if (run > 0) times.push(performance.now() - from);
      macs = report.macs;
      faults += report.violationCount;
    }
    times.sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)];
    const each = (ms) => ((ms * 1e6) / macs).toFixed(3);
    const label = checks ? 'checks on ' : 'checks off';
    console.log(
      `${label}  ${each(median)} ns/MAC  (median of ${runs}; best ${each(times[0])}; ${median.toFixed(1)} ms; ${faults} violations)`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
