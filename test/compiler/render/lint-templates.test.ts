import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cudaFamilies, wgslFamilies } from '../../../compiler/families/index.ts';
import { lintTemplates } from '../../../compiler/render/lint-templates.ts';
import { loadTemplates } from '../../../compiler/render/load-templates.ts';

const templates = loadTemplates('templates');
const contracts = [cudaFamilies, wgslFamilies].flatMap(({ linear, quantize }) => [
  ...linear.templates,
  ...quantize.templates,
]);

describe('the templates', () => {
  it('print only what their views hold, and all of it', () => {
    expect(lintTemplates(templates, contracts)).toEqual([]);
  });

  it('are caught when a name is misspelt where strict mode would not notice', () => {
    const name = 'cuda/parts/output-tile';
    const source = templates.sources.get(name) ?? '';
    expect(source).toContain('{{#if residual}}');
    const planted = new Map(templates.sources).set(
      name,
      source.replace('{{#if residual}}', '{{#if residuall}}'),
    );
    const faults = lintTemplates({ ...templates, sources: planted }, contracts);
    expect(faults).toContainEqual(
      expect.objectContaining({ template: name, message: 'the view has no field output.residuall' }),
    );
  });
});

describe('lintTemplates', () => {
  const schema = z.strictObject({
    n: z.int(),
    list: z.array(z.string()),
    flag: z.boolean(),
    other: z.boolean(),
  });
  const lint = (source: string): readonly string[] =>
    lintTemplates({ sources: new Map([['t', source]]), digest: '' }, [
      { template: 't', schema, slots: { s: [] } },
    ])
      .map(({ message }) => message)
      .filter((message) => !message.startsWith('nothing prints'));

  it.each([
    ['{{n}} {{#each list}}{{this}}{{/each}} {{#if flag}}x{{/if}}', []],
    ['{{typo}}', ['the view has no field typo']],
    ['{{#each typo}}x{{/each}}', ['the view has no field typo']],
    ['{{#if typo}}x{{/if}}', ['the view has no field typo']],
    ['{{#if n}}x{{/if}}', ['#if on n, which is scalar: 0 and "" are false']],
    ['{{#each n}}x{{/each}}', ['#each over n, which is scalar']],
    ['{{list}}', ['list is array, not text or a number']],
    ['{{#if flag}}{{#if other}}x{{/if}}{{/if}}', ['#if inside #if: decide it in the view']],
    ['{{#if flag}} { {{/if}}', ['a branch of #if opens 1 braces more than it closes']],
    ['{{{n}}}', ['{{{ eats C braces in silence: write { {{name}} }']],
    ['{{#with flag}}x{{/with}}', ['only #if and #each are allowed, not #with']],
    ['{{> missing}}', ['no template is named missing']],
    ['{{> slots/unknown}}', ['no view fills the slot unknown']],
    [
      '{{#each list}}{{../n}}{{/each}}',
      ['../ reaches out of the context: hand the field over instead', 'the view has no field list[].n'],
    ],
  ])('%s', (source, messages) => {
    expect(lint(source)).toEqual(messages);
  });

  it('names view fields that nothing prints', () => {
    const faults = lintTemplates({ sources: new Map([['t', '{{n}}']]), digest: '' }, [
      { template: 't', schema, slots: {} },
    ]);
    expect(faults.map(({ message }) => message)).toEqual([
      "nothing prints the view's field list",
      "nothing prints the view's field flag",
      "nothing prints the view's field other",
    ]);
  });
});
