// quikc's linear against ONNX Runtime's MatMulNBits on one WebGPU adapter, in one process, rounds interleaved and shuffled.
//
//   eval "$(node test/webgpu/set-up.mjs)"; eval "$(node bench/webgpu/set-up.mjs)"
//   node test/support/run-typescript.mjs bench/webgpu/side-by-side.ts [rounds = 15] [point, e.g. 16x2048]
import { cpus, loadavg } from 'node:os';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import { narrowFloat } from '../../compiler/reference/narrow-float.ts';
import { printSchedule } from '../../ir/print-schedule.ts';
import { linearShader, renderShader, runShader } from '../../test/webgpu/shader-workbench.ts';
import { type GpuDevice, openDevice } from './gpu.ts';
import { interleave } from './interleave.ts';
import { type Layer, makeLayer, packNBits, product, relativeError } from './layer.ts';
import { type OrtLinear, type OrtRuntime, openOrt } from './ort-linear.ts';
import { provenance } from './provenance.ts';
import { type LinearSpec, type LoadedLayer, loadLayer } from './quikc-linear.ts';
import { schedulesFor } from './schedules.ts';

const schemes = [
  { bits: 4, outliers: 64, goal: 2 },
  { bits: 4, outliers: 0, goal: 2 },
  { bits: 8, outliers: 64, goal: 1.3 },
  { bits: 8, outliers: 0, goal: 1.3 },
] as const;
const points = [1024, 2048].flatMap((k) => [1, 16, 64].map((m) => ({ m, k })));
/** Rows whose results are compared with float64. */
const comparedRows = 4;
const say = (line: string) => process.stdout.write(`${line}\n`);

export async function main([rounds = '15', only = '']: readonly string[]): Promise<number> {
  const dawn = await findDawn(process.env);
  const folder = process.env['QUIKC_ORT'];
  if (!dawn.ok || folder === undefined) {
    process.stderr.write('needs QUIKC_DAWN and QUIKC_ORT; the head of this file tells how to get them\n');
    return 2;
  }
  const ort = openOrt(folder);
  const opened = await openDevice(dawn.value.module);
  const { device } = opened;
  say(`* adapter: ${opened.adapter}; subgroups of at least ${opened.subgroupSize}`);
  say(`* ${provenance()}`);
  say(`* Dawn ${dawn.value.version}, ONNX Runtime ${ort.version} (its own Dawn), Node ${process.version}`);
  say(
    `* ${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model}, load ${load()} at the start`,
  );
  say(`* node test/support/run-typescript.mjs bench/webgpu/side-by-side.ts ${rounds} ${only}`);
  say(`* ONNX Runtime on 1 x 64 x 64, the cost of a call: ${(await floor(ort)).toFixed(2)} ms`);
  for (const line of ['', header, header.replaceAll(/[^|]+/g, '---')]) say(line);
  for (const { m, k } of points) {
    if (only !== '' && only !== `${m}x${k}`) continue;
    await measurePoint(device, opened.subgroupSize, ort, m, k, Number(rounds));
  }
  say('');
  say(`Load ${load()} at the end.`);
  device.destroy();
  setImmediate(() => process.exit(opened.gpu === undefined ? 1 : 0));
  return 0;
}

const header =
  '| M, N = K | scheme | schedule | ORT ms | whole ms | ratio | linear ms | quantise ms | ratio | GFLOP/s | ORT GFLOP/s | error | ORT error |';

interface Contestant {
  readonly loaded: LoadedLayer;
  readonly layer: Layer;
  readonly spec: LinearSpec;
  readonly quantise: () => Promise<void>;
  readonly whole: () => Promise<Uint16Array>;
  readonly alone: () => Promise<void>;
}

async function measurePoint(
  device: GpuDevice,
  subgroupSize: number,
  ort: OrtRuntime,
  m: number,
  k: number,
  rounds: number,
): Promise<void> {
  const peer = await bestOrt(ort, makeLayer(k, k, 64), m);
  const contestants: Contestant[] = [];
  for (const { bits, outliers } of schemes)
    contestants.push(await bestSchedule(device, subgroupSize, makeLayer(k, k, outliers), bits, m));
  const x = makeLayer(k, k, 64).tokens(m);
  const [ortMs = 0, ...times] = await interleave(
    [() => peer.run(x, m), ...contestants.flatMap(({ whole, alone, quantise }) => [whole, alone, quantise])],
    rounds,
  );
  const flop = 2 * m * k * k;
  const rate = (ms: number) => (flop / ms / 1e6).toFixed(1);
  for (const [index, { bits, goal }] of schemes.entries()) {
    const contestant = contestants[index];
    if (contestant === undefined) continue;
    const { spec, layer, loaded } = contestant;
    const [whole = 0, alone = 0, quantise = 0] = times.slice(3 * index, 3 * index + 3);
    const ratio = (ms: number) => `${(ortMs / ms).toFixed(2)}${ortMs / ms < goal ? ' (below)' : ''}`;
    const cells = [
      `${m}, ${k}`,
      `W${bits}A${bits} F=${spec.problem.outliers}`,
      printSchedule(spec.schedule),
      ortMs.toFixed(2),
      whole.toFixed(2),
      ratio(whole),
      alone.toFixed(2),
      quantise.toFixed(2),
      ratio(alone),
      rate(whole),
      rate(ortMs),
      ...[await quikcError(contestant), await ortError(peer, layer, m)].map((error) =>
        error.toExponential(1),
      ),
    ];
    say(`| ${cells.join(' | ')} |`);
    loaded.destroy();
  }
  await peer.release();
}

