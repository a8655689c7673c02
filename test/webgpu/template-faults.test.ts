// A mistake in a template, as Dawn sees it in every kernel and as people are told of it.
import { expect, test } from 'vitest';
import { formatDiagnostics } from '../../compiler/diagnostics/format-diagnostics.ts';
import { findBackEnd } from '../../compiler/find-back-end.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { scheduleAndBuild } from '../../compiler/schedule-and-build.ts';
import { webgpu } from '../../targets/webgpu.ts';
import { planFixture } from '../compiler/lower-fixture.ts';
import { describeWith } from './describe-with.ts';

const templates = loadTemplates('templates');

/** What a compile says with `wrong` in place of `right` in a template. */
async function faultsOf(name: string, right: string, wrong: string) {
  const source = templates.sources.get(name)!;
  expect(source).toContain(right);
  const altered = new Map(templates.sources).set(name, source.replace(right, wrong));
  const { families, findTools } = findBackEnd(webgpu);
  const found = await findTools({ env: process.env });
  if (!found.ok) throw new Error(found.error.message);
  const built = await scheduleAndBuild(await planFixture(webgpu), {
    ...{ families, target: webgpu, tools: found.value, buildOptions: { env: process.env } },
    templates: { ...templates, sources: altered },
    timed: () => {},
  });
  return { source, faults: built.ok ? [] : built.error };
}

describeWith(['QUIKC_DAWN'], 'a mistake in a template', () => {
  test('of a type is told once, at its line, in whole sentences', async () => {
    const right = 'dot4I8Packed(odd, codes';
    const { source, faults } = await faultsOf('wgsl/slots/dot/s4-packed', right, 'dot4I8Packed(1.5, codes');
    const line = source.split('\n').findIndex((text) => text.includes(right)) + 1;
    const hint = expect.stringContaining('the .wgsl file');
    expect(faults).toMatchObject([
      { code: 'QK627', file: 'templates/wgsl/slots/dot/s4-packed.wgsl.hbs', line, hint },
    ]);
    const text = formatDiagnostics(faults, { color: false });
    expect(text).toContain('self_attn.o_proj');
    expect(text).toMatch(/quik_linear_w4a4_\w+\.wgsl:\d+:\d+/);
    expect(text).not.toContain('\\n');
    expect(text).not.toContain('.cu');
  });

  test('of a limit, which has no line, is told once with its kernels', async () => {
    const { faults } = await faultsOf(
      'wgsl/quantize/workgroup-row',
      '@workgroup_size(kThreads)',
      '@workgroup_size(kThreads, 32)',
    );
    expect(faults.length).toBeGreaterThan(0);
    for (const { trail } of faults) expect(trail?.join()).toMatch(/layers\..*quik_quantize_\w+\.wgsl/);
  });
});
