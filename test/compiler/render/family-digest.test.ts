import { expect, test } from 'vitest';
import { cudaFamilies } from '../../../compiler/families/index.ts';
import { familyTemplatesDigest } from '../../../compiler/render/family-digest.ts';
import { loadTemplates } from '../../../compiler/render/load-templates.ts';

const templates = loadTemplates('templates');
const { linear, quantize } = cudaFamilies;

function changed(name: string) {
  const sources = new Map(templates.sources);
  expect(sources.has(name)).toBe(true);
  return { ...templates, sources: sources.set(name, `${sources.get(name)} `) };
}

test.each([
  ['cuda/linear/tiled', true, false],
  ['cuda/quantize/row', false, true],
  ['cuda/slots/mma/s8', true, false],
  ['cuda/parts/swizzle', true, false],
  ['shared/banner', true, true],
  ['wgsl/linear/register-tile', false, false],
])('a change of %s is a change of linears: %s, of quantizes: %s', (name, ofLinear, ofQuantize) => {
  for (const [family, expected] of [
    [linear, ofLinear],
    [quantize, ofQuantize],
  ] as const) {
    const before = familyTemplatesDigest(templates, family.templates);
    expect(familyTemplatesDigest(changed(name), family.templates) !== before).toBe(expected);
  }
});
