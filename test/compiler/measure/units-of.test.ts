// What `quikc tune` tries on an adapter: schedules that it can run and that a compile could take, those in use first.
import { describe, expect, test } from 'vitest';
import { wgslFamilies } from '../../../compiler/families/index.ts';
import type { TimedAdapter } from '../../../compiler/measure/adapter-timer.ts';
import type { MeasurePlane } from '../../../compiler/measure/measure-plane.ts';
import { promisesOf } from '../../../compiler/measure/promises-of.ts';
import { type BundleUnit, unitsOf } from '../../../compiler/measure/units-of.ts';
import { loadTemplates } from '../../../compiler/render/load-templates.ts';
import { canonicalJson } from '../../../compiler/support/hash.ts';
import type { DeviceNeeds } from '../../../ir/device-needs.ts';
import type { WgslLinearSchedule, WorkgroupRowSchedule } from '../../../ir/schedule.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const { manifest } = await compileFixture(tinyLlama, { target: webgpu });
const templates = loadTemplates('templates');

const packed = 'packed_4x8_integer_dot_product';
const adapters = {
  none: { features: [], languageFeatures: [], leastSubgroupSize: 1 },
  base: { features: [], languageFeatures: [packed], leastSubgroupSize: 1 },
  swiftShader: { features: ['subgroups'], languageFeatures: [packed], leastSubgroupSize: 4 },
  lavapipe: { features: ['subgroups', 'shader-f16'], languageFeatures: [packed], leastSubgroupSize: 8 },
} as const satisfies Readonly<Record<string, DeviceNeeds>>;

const unused = () => {
  throw new Error('nothing is timed here');
};

function unitsOn(promised: DeviceNeeds, kernels = manifest.kernels): readonly BundleUnit[] {
  const plane: MeasurePlane = {
    device: { kind: 'adapter', name: 'An adapter', driver: '', software: false },
    toolchain: { tool: 'dawn', version: '1', identity: 'ab' },
    policy: { clock: 'timestamp-query', rotatedBytes: 1, launchesPerTrial: 1, finalists: 1 },
    target: { ...webgpu, promised },
    searches: 1,
    timedTokens: (_range, representative) => representative,
    open: unused,
    close: unused,
  };
  return unitsOf({ kernels, sites: manifest.sites, plane, families: wgslFamilies, templates });
}

const schedulesOf = ({ candidates }: BundleUnit) =>
  candidates.map(({ schedule }) => schedule as WgslLinearSchedule | WorkgroupRowSchedule);

/** The kernel that a variant launches for a unit. */
function kernelOf(unit: BundleUnit, variant: string) {
  const launched = manifest.sites
    .flatMap(({ buckets }) => buckets)
    .filter(({ from }) => from <= unit.key.tokens.from)
    .filter(({ to = Number.POSITIVE_INFINITY }) => unit.key.tokens.from <= to)
    .filter((bucket) => bucket.variant === variant)
    .flatMap(({ launches }) => launches.filter(({ problem }) => problem === unit.key.problem.hash));
  return launched[0]?.kernel;
}

describe.each(Object.entries(adapters))('on the adapter %s', (name, promised: DeviceNeeds) => {
  const units = unitsOn(promised);
  const runnable = webgpu.variants.filter(
    ({ features, languageFeatures, leastSubgroupSize }) =>
      [...features, ...languageFeatures].every((feature) =>
        [...promised.features, ...promised.languageFeatures].includes(feature),
      ) && leastSubgroupSize <= promised.leastSubgroupSize,
  );

  test('every problem of the bundle over every range of M has schedules to try', () => {
    const ranges = manifest.kernels.flatMap(({ problemHash, explain }) =>
      explain.map(({ from }) => `${problemHash} ${from}`),
    );
    const named = units.map(({ key }) => `${key.problem.hash} ${key.tokens.from}`);
    expect(named.sort()).toEqual([...new Set(ranges)].sort());
    for (const unit of units) expect(unit.candidates.length).toBeGreaterThan(0);
  });

  test('nothing asks for more than the adapter has', () => {
    const all = units.flatMap(schedulesOf);
    const uses = {
      'shader-f16': all.some((schedule) => 'halves' in schedule && schedule.halves === 'vectors'),
      [packed]: all.some((schedule) => 'dot' in schedule && schedule.dot === 'packed'),
      subgroups: all.some(
        (schedule) =>
          schedule.kind === 'broadcast-tile' || ('reduce' in schedule && schedule.reduce === 'subgroup'),
      ),
    };
    for (const [feature, used] of Object.entries(uses))
      expect(used, feature).toBe([...promised.features, ...promised.languageFeatures].includes(feature));
  });

  test('nothing asks for what no variant may ask for', () => {
    const most = Math.max(...webgpu.variants.map(({ leastSubgroupSize }) => leastSubgroupSize));
    for (const schedule of units.flatMap(schedulesOf))
      if (schedule.kind === 'broadcast-tile') expect(schedule.lanes, name).toBeLessThanOrEqual(most);
  });

  test('what its variants use is tried first, and a gain is told against the best of these', () => {
    for (const unit of units) {
      const best = kernelOf(unit, runnable.at(-1)!.name);
      expect(unit.kernel.id).toBe(best);
      const used = new Set(runnable.map(({ name: variant }) => kernelOf(unit, variant)));
      const keys = manifest.kernels
        .filter(({ id }) => used.has(id))
        .map(({ spec }) => canonicalJson(spec.schedule));
      expect([...unit.present].sort()).toEqual(keys.sort());
      expect(unit.present[0]).toBe(canonicalJson(unit.kernel.spec.schedule));
      const candidates = unit.candidates.map(({ key }) => key);
      expect(candidates).toEqual(expect.arrayContaining([...unit.present]));
      expect(new Set(candidates).size).toBe(candidates.length);
    }
  });
});

test('a kernel that the adapter cannot run still names a problem to search', () => {
  const halves = manifest.kernels.filter(
    ({ spec }) => 'halves' in spec.schedule && spec.schedule.halves === 'vectors',
  );
  const units = unitsOn(adapters.swiftShader, halves.slice(0, 1));
  expect(units.length).toBeGreaterThan(0);
  for (const { present, candidates } of units) {
    expect(present).toEqual([]);
    expect(candidates.length).toBeGreaterThan(0);
  }
});

describe('what an adapter promises', () => {
  const adapter: TimedAdapter = {
    ...{ name: 'An adapter', driver: '', software: false, clock: 'timestamp-query' },
    ...{ features: ['subgroups'], languageFeatures: [packed], subgroupMinSize: 16 },
  };

  test('is its features and the least size of its subgroups', () => {
    const { features, languageFeatures } = adapter;
    expect(promisesOf(adapter)).toEqual({ features, languageFeatures, leastSubgroupSize: 16 });
  });

  test.each([
    ['4 where it does not tell the size', ['subgroups'], undefined, 4],
    ['no subgroups where it lacks the feature, whatever size it tells', ['shader-f16'], 16, 1],
  ])('%s', (_, features, subgroupMinSize, least) => {
    expect(promisesOf({ ...adapter, features, subgroupMinSize }).leastSubgroupSize).toBe(least);
  });
});