async function bestOrt(ort: OrtRuntime, layer: Layer, m: number): Promise<OrtLinear> {
  const weights = packNBits(layer, 32);
  const x = layer.tokens(m);
  const variants = [await ort.load(weights, 0), await ort.load(weights, 1), await ort.load(weights, 4)];
  const best = fastest(
    variants,
    await interleave(
      variants.map((variant) => () => variant.run(x, m)),
      5,
    ),
  );
  for (const variant of variants) if (variant !== best) await variant.release();
  return best;
}

async function bestSchedule(
  device: GpuDevice,
  subgroupSize: number,
  layer: Layer,
  bits: 4 | 8,
  m: number,
): Promise<Contestant> {
  const { n, k, columns } = layer;
  const shape = { n, k, outliers: columns.length, weightBits: bits, activationBits: bits };
  const { problem } = linearShader(shape, [16, 4, 4]) as LinearSpec;
  const loaded = await loadLayer(device, layer, problem, m);
  const rows = loaded.quantizes.map((dispatch) => ({ dispatch, run: () => loaded.run([dispatch]) }));
  const quantize = fastest(
    rows,
    await interleave(
      rows.map(({ run }) => run),
      5,
    ),
  );
  const candidates: Contestant[] = [];
  for (const schedule of schedulesFor(m, subgroupSize)) {
    const spec: LinearSpec = { family: 'linear', problem, schedule };
    const dispatch = await loaded.prepare(spec);
    candidates.push({
      ...{ loaded, layer, spec },
      quantise: quantize.run,
      whole: () => loaded.whole(quantize.dispatch, dispatch),
      alone: () => loaded.run([dispatch]),
    });
  }
  const times = await interleave(
    candidates.map(({ alone }) => alone),
    5,
  );
  if (process.env['QUIKC_DEBUG'] !== undefined) {
    for (const [index, { spec }] of candidates.entries())
      process.stderr.write(
        `${m} x ${k}, ${bits} bit, F = ${columns.length}: ${printSchedule(spec.schedule)} ${times[index]?.toFixed(2)} ms\n`,
      );
  }
  const best = fastest(candidates, times);
  // Nothing wrong is timed: its schedule at a ragged shape against the oracle, in a process of its own.
  const small: LinearSpec = { ...best.spec, problem: { ...problem, n: 138, k: 1100 } };
  const ran = await runShader(small, renderShader(small), [m]);
  if ('lacks' in ran) throw new Error(ran.lacks);
  if (ran.faults.length > 0) throw new Error(ran.faults.join('\n'));
  return best;
}

function fastest<T>(of: readonly T[], times: readonly number[]): T {
  const best = of[times.indexOf(Math.min(...times))];
  if (best === undefined) throw new Error('there is something to choose from');
  return best;
}

/** Milliseconds of a product too small to count. */
async function floor(ort: OrtRuntime): Promise<number> {
  const layer = makeLayer(64, 64, 0);
  const peer = await ort.load(packNBits(layer, 32), 0);
  const x = layer.tokens(1);
  const [ms = 0] = await interleave([() => peer.run(x, 1)], 15);
  await peer.release();
  return ms;
}

/** Against the unquantised layer in float64: what quantising costs, and a wrong kernel would show. */
async function quikcError({ whole, layer, loaded: { m } }: Contestant): Promise<number> {
  const f16 = narrowFloat('f16');
  return errorOf(
    Float64Array.from(await whole(), (bits) => f16.decode(bits)),
    layer,
    m,
  );
}

async function ortError(peer: OrtLinear, layer: Layer, m: number): Promise<number> {
  const wanted = makeLayer(layer.n, layer.k, 64);
  return errorOf(await peer.run(wanted.tokens(m), m), wanted, m);
}

function errorOf(y: ArrayLike<number>, { n, k, weights, tokens }: Layer, m: number): number {
  return relativeError(y, product(tokens(m), weights, Math.min(m, comparedRows), n, k));
}

function load(): string {
  return loadavg()[0]?.toFixed(1) ?? '';
}
