import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import type { TunedTokens } from '../../ir/tuning-record.ts';
import type { BuildOutcome, BuildTools } from '../back-end.ts';
import type { CudaFamily } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import type { KernelBinary } from '../package/make-bundle.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { FailedStage } from '../tune/candidate.ts';
import { runTasks } from '../verify/run-tasks.ts';
import type { KernelVerification, PlannedLaunch } from '../verify/verification.ts';
import type { CandidateKernel, OpenedUnit, PlaneOptions, UnitWork } from './measure-plane.ts';

/** A candidate that was built, gated, and executed without a fault. */
export interface ProvenKernel extends CandidateKernel {
  readonly spec: KernelSpec<'cuda'>;
  readonly binary: KernelBinary;
  readonly verification: KernelVerification;
}

/** What gives a proven kernel its time. */
export interface CudaClock {
  /** One launch of a kernel, in microseconds. */
  time(proven: ProvenKernel, tokens: TunedTokens, seed: number): Promise<Result<number, string>>;
}

/** Output tiles executed of each launch, on every dataset: enough for wrong indices, few enough for twelve candidates. */
const verifiedTiles = 2;
/** Tokens beyond the range's start, for a ragged last tile. */
const raggedTokens = 37;

/** The candidates of one unit; those that will be tried in any case are built side by side at once. */
export function prepareCudaUnit(
  work: UnitWork,
  tools: BuildTools,
  options: PlaneOptions,
  clock: CudaClock,
): OpenedUnit {
  const proven = new Map<string, ProvenKernel>();
  const build = (keys: readonly string[]): Promise<BuildOutcome> => {
    const candidates = keys.map((key) => work.kernelOf(key));
    const texts = new Map(candidates.map(({ kernel, text }) => [kernel.id, text]));
    const kernels = candidates.map(({ kernel }) => kernel);
    return tools.build(kernels, texts, { env: options.env, signal: work.signal });
  };
  const ahead = build(work.favourites);
  const prove = async (key: string): Promise<Result<ProvenKernel, Fall>> => {
    const outcome = await (work.favourites.includes(key) ? ahead : build([key]));
    const candidate = work.kernelOf(key);
    const { id } = candidate.kernel;
    const binary = outcome.results.get(id);
    if (binary === undefined || binary === 'checked') {
      const why = outcome.failed.find((failure) => failure.id === id)?.diagnostics[0];
      return fail({ stage: 'build', reason: why?.message ?? 'it was not built' });
    }
    const spec = candidate.kernel.spec as KernelSpec<'cuda'>;
    const verified = await verify(id, spec, binary.ptx, work, options);
    if (!verified.ok) return verified;
    const kernel = { ...candidate, spec, binary, verification: verified.value };
    proven.set(key, kernel);
    return succeed(kernel);
  };
  return {
    device: {
      async prepare({ key }) {
        const made = await prove(key);
        return made.ok ? succeed(undefined) : made;
      },
      async time({ key }) {
        const known = proven.get(key); // not there where an earlier run proved it
        const made = known === undefined ? await prove(key) : succeed(known);
        return made.ok ? clock.time(made.value, work.tokens, work.seed) : fail(made.error.reason);
      },
    },
    close: () => undefined,
  };
}

interface Fall {
  readonly stage: FailedStage;
  readonly reason: string;
}

async function verify(
  id: string,
  spec: KernelSpec<'cuda'>,
  ptx: string,
  { tokens, seed, signal }: UnitWork,
  { worker }: PlaneOptions,
): Promise<Result<KernelVerification, Fall>> {
  const family = cudaFamilies[spec.family] as unknown as CudaFamily<FamilyName>;
  const contract = family.contract(spec as SpecOf<FamilyName, 'cuda'>);
  const launches = launchesFor(tokens);
  const [task] = await runTasks([{ kind: 'kernel', job: { id, spec, contract, ptx, launches, seed } }], {
    ...(worker === undefined ? {} : { worker }),
    signal,
  }).catch(() => []); // stopped: the search asks the signal
  if (task?.kind !== 'kernel') return fail({ stage: 'time', reason: 'interrupted' });
  const [fault] = task.result.faults;
  return fault === undefined ? succeed(task.result) : fail({ stage: 'verify', reason: fault });
}

function launchesFor({ from, to }: TunedTokens): readonly PlannedLaunch[] {
  const ragged = Math.min(to ?? Number.POSITIVE_INFINITY, from + raggedTokens);
  return [...new Set([from, ragged])].map((tokens) => ({ tokens, tiles: verifiedTiles }));
}
