// What banners of shaders say of how they run is so.
import { expect, test } from 'vitest';
import { wgslFamilies } from '../../../compiler/families/index.ts';
import { loadTemplates } from '../../../compiler/render/load-templates.ts';
import { createRenderer } from '../../../compiler/render/render-kernel.ts';
import { viewOf } from '../../../compiler/render/render-kernels.ts';
import type { KernelSpec } from '../../../ir/kernel-spec.ts';
import type { LinearProblem, QuantizeProblem } from '../../../ir/problem.ts';
import type { ScheduledKernel } from '../../../ir/schedule-choice.ts';
import { webgpu } from '../../../targets/webgpu.ts';

const { linear, quantize } = wgslFamilies;
const templates = loadTemplates('templates');
const render = createRenderer(templates);

function textOf(spec: KernelSpec<'wgsl'>): { readonly banner: string; readonly code: string } {
  const kernel = { id: 'k', spec, specHash: '', serves: ['a layer'], sites: [], choices: [] };
  const text = render(viewOf(kernel as unknown as ScheduledKernel, wgslFamilies, templates));
  const end = text.indexOf('// ----');
  return { banner: text.slice(0, end), code: text.slice(end) };
}

test.each([
  ['none', 8, 2],
  ['rms-norm', 8, 3],
  ['silu-mul', 8, 2],
  ['none', 64, 1],
] as const)(
  'a quantize after %s, with %i of 64 columns kept, reads x as often as it says: %i',
  (op, outliers, times) => {
    const prologue = op === 'rms-norm' ? { op, eps: 1e-5 } : { op };
    const problem: QuantizeProblem = {
      ...{ family: 'quantize', target: 'webgpu', k: 64, outliers, bits: 4, dtype: 'f16', columns: 'compact' },
      prologue,
    };
    const [schedule] = [...quantize.enumerate(problem, webgpu)];
    const { banner, code } = textOf({ family: 'quantize', problem, schedule: schedule! });
    const phases = ['// norm: the mean', '// range: minimum', '// quantise: a word'];
    expect(phases.filter((phase) => code.includes(phase))).toHaveLength(times);
    expect(banner).toContain(
      times === 1 ? '\n// x is read once.' : `\n// x is read ${times} times, once a phase`,
    );
    for (const line of banner.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    const { terms } = quantize.estimate(problem, schedule!, webgpu, 64);
    const l2 = terms().find(({ name }) => name === 'L2');
    expect(l2?.how).toContain(times === 1 ? 'read once' : `read ${times} times`);
  },
);

test('a linear says in how many dispatches it runs', () => {
  const problem: LinearProblem = {
    ...{
      family: 'linear',
      target: 'webgpu',
      n: 130,
      k: 2000,
      outliers: 24,
      dtype: 'f16',
      columns: 'compact',
    },
    ...{ weightBits: 4, activationBits: 4, epilogue: [] },
  };
  const kinds = new Map([...linear.enumerate(problem, webgpu)].map((schedule) => [schedule.kind, schedule]));
  expect(kinds.size).toBe(4);
  for (const [kind, schedule] of kinds) {
    const spec = { family: 'linear', problem, schedule } as const;
    const { banner } = textOf(spec);
    const two = linear.contract(spec).dispatches.length === 2;
    expect(banner.includes(', two dispatches.'), kind).toBe(two);
    expect(banner.includes(', one kernel.'), kind).toBe(!two);
    for (const line of banner.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  }
});
