// Lines of emitted text and the lines of templates that wrote them.
import { expect, test } from 'vitest';
import { findBackEnd } from '../../../compiler/find-back-end.ts';
import { loadTemplates } from '../../../compiler/render/load-templates.ts';
import { createRenderer } from '../../../compiler/render/render-kernel.ts';
import { viewOf } from '../../../compiler/render/render-kernels.ts';
import { createTracer, type TemplateLine } from '../../../compiler/render/trace-kernel.ts';
import { traceFaults } from '../../../compiler/trace-faults.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { lowerFixture } from '../lower-fixture.ts';

const templates = loadTemplates('templates');
const trace = createTracer(templates);
const render = createRenderer(templates);

/** A template's line as it stands there; nothing for a blank line of a text, which has none. */
function sourceOf(origin: TemplateLine | undefined): string {
  if (origin === undefined) return '';
  return templates.sources.get(origin.template)!.split('\n')[origin.line - 1]!.trim();
}

test.each([sm80, webgpu])(
  'every line of every kernel of $id comes from its line of a template',
  async (target) => {
    const { families } = findBackEnd(target);
    const kernels = await lowerFixture(target);
    const wrong: string[] = [];
    let exact = 0;
    for (const kernel of kernels) {
      const view = viewOf(kernel, families, templates);
      const origins = trace(view);
      for (const [index, text] of render(view).trimEnd().split('\n').entries()) {
        const origin = origins[index];
        const source = sourceOf(origin);
        const [before = ''] = source.split('{{');
        const same = before === source ? text.trim() === source : text.trim().startsWith(before.trim());
        if (!same) wrong.push(`${kernel.id}:${index + 1}: ${text}`);
        if (before === source) exact += 1;
      }
    }
    expect(wrong).toEqual([]);
    expect(exact).toBeGreaterThan(1000);
  },
);

test('a mistake in a slot is told once, at its template, with the layers and the kernels that have it', async () => {
  const { families } = findBackEnd(webgpu);
  const kernels = await lowerFixture(webgpu);
  const having = kernels.filter(
    (kernel) => viewOf(kernel, families, templates).slots['dot'] === 'wgsl/slots/dot/s4-packed',
  );
  const failed = having.map((kernel) => {
    const lines = render(viewOf(kernel, families, templates)).split('\n');
    const line = lines.findIndex((text) => text.includes('struct Weights')) + 1;
    const place = { file: `${kernel.id}.wgsl`, line, column: 3 };
    return {
      id: kernel.id,
      diagnostics: [{ code: 'QK627', severity: 'error', message: 'bad', ...place } as const],
    };
  });
  expect(failed.length).toBeGreaterThan(5);
  const faults = traceFaults(failed, kernels, families, templates);
  const line = templates.sources.get('wgsl/slots/dot/s4-packed')!.split('\n').indexOf('struct Weights {') + 1;
  expect(faults).toMatchObject([
    { message: 'bad', file: 'templates/wgsl/slots/dot/s4-packed.wgsl.hbs', line },
  ]);
  const [layers, places] = faults[0]!.trail!;
  expect(layers).toContain(having[0]!.serves[0]);
  expect(places).toMatch(
    new RegExp(`^${having[0]!.id}\\.wgsl:\\d+:3, .* and ${failed.length - 4} more kernels$`),
  );
});

test('what no line of a kernel is at fault for stays as it is', () => {
  const fault = { code: 'QK605', severity: 'error', message: 'it ended with code 1' } as const;
  const { families } = findBackEnd(webgpu);
  expect(traceFaults([{ id: 'k', diagnostics: [fault] }], [], families, templates)).toEqual([fault]);
});
