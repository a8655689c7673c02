import type { LaunchContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import type { Dialect } from '../../ir/kernel-spec.ts';
import type { Manifest, ManifestKernel, ManifestSite } from '../../ir/manifest.ts';
import { findTarget } from '../../targets/index.ts';
import { checkVariants } from './check-variants.ts';
import type { ManifestFault } from './manifest-fault.ts';

/** CUDA's limits, on every architecture: threads of a block; blocks along x, and along y and z. */
const mostThreads = 1024;
const mostBlocks = [2 ** 31 - 1, 65_535, 65_535] as const;
/** WebGPU's, on every device. */
const mostWorkgroups = [65_535, 65_535, 65_535] as const;

/** What a schema cannot say: values that have to agree with each other, and sizes that come of formulas. */
export function checkManifest(manifest: Manifest): readonly ManifestFault[] {
  const { kernels, sites, built, target } = manifest;
  const known = new Map(kernels.map((kernel) => [kernel.id, kernel]));
  return [
    ...findRepeated(kernels.map(({ id }) => id)).map((index) => ({
      pointer: `/kernels/${index}/id`,
      message: 'another kernel has this id',
    })),
    ...kernels.flatMap((kernel, index) => checkKernel(kernel, built, `/kernels/${index}`)),
    ...kernels.flatMap((kernel, index) => checkPlace(kernel, sites, `/kernels/${index}`)),
    ...sites.flatMap((site, index) => checkSite(site, known, `/sites/${index}`)),
    ...checkVariants(manifest),
    ...(findTarget(target.id)?.dialect === target.dialect
      ? []
      : [{ pointer: '/target/dialect', message: `not the language of ${target.id}` }]),
  ];
}

/** A kernel has the sites that launch it. */
function checkPlace(
  { id, sites: named }: ManifestKernel,
  sites: readonly ManifestSite[],
  pointer: string,
): ManifestFault[] {
  const launching = sites.filter(({ buckets }) =>
    buckets.some(({ launches }) => launches.some(({ kernel }) => kernel === id)),
  );
  const same = JSON.stringify(launching.map((site) => site.id).sort()) === JSON.stringify([...named].sort());
  return same ? [] : [{ pointer: `${pointer}/sites`, message: 'not the sites whose buckets launch it' }];
}

function checkKernel(kernel: ManifestKernel, built: boolean, pointer: string): ManifestFault[] {
  const faults: ManifestFault[] = [];
  const refuse = (field: string, message: string) => faults.push({ pointer: `${pointer}/${field}`, message });
  const { spec, explain, workspace } = kernel;
  const { outliers, k } = spec.problem;
  if (kernel.family !== spec.family) refuse('family', `its spec is of the family ${spec.family}`);
  if (outliers > k) refuse('spec/problem/outliers', `${outliers} outlier columns of ${k}`);
  if (explain.length === 0) refuse('explain', 'the kernel serves no M');
  for (const [index, { from, to }] of explain.entries()) {
    if (to !== undefined && to < from) refuse(`explain/${index}/to`, `the range ends before it starts`);
  }
  if (workspace !== undefined && !kernel.arguments.some(({ name }) => name === workspace.argument))
    refuse('workspace/argument', 'the kernel has no such argument');
  calls[kernel.resources.dialect](kernel, refuse, built);
  return faults;
}

type Refuse = (field: string, message: string) => void;

/** How a kernel of each language is called, and whether it has machine code. */
const calls: Readonly<Record<Dialect, (kernel: ManifestKernel, refuse: Refuse, built: boolean) => void>> = {
  cuda: checkLaunch,
  wgsl: checkDispatches,
};

function checkLaunch(
  { launch, dispatches, explain, files }: ManifestKernel,
  refuse: Refuse,
  built: boolean,
): void {
  const hasCode = files.ptx !== undefined && files.cubin !== undefined;
  if (hasCode !== built) refuse('files', `the bundle is ${built ? '' : 'not '}built`);
  if (launch === undefined) {
    refuse('launch', 'a kernel in CUDA has a launch');
    return;
  }
  if (dispatches !== undefined) refuse('dispatches', 'a kernel in CUDA has a launch alone');
  const threads = launch.block[0] * launch.block[1] * launch.block[2];
  if (threads > mostThreads) refuse('launch/block', `${threads} threads, a block has at most ${mostThreads}`);
  checkGrid(launch.grid, endsOf(explain), mostBlocks, (axis, message) =>
    refuse(`launch/grid/${axis}`, message),
  );
}

function checkDispatches(kernel: ManifestKernel, refuse: Refuse): void {
  const { dispatches = [], tokensAtOnce, launch, explain } = kernel;
  if (launch !== undefined) refuse('launch', 'a kernel in WGSL has dispatches alone');
  if (dispatches.length === 0 || tokensAtOnce === undefined) {
    refuse('dispatches', 'a kernel in WGSL has dispatches, and most tokens of a launch');
    return;
  }
  for (const [index, { grid, buffers }] of dispatches.entries()) {
    const launched = endsOf(explain).map((m) => Math.min(m, tokensAtOnce));
    checkGrid(grid, launched, mostWorkgroups, (axis, message) =>
      refuse(`dispatches/${index}/grid/${axis}`, message),
    );
    for (const [place, { argument, range }] of buffers.entries()) {
      const at = `dispatches/${index}/buffers/${place}`;
      const bound = kernel.arguments.find(({ name }) => name === argument);
      if (bound?.kind !== 'buffer') refuse(`${at}/argument`, 'the kernel has no such buffer');
      else if (range !== undefined && range.offset + range.bytes > evaluate(bound.bytes, 1))
        refuse(`${at}/range`, `it ends after the ${evaluate(bound.bytes, 1)} bytes of ${argument}`);
    }
  }
}

/** Token counts at the ends of the ranges that a kernel serves. */
function endsOf(explain: ManifestKernel['explain']): readonly number[] {
  return explain.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to]));
}

function checkGrid(
  grid: LaunchContract['grid'],
  tokens: readonly number[],
  limits: readonly number[],
  refuse: (axis: number, message: string) => void,
): void {
  for (const [axis, extent] of grid.entries()) {
    const most = limits[axis] ?? 1;
    const blocks = tokens.map((m) => evaluate(extent, m));
    const bad = blocks.find((count) => !(Number.isInteger(count) && count >= 1 && count <= most));
    if (bad !== undefined) refuse(axis, `${bad} blocks, expected 1 to ${most}`);
  }
}

function checkSite(
  { buckets }: ManifestSite,
  known: ReadonlyMap<string, ManifestKernel>,
  pointer: string,
): ManifestFault[] {
  return buckets.flatMap(({ from, to, launches }, index) => {
    const at = `${pointer}/buckets/${index}`;
    const faults = launches.flatMap(({ kernel, problem }, position): readonly ManifestFault[] => {
      const entry = known.get(kernel);
      if (entry === undefined)
        return [{ pointer: `${at}/launches/${position}/kernel`, message: 'the bundle has no such kernel' }];
      if (entry.problemHash !== problem)
        return [{ pointer: `${at}/launches/${position}/problem`, message: 'its kernel solves another' }];
      return [];
    });
    const ends = { pointer: `${at}/to`, message: 'the range ends before it starts' };
    return to !== undefined && to < from ? [ends, ...faults] : faults;
  });
}

function findRepeated(names: readonly string[]): readonly number[] {
  return [...names.keys()].filter((index) => names.indexOf(names[index] ?? '') !== index);
}

/** Whether arrays and objects of a JSON value lie more than `limit` deep in each other. Takes no stack. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
