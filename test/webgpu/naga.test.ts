// A second compiler's view of the emitted WGSL: every committed shader and every one of two models, by naga in Deno. What
// naga cannot judge for want of an extension is skipped by name and with the reason, never passed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { webgpu } from '../../targets/webgpu.ts';
import { llama7b, tinyLlama } from '../compiler/compile-fixture.ts';
import { emitModel } from '../golden/golden-files.ts';
import { goldenFolder } from '../golden/golden-models.ts';
import { askNaga, type NagaReport, nagaTimeoutMs } from './ask-naga.ts';
import { describeWith } from './describe-with.ts';
import { checkText } from './shader-workbench.ts';

const texts = new Map<string, string>();
for (const path of readdirSync(goldenFolder, { encoding: 'utf8', recursive: true }))
  if (path.endsWith('.wgsl')) texts.set(path, readFileSync(join(goldenFolder, path), 'utf8'));
for (const [name, file] of Object.entries({ 'tiny-llama': tinyLlama, 'llama-2-7b': llama7b })) {
  const emitted = await emitModel({ name, file }, webgpu);
  for (const [id, text] of emitted.texts) texts.set(`${name}: ${id}`, text);
}

describeWith(['QUIKC_DENO'], 'naga', (deno) => {
  let report: NagaReport;
  beforeAll(async () => {
    report = await askNaga(deno, texts);
  }, nagaTimeoutMs);

  test('there are shaders to judge, and it accepts every one that needs no extension', () => {
    const plain = [...texts].filter(([, text]) => !/^enable /m.test(text));
    expect(plain.length).toBeGreaterThan(40);
    for (const [name] of plain) expect(report.verdicts.get(name)?.kind, name).toBe('accepted');
  });

  test.for([...texts.keys()])('accepts %s', (name, { skip }) => {
    const { kind, lacks, messages } = report.verdicts.get(name)!;
    if (kind === 'accepted') return;
    expect(kind, messages.join('\n')).not.toBe('refused');
    const extent = kind === 'not-judged' ? 'not judged' : 'judged up to where it is used';
    const reason = `naga on ${report.adapter} lacks ${lacks.join(' and ')}: ${extent}`;
    process.stderr.write(`${name}: ${reason}\n`);
    skip(reason);
  });
});

const plain = `${goldenFolder}/explicit.webgpu/slice-split-scalar-w4a4.wgsl`;
const subgroups = `${goldenFolder}/explicit.webgpu/broadcast-tile-w4a4.wgsl`;

/** Slips that must not pass: of what text, what is written instead of what, whether Dawn takes it, what naga says. */
const slips: readonly (readonly [string, string, string, string, 'Dawn takes' | 'Dawn refuses', RegExp])[] = [
  [
    'a number of another type',
    plain,
    'const kHalf = 8.0;',
    'const kHalf = 8u;',
    'Dawn refuses',
    /Operation Multiply can't work/,
  ],
  [
    'a pointer into a buffer as a parameter',
    plain,
    '@compute',
    'fn first(words: ptr<storage, array<u32>, read_write>) -> u32 { return (*words)[0]; }\n@compute',
    'Dawn takes',
    /'first' is invalid/,
  ],
  [
    'a cast of bits in a constant, where an extension excuses much',
    subgroups,
    '@compute',
    'const kOne = bitcast<f32>(0x3f800000u);\n@compute',
    'Dawn takes',
    /constant expression/,
  ],
  ['an extension that is none', plain, '', 'enable subgroupz;\n', 'Dawn refuses', /subgroupz/],
  ['an extension that was not enabled', subgroups, 'enable subgroups;', '', 'Dawn refuses', /SUBGROUP/],
];

describeWith(['QUIKC_DAWN', 'QUIKC_DENO'], 'naga refuses what is planted', (_, deno) => {
  test.for(slips)('%s', async ([, path, right, wrong, dawn, words]) => {
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(right);
    const altered = text.replace(right, wrong);
    const features = path === subgroups && right !== 'enable subgroups;' ? ['subgroups'] : [];
    const said = await checkText(altered, features);
    expect(said.length === 0 ? 'Dawn takes' : 'Dawn refuses', said.join('\n')).toBe(dawn);
    const { verdicts } = await askNaga(deno, new Map([['slip', altered]]));
    expect(verdicts.get('slip')).toMatchObject({
      kind: 'refused',
      messages: [expect.stringMatching(words)],
    });
  });
});
