import { readFileSync } from 'node:fs';
import {
  type ExecutionOptions,
  type ExecutionReport,
  execute,
  GlobalMemory,
} from '../../../compiler/executor/index.ts';
import { compileText, words } from './lane-harness.ts';

/** What nvcc made of test/fixtures/cuda/gemm_s4_128.cu; refreshed by hand when that file changes. */
export function gemmText(): string {
  return readFileSync(new URL('../../fixtures/ptx/gemm_s4_128.ptx', import.meta.url), 'utf8');
}

export interface GemmRun {
  readonly report: ExecutionReport;
  readonly wrong: number;
  /** Outputs nobody wrote. */
  readonly unset: number;
}

/** Runs (a mutant of) the fixture on random codes and compares with plain loops. */
export function runGemm(
  text: string,
  shape: { readonly channels: number; readonly tokens: number; readonly k: number },
  options: ExecutionOptions = {},
): GemmRun {
  const { channels, tokens, k } = shape;
  const next = words(k + tokens);
  const codes = (count: number) => Int8Array.from({ length: count }, () => (next() & 15) - 8);
  const [w, x] = [codes(channels * k), codes(tokens * k)];
  const packedX = new Uint8Array((tokens * k) / 2);
  for (const [i, code] of x.entries()) packedX[i >> 1]! |= (code & 15) << ((i & 1) * 4);
  const packedW = new Uint8Array((channels * k) / 2);
  for (let n = 0; n < channels; n += 1) {
    for (let kk = 0; kk < k; kk += 1) {
      // Block of 16 channels x 64 k: lane (g, t), register r, nibble j (docs/layouts.md, Blocks).
      const block = Math.floor(n / 16) * (k / 64) + Math.floor(kk / 64);
      const lane = (n & 7) * 4 + ((kk >> 3) & 3);
      const register = ((n >> 3) & 1) + 2 * ((kk >> 5) & 1);
      const at = block * 512 + lane * 16 + register * 4 + ((kk & 7) >> 1);
      packedW[at]! |= (w[n * k + kk]! & 15) << ((kk & 1) * 4);
    }
  }
  const memory = new GlobalMemory();
  const weights = memory.add({ name: 'weights', bytes: packedW.length, access: 'input', data: packedW });
  const input = memory.add({ name: 'tokens', bytes: packedX.length, access: 'input', data: packedX });
  const bytes = tokens * channels * 4;
  const out = memory.add({ name: 'out', bytes, access: 'output' });
  const report = execute(
    compileText(text, 'gemm_s4_128'),
    {
      grid: [channels / 128, Math.ceil(tokens / 128), 1],
      block: [256, 1, 1],
      arguments: [weights, input, out, channels, tokens, k],
    },
    memory,
    options,
  );
  const got = new Int32Array(memory.get('out').read(0, bytes).buffer);
  let wrong = 0;
  for (let m = 0; m < tokens; m += 1) {
    for (let n = 0; n < channels; n += 1) {
      let sum = 0;
      for (let kk = 0; kk < k; kk += 1) sum += w[n * k + kk]! * x[m * k + kk]!;
      if (got[m * channels + n] !== sum) wrong += 1;
    }
  }
  return { report, wrong, unset: bytes - memory.get('out').writtenBytes(0, bytes) };
}
