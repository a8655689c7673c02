// Registers that ptxas takes against the families' estimates: the fit's evidence. Compiles a grid of warp tiles, K steps,
// warps and residencies of LLaMA-2-7B's o_proj, and quantizes near what they need; needs the toolchain, a minute or two.
//
//   node test/support/run-typescript.mjs bench/register-fit.ts > bench/register-fit.md
import { buildKernels } from '../compiler/build/build-kernels.ts';
import { findToolchain } from '../compiler/build/find-toolchain.ts';
import { cudaFamilies as families } from '../compiler/families/index.ts';
import type { KernelSpec } from '../ir/kernel-spec.ts';
import { printSchedule } from '../ir/print-schedule.ts';
import type { TiledSchedule } from '../ir/schedule.ts';
import { sm80 } from '../targets/sm80.ts';
import { familyOf, linearSpec, quantizeSpec, renderSpec } from '../test/support/kernel-workbench.ts';

const target = sm80;

const warpTiles = [
  [16, 16],
  [32, 16],
  [32, 32],
  [64, 16],
  [64, 32],
  [32, 64],
  [64, 64],
] as const;

const problem = { n: 4096, k: 4096, outliers: 256, epilogue: [{ op: 'residual' as const }] };

function tiledSpecs(): readonly KernelSpec<'cuda'>[] {
  const schedules: TiledSchedule[] = [];
  for (const warpTile of warpTiles) {
    for (const tileKBytes of [32, 64, 128] as const) {
      for (const warpsM of [2, 4]) {
        for (const ctasPerSm of [2, 3, 4])
          schedules.push(tiledSchedule(warpTile, tileKBytes, warpsM, ctasPerSm));
      }
    }
  }
  return schedules.map((schedule) => linearSpec(problem, schedule));
}

function tiledSchedule(
  [channels, tokens]: readonly [number, number],
  tileKBytes: TiledSchedule['tileKBytes'],
  warpsM: number,
  ctasPerSm: number,
): TiledSchedule {
  const tile = { tileN: channels * 2, tileM: tokens * warpsM, tileKBytes, warpsN: 2, warpsM };
  return { kind: 'tiled', ...tile, stages: 3, ctasPerSm };
}

/** Row lengths with vectors of 1, 2 and 8 values, from the shortest to the longest in use. */
const rowLengths = [577, 1154, 2048, 4096, 11008, 28672];
const prologues = [{ op: 'none' }, { op: 'rms-norm', eps: 1e-5 }, { op: 'silu-mul' }] as const;

function rowSpecs(): readonly KernelSpec<'cuda'>[] {
  return rowLengths.flatMap((k) =>
    prologues.flatMap((prologue) => {
      const { problem: row } = quantizeSpec({ k, outliers: 64, prologue }, 32);
      return [...families.quantize.enumerate(row, target)]
        .map((schedule): KernelSpec<'cuda'> => ({ family: 'quantize', problem: row, schedule }))
        .filter(isNearItsCap);
    }),
  );
}

/** Split-K of both widths; two of the slice counts, which change no registers but those of addresses. */
function splitKSpecs(): readonly KernelSpec<'cuda'>[] {
  const wide = { k: 11008, outliers: 688, weightBits: 8, activationBits: 8 } as const;
  return [problem, { ...problem, ...wide }].flatMap((sizes) => {
    const { problem: own } = linearSpec(sizes, tiledSchedule([16, 16], 32, 1, 1));
    return [...families.linear.enumerate(own, target)]
      .filter((schedule) => schedule.kind === 'split-k' && [3, 8].includes(schedule.slices))
      .map((schedule): KernelSpec<'cuda'> => ({ family: 'linear', problem: own, schedule }))
      .filter(isNearItsCap);
  });
}

/** Legal or not for registers alone, and near the edge: other schedules tell nothing of it. */
function isNearItsCap(spec: KernelSpec<'cuda'>): boolean {
  const family = familyOf(spec);
  const rejection = family.reject(spec.problem, spec.schedule, target);
  if (rejection !== undefined && rejection.kind !== 'registers') return false;
  const { threads, registers, registerCap } = family.resources(spec.problem, spec.schedule, target);
  const ctas = spec.schedule.ctasPerSm;
  if (threads * ctas > target.limits.threadsPerSm || ctas > target.limits.blocksPerSm) return false;
  return registerCap - registers <= 16 && registers - registerCap <= 16;
}

function describe({ problem: own, schedule }: KernelSpec<'cuda'>): string {
  const { kind, ctasPerSm } = schedule;
  if (kind === 'row' && own.family === 'quantize')
    return `${own.prologue.op} ${own.k}, ${printSchedule(schedule)}`;
  if (kind === 'split-k') return `${own.k} codes, ${printSchedule(schedule)}`;
  if (kind !== 'tiled') return '';
  const { tileN, tileM, warpsN, warpsM, tileKBytes } = schedule;
  return `${tileN / warpsN} x ${tileM / warpsM} a warp, ${tileKBytes} bytes a step, ${warpsN * warpsM} warps, ${ctasPerSm} CTAs an SM`;
}

interface Fit {
  readonly row: string;
  readonly wrong: boolean;
}

export async function main(): Promise<number> {
  const toolchain = await findToolchain({ env: process.env });
  if (!toolchain.ok) return 3;
  const specs = [...tiledSpecs(), ...splitKSpecs(), ...rowSpecs()];
  const sources = specs.map((spec) => ({
    ...{ id: familyOf(spec).kernelId(spec), text: renderSpec(spec), virtualArch: target.virtualArch },
    ...{ realArchs: [target.realArch], gate: 'none' as const },
  }));
  const report = await buildKernels(sources, toolchain.value, { env: process.env });
  const built = new Map(report.built.map((kernel) => [kernel.id, kernel.cubins[0]?.resources[0]]));
  const fits = specs.map((spec): Fit => {
    const { registers, registerCap } = familyOf(spec).resources(spec.problem, spec.schedule, target);
    const own = built.get(familyOf(spec).kernelId(spec));
    const spills = own?.spillStoreBytes ?? Number.NaN;
    const legal = registers <= registerCap;
    const verdict = `${legal ? 'legal' : 'rejected'}, ${spills === 0 ? 'fits' : 'spills'}`;
    const cells = [describe(spec), registerCap, registers, own?.registers, spills, verdict];
    return { row: `| ${cells.join(' | ')} |`, wrong: legal && spills !== 0 };
  });
  const wrong = fits.filter((fit) => fit.wrong).length;
  process.stdout.write(
    [
      '# Registers: ptxas against the estimate',
      '',
      `nvcc ${toolchain.value.version}, ${target.realArch}. Linears: o_proj of LLaMA-2-7B (4096 x 4096, 256 outliers, residual), tiles with 3 stages; split-K also`,
      'with 11008 codes of 8 bit; quantize: 4 bit, 64 outliers. Counted by ptxas; made by `node test/support/run-typescript.mjs bench/register-fit.ts > bench/register-fit.md`.',
      '',
      `Of ${fits.length} schedules, ${wrong} that the estimate calls legal spill. "rejected, fits" is the price of a safe side.`,
      '',
      '| schedule | at most | needed by estimate | ptxas | spilled bytes | verdict |',
      '| --- | ---: | ---: | ---: | ---: | --- |',
      ...fits.map((fit) => fit.row),
      '',
    ].join('\n'),
  );
  return wrong > 0 ? 1 : 0;
}
