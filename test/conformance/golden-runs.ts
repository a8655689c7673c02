import type { DeviceJob } from '../../compiler/device/device-job.ts';
import type { Comparison, CtaIndex, VerificationCase } from '../../compiler/families/family.ts';
import { sha256 } from '../../compiler/support/hash.ts';
import { extentOf, toCaseJob } from '../../compiler/verify/case-job.ts';
import type { CudaContract } from '../../ir/call-contract.ts';
import type { FamilyName, SpecOf } from '../../ir/kernel-spec.ts';
import { targets } from '../../targets/index.ts';
import { emitModel, shownKernels } from '../golden/golden-files.ts';
import { goldenModels } from '../golden/golden-models.ts';
import { stripComments } from '../golden/strip-comments.ts';
import { familyOf } from '../support/kernel-workbench.ts';

/** A committed golden kernel on one dataset, as `quikc verify` would run it. */
export interface GoldenRun {
  readonly id: string;
  readonly model: string;
  readonly text: string;
  /** Of the text without comments: those say why a schedule was chosen, which changes oftener than the code. */
  readonly textDigest: string;
  readonly contract: CudaContract;
  readonly data: VerificationCase;
}

/** Few enough that vectors stay small, and ragged for every tile: the last, partial tile of M is where kernels break. */
const tokens = 5;
const seed = 1;

export async function goldenRuns(): Promise<readonly GoldenRun[]> {
  const runs: GoldenRun[] = [];
  const cudaTargets = targets.filter(({ dialect }) => dialect === 'cuda');
  for (const [model, target] of goldenModels.flatMap((each) =>
    cudaTargets.map((on) => [each, on] as const),
  )) {
    const emitted = await emitModel(model, target);
    for (const { id, spec } of shownKernels(emitted)) {
      const text = emitted.texts.get(id) ?? '';
      const own = spec as SpecOf<FamilyName, 'cuda'>;
      const family = familyOf(own);
      const shared = { id, model: model.name, text, textDigest: sha256(stripComments(text)) };
      for (const data of family.cases(own, tokens, seed))
        runs.push({ ...shared, contract: family.contract(own), data });
    }
  }
  return runs;
}

/** One launch of a run; every buffer that the kernel writes comes back. */
export function toDeviceJob({ id, contract, data }: GoldenRun, ptx: string): DeviceJob {
  return toCaseJob(id, contract, data, ptx);
}

/** What the oracle says of a run's outputs, by argument: they may come from a GPU, a file, or the executor. */
export function judgeRun(
  { contract, data }: GoldenRun,
  outputs: ReadonlyMap<string, Uint8Array>,
): Comparison {
  return data.compare(
    (argument, offset, length) => {
      const bytes = outputs.get(argument);
      if (bytes === undefined) throw new Error(`there is no output ${argument}`);
      return bytes.slice(offset, offset + length);
    },
    allCtas(extentOf(contract, data.m)),
  );
}

type Extent = readonly [number, number, number];

function allCtas([x, y, z]: Extent): readonly CtaIndex[] {
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);
  return range(z).flatMap((k) => range(y).flatMap((j) => range(x).map((i): CtaIndex => [i, j, k])));
}
