import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate } from '../../ir/formula.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import { needsOf } from '../../ir/needs-of.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import type { WgslTarget } from '../../targets/target.ts';
import type { Dawn } from '../build/find-dawn.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { KernelFamily, VerificationCase } from '../families/family.ts';
import { wgslFamilies } from '../families/index.ts';
import { assert } from '../support/assert.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { makeScratchFolder } from '../support/scratch-folder.ts';
import { finalists, launchesPerTrial, type TuneDevice } from '../tune/tune-candidates.ts';
import { verifyShader } from '../verify/verify-shader.ts';
import { type AdapterTimer, openAdapterTimer, type TimedKernel } from './adapter-timer.ts';
import type { CandidateKernel, MeasurePlane, OpenedUnit, UnitWork } from './measure-plane.ts';
import { promisesOf } from './promises-of.ts';

/** More than the caches of what runs WGSL hold: launches in turn on copies that are larger together find them cold. */
const rotatedBytes = 64 * 1024 ** 2;
/** A software adapter takes seconds for a prefill; what it tells of the order of kernels it tells at fewer tokens too. */
const softwareTokens = 64;
const deviceTokens = 512;
const requestTimeoutMs = 30_000;
const sampledTiles = 6;

/** Times shaders on the adapter at hand; each is verified there first. Fails with QK703 where there is none. */
export async function openAdapterPlane(
  target: WgslTarget,
  dawn: Dawn,
  env: Environment,
): Promise<Result<MeasurePlane, Diagnostic>> {
  const opened = await openAdapterTimer({ dawn: dawn.module, env, timeoutMs: requestTimeoutMs });
  if (!opened.ok) return fail(diagnose('QK703', { message: `no WebGPU adapter here: ${opened.error}` }));
  const timer = opened.value;
  const { name, driver, software, clock } = timer.adapter;
  const full: WgslTarget = { ...target, promised: promisesOf(timer.adapter) };
  return succeed({
    device: { kind: 'adapter', name, driver, software },
    toolchain: { tool: 'dawn', version: dawn.version, identity: dawn.identity },
    policy: { clock, rotatedBytes, launchesPerTrial, finalists },
    target: full,
    searches: 1,
    timedTokens: ({ from }, representative) =>
      Math.max(from, Math.min(representative, software ? softwareTokens : deviceTokens)),
    open: (work) => openUnit(work, timer, { target: full, dawn, env }),
    close: () => timer.close(),
  });
}

function familyOf(spec: KernelSpec): KernelFamily<FamilyName, 'wgsl'> {
  return wgslFamilies[spec.family] as unknown as KernelFamily<FamilyName, 'wgsl'>;
}

/** Where candidates are proved before they are timed. */
interface Proving {
  readonly target: WgslTarget;
  readonly dawn: Dawn;
  readonly env: Environment;
}

function openUnit(work: UnitWork, timer: AdapterTimer, proving: Proving): OpenedUnit {
  const { tokens, seed, signal, kernelOf } = work;
  const folder = makeScratchFolder(proving.env['TMPDIR'] || tmpdir(), 'tune');
  let inputs: Promise<Result<void, string>> | undefined;
  const sendInputs = (candidate: CandidateKernel) => {
    inputs ??= timer.useBuffers(writeInputs(folder, candidate, tokens.at, seed));
    return inputs;
  };
  const prepared = new Set<string>();
  const prepare: TuneDevice['prepare'] = async ({ key }) => {
    const candidate = kernelOf(key);
    const file = join(folder, `${candidate.kernel.id}.wgsl`);
    writeFileSync(file, candidate.text);
    const buffers = await sendInputs(candidate);
    if (!buffers.ok) return fail({ stage: 'time', reason: buffers.error });
    const loaded = await timer.load(key, { file, ...planKernel(candidate, tokens.at) });
    if (!loaded.ok) return fail({ stage: 'build', reason: loaded.error });
    const verified = await verifyCandidate(candidate, { tokens, seed, signal }, proving);
    if (verified.ok) prepared.add(key);
    return verified;
  };
  const device: TuneDevice = {
    prepare,
    async time(candidate) {
      // Not prepared where an earlier run did it.
      const ready = prepared.has(candidate.key) ? succeed(undefined) : await prepare(candidate);
      if (!ready.ok) return fail(ready.error.reason);
      return timer.time(candidate.key);
    },
  };
  return { device, close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Its dispatches, and the workspace between them, which no two kernels have alike. */
function planKernel({ kernel }: CandidateKernel, tokens: number): Omit<TimedKernel, 'file'> {
  const contract = familyOf(kernel.spec).contract(kernel.spec as SpecOf<FamilyName, 'wgsl'>);
  const name = contract.workspace?.argument;
  const scratch = contract.arguments.flatMap((argument) =>
    argument.kind === 'buffer' && argument.name === name
      ? [{ name: argument.name, bytes: evaluate(argument.bytes, tokens) }]
      : [],
  );
  return { dispatches: planDispatches(contract, tokens), scratch };
}

/** At the edge of its range and at the M that is timed, on every dataset. */
async function verifyCandidate(
  { kernel, text }: CandidateKernel,
  { tokens, seed, signal }: Pick<UnitWork, 'tokens' | 'seed' | 'signal'>,
  { target, dawn, env }: Proving,
) {
  const spec = kernel.spec as KernelSpec<'wgsl'>;
  const contract = familyOf(spec).contract(spec as SpecOf<FamilyName, 'wgsl'>);
  const counts = [...new Set([tokens.from, tokens.at])];
  const launches = counts.map((count) => ({ tokens: count, tiles: sampledTiles }));
  const needs = needsOf(familyOf(spec).describeResources(spec as SpecOf<FamilyName, 'wgsl'>, target));
  const job = { id: kernel.id, spec, contract, text, needs, launches, seed };
  const verified = await verifyShader(job, { dawn: dawn.module, env, signal, timeoutMs: 120_000 });
  // A crash or a hang is no wrong value: another run may go well.
  if (!verified.ok) return fail({ stage: 'time' as const, reason: verified.error.message });
  const [fault] = verified.value.result.faults;
  return fault === undefined ? succeed(undefined) : fail({ stage: 'verify' as const, reason: fault });
}

/** Real-valued data, as the last dataset has it: times do not depend on values, save where rows are not finite. */
function writeInputs(folder: string, { kernel }: CandidateKernel, tokens: number, seed: number) {
  const spec = kernel.spec as SpecOf<FamilyName, 'wgsl'>;
  const family = familyOf(kernel.spec);
  const data = family.cases(spec, tokens, seed).at(-1);
  assert(data !== undefined, 'a family has data for its kernels');
  const { arguments: all, workspace } = family.contract(spec);
  const shared = all.filter(({ kind, name }) => kind === 'buffer' && name !== workspace?.argument);
  mkdirSync(folder, { recursive: true });
  const buffers = shared.map(({ name }) => ({ name, ...writeInput(folder, data, name) }));
  const total = buffers.reduce((sum, { bytes }) => sum + bytes, 0);
  const copies = Math.min(8, Math.max(1, Math.ceil(rotatedBytes / Math.max(1, total))));
  return { copies, buffers };
}

function writeInput(folder: string, data: VerificationCase, argument: string) {
  const found = data.buffers.find((buffer) => buffer.argument === argument);
  assert(found !== undefined, `case ${data.name} has a buffer for ${argument}`);
  const content = new Uint8Array(found.bytes);
  found.fill?.(0, content);
  const file = join(folder, `${argument}.bin`);
  writeFileSync(file, content);
  return { bytes: found.bytes, file };
}
