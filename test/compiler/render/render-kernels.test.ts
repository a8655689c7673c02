import { describe, expect, test } from 'vitest';
import { describeChoice } from '../../../compiler/render/describe-choice.ts';
import { describeScheme } from '../../../compiler/render/describe-scheme.ts';
import type { KernelSpec } from '../../../ir/kernel-spec.ts';
import type { RangeChoice } from '../../../ir/schedule-choice.ts';
import { familyOf } from '../../support/kernel-workbench.ts';
import { compileFixture, llama7b } from '../compile-fixture.ts';

const { manifest, files } = await compileFixture(llama7b);
const textOf = (id: string) => Buffer.from(files.get(`kernels/${id}.cu`)!).toString('utf8');

describe('the banner', () => {
  test.each(manifest.kernels)(
    'of $id fits the page and says for whom and why',
    ({ id, spec, serves, explain }) => {
      const banner = textOf(id).split('#include')[0]!;
      for (const line of banner.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
      expect(banner).toContain(
        describeScheme(spec.problem, familyOf(spec as KernelSpec<'cuda'>).widths(spec.problem)),
      );
      expect(banner).toContain(serves.join(', '));
      for (const line of describeChoice(explain)) expect(banner).toContain(line);
    },
  );

  test('joins ranges side by side and tells of the one with the most tokens', () => {
    const { report } = manifest.kernels[1]!.explain[0]!;
    const range = (from: number, to?: number): RangeChoice => ({
      from,
      ...(to === undefined ? {} : { to }),
      report: { ...report, tokens: from },
    });
    const [joined] = describeChoice([range(65, 128), range(129, 512), range(513)]);
    expect(joined).toMatch(/^M >= 65: .* at M = 513,/);
    const [apart] = describeChoice([range(1, 8), range(17, 17)]);
    expect(apart).toMatch(/^M 1-8, M = 17: /);
    expect(describeChoice([range(1)])[0]).toMatch(/^any M: /);
  });
});

test('removing the winner changes the emitted text', async () => {
  const winner = manifest.kernels.find(({ id }) => id.includes('n4096k4096') && id.includes('_t128x128'))!;
  const without = await compileFixture(llama7b, {
    exclude: (spec) =>
      JSON.stringify(spec) === JSON.stringify(winner.spec) ? 'taken out by a test' : undefined,
  });
  const before = new Set([...files.keys()]);
  const added = [...without.files.keys()].filter((path) => !before.has(path));
  expect(without.files.has(winner.files.source.path)).toBe(false);
  expect(added).toHaveLength(1);
  const text = Buffer.from(without.files.get(added[0]!)!).toString('utf8');
  const strip = (source: string) =>
    source.slice(source.indexOf('#include')).replaceAll(/quik_linear_\w+/g, 'kernel');
  expect(strip(text)).not.toBe(strip(textOf(winner.id)));
});

test('equal layers share a kernel: 32 blocks of LLaMA-2-7B need no more kernels than one', () => {
  const ids = manifest.kernels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeLessThan(40);
});
