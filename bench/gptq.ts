// How long quantising one linear takes, by its parts, on all cores or as many threads as are named; sizes N and K.
//
//   node test/support/run-typescript.mjs bench/gptq.ts [threads] [N] [K]
//
// Wall is what a user waits; CPU is the time of all threads together, which other programs on the machine disturb less: CPU over
// threads is what wall would be without them. GMAC/s are a thread's: products over CPU.
import { availableParallelism } from 'node:os';
import { addGram } from '../compiler/linear-algebra/add-gram.ts';
import { openThreads } from '../compiler/linear-algebra/open-threads.ts';
import { rowsOf } from '../compiler/linear-algebra/operand.ts';
import { multiply } from '../compiler/linear-algebra/product.ts';
import { sharedFloats64 } from '../compiler/linear-algebra/threads.ts';
import { gptq } from '../compiler/quantise/gptq.ts';
import { invertHessian } from '../compiler/quantise/invert-hessian.ts';
import { performQuantise, type QuantiseJob } from '../compiler/quantise/perform-quantise.ts';
import { quadraticLoss } from '../compiler/quantise/quadratic-loss.ts';
import { roundToNearest } from '../compiler/quantise/round-to-nearest.ts';
import { outlierColumns } from '../compiler/reference/outlier-columns.ts';
import { randomBell } from '../compiler/reference/random.ts';
import { bundleWorker } from '../test/support/bundle-worker.ts';

export async function main([threadCount, rows, columns]: readonly string[]): Promise<number> {
  const count = Number(threadCount ?? availableParallelism());
  const [n, k] = [Number(rows ?? 4096), Number(columns ?? 4096)];
  const worker = await bundleWorker('compiler/quantise/quantise-worker.ts');
  const threads = await openThreads<QuantiseJob>(worker.url, count, performQuantise);
  console.log(`${n} x ${k}, ${count} threads`);

  const weights = new Float32Array(new SharedArrayBuffer(4 * n * k));
  for (let i = 0; i < weights.length; i++) weights[i] = randomBell(1, i) / 32;
  const tokens = k + 512;
  const x = sharedFloats64(tokens * k);
  for (let i = 0; i < x.length; i++) x[i] = randomBell(2, i) + 0.5 * (x[i - 1] ?? 0);
  const out = sharedFloats64(512 * n);
  const product = { rows: 512, columns: n, depth: k, out: { data: out, offset: 0, rowStride: n } };
  for (let round = 0; round < 3; round++)
    time('512 tokens through the linear', 512 * n * k, () =>
      multiply(threads, {
        kind: 'product',
        how: 'replace',
        a: rowsOf(x, k),
        b: rowsOf(weights, k),
        ...product,
      }),
    );
  const gram = sharedFloats64(k * k);
  time(`Gram of ${tokens} tokens`, (tokens * k * k) / 2, () => addGram(threads, x, k, gram));
  const order = Int32Array.from({ length: k }, (_, column) => column);
  const used = threads.room.take64('hessian', k * k);
  used.set(gram);
  time('factor of the inverse Hessian', k ** 3 / 3, () => invertHessian(threads, used, order, 0.01));
  const linear = {
    weights,
    n,
    k,
    bits: 4,
    dtype: 'f16',
    outlierColumns: outlierColumns(k, k >> 4, 1),
  } as const;
  for (const clip of [false, true]) {
    const how = clip ? 'with clip search' : 'without';
    const nearest = time(`nearest, ${how}`, 0, () => roundToNearest(threads, { ...linear, clip }));
    const dense = time(`GPTQ, ${how}`, 0, () => gptq(threads, { ...linear, clip }, gram));
    const pruned = clip
      ? undefined
      : time('GPTQ and 2:4', 0, () => gptq(threads, { ...linear, clip }, gram, { sparsity: '2:4' }));
    if (!nearest.ok || !dense.ok) throw new Error('no codes');
    const losses = [nearest.value, dense.value.linear, ...(pruned?.ok ? [pruned.value.linear] : [])].map(
      (codes) => time('quadratic loss', n * k * k, () => quadraticLoss(threads, weights, codes, gram)),
    );
    console.log(`losses: ${losses.map((loss) => loss.toPrecision(6)).join(', ')}`);
  }
  await threads.close();
  worker.remove();
  return 0;
}

function time<T>(what: string, products: number, work: () => T): T {
  const [start, used] = [performance.now(), process.cpuUsage()];
  const result = work();
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(used);
  const cpu = (user + system) / 1e6;
  const rate = products === 0 ? '' : `, ${(products / cpu / 1e9).toFixed(1)} GMAC/s a thread`;
  console.log(`${what}: ${wall.toFixed(2)} s wall, ${cpu.toFixed(2)} s CPU${rate}`);
  return result;
}
