// Registers that ptxas takes for tiled linears, against what `registersNeeded` asks for: the fit's evidence. Compiles a
// grid of warp tiles, K steps, warps and residencies of LLaMA-2-7B's o_proj; needs the toolchain, a minute or two.
//
//   node test/support/run-typescript.mjs bench/register-fit.ts > bench/register-fit.md
import { buildKernels } from '../compiler/build/build-kernels.ts';
import { findToolchain } from '../compiler/build/find-toolchain.ts';
import { registersNeeded } from '../compiler/families/linear/resources.ts';
import type { TiledSchedule } from '../ir/schedule.ts';
import { targets } from '../targets/index.ts';
import { registerCap } from '../targets/resident-ctas.ts';
import { familyOf, linearSpec, renderSpec } from '../test/support/kernel-workbench.ts';

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

function schedules(): readonly TiledSchedule[] {
  const list: TiledSchedule[] = [];
  for (const [channels, tokens] of warpTiles) {
    for (const tileKBytes of [32, 64, 128] as const) {
      for (const warpsM of [2, 4]) {
        for (const ctasPerSm of [2, 3, 4]) {
          const tile = { tileN: channels * 2, tileM: tokens * warpsM, tileKBytes, warpsN: 2, warpsM };
          list.push({ kind: 'tiled', ...tile, stages: 3, ctasPerSm });
        }
      }
    }
  }
  return list;
}

export async function main(): Promise<number> {
  const toolchain = await findToolchain({ env: process.env });
  const target = targets.find(({ id }) => id === 'sm80');
  if (!toolchain.ok || target === undefined) return 3;
  const specs = schedules().map((schedule) => linearSpec(problem, schedule));
  const sources = specs.map((spec) => ({
    ...{ id: familyOf(spec).kernelId(spec), text: renderSpec(spec), virtualArch: 'compute_80' },
    ...{ realArchs: ['sm_80'], gate: 'none' as const },
  }));
  const report = await buildKernels(sources, toolchain.value, { env: process.env });
  const built = new Map(report.built.map((kernel) => [kernel.id, kernel.cubins[0]?.resources[0]]));
  const rows: string[] = [];
  let wrong = 0;
  for (const spec of specs) {
    const { schedule } = spec;
    if (schedule.kind !== 'tiled') continue;
    const resources = built.get(familyOf(spec).kernelId(spec));
    const threads = 32 * schedule.warpsN * schedule.warpsM;
    const cap = registerCap(threads, schedule.ctasPerSm, target);
    const needed = registersNeeded(schedule);
    const spills = resources?.spillStoreBytes ?? Number.NaN;
    const verdict =
      needed > cap
        ? spills > 0
          ? 'rejected, spills'
          : 'rejected, would fit'
        : spills > 0
          ? 'LEGAL BUT SPILLS'
          : 'legal';
    if (verdict === 'LEGAL BUT SPILLS') wrong += 1;
    const warp = `${schedule.tileN / 2} x ${schedule.tileM / schedule.warpsM}`;
    rows.push(
      `| ${warp} | ${schedule.tileKBytes} | ${threads} | ${schedule.ctasPerSm} | ${cap} | ${needed} | ${resources?.registers} | ${spills} | ${verdict} |`,
    );
  }
  process.stdout.write(
    [
      '# Registers of tiled linears: ptxas against the estimate',
      '',
      `nvcc ${toolchain.value.version}, sm_80, o_proj of LLaMA-2-7B (4096 x 4096, 256 outliers, residual), 3 stages. Counted by ptxas;`,
      'made by `node test/support/run-typescript.mjs bench/register-fit.ts > bench/register-fit.md`.',
      '',
      `Of ${rows.length} schedules, ${wrong} that the estimate calls legal spill. "Would fit" is the price of a safe side.`,
      '',
      '| warp tile | step bytes | threads | CTAs an SM | cap | needed | ptxas | spilled bytes | verdict |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
      ...rows,
      '',
    ].join('\n'),
  );
  return wrong > 0 ? 1 : 0;
}
