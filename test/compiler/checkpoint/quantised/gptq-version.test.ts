import { expect, test } from 'vitest';
import { readFloats } from '../../../../compiler/checkpoint/read-floats.ts';
import { type Config, type FixtureCase, openCase, readFixture, toQuantisation } from './read-fixture.ts';

const cases = readFixture();
const named = [...cases].filter(([name]) => name.startsWith('gptq-v'));

/** Whether weights come out as their library has them, and the codes of the warnings. */
function outcome(given: FixtureCase, config: Config) {
  const opened = openCase(given, config);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const weight = opened.value.tensors.get('x.weight');
  const [got, wanted] = [weight && readFloats(weight), readFloats(given.expected)];
  if (!got?.ok || !wanted.ok) throw new Error('not read');
  const right = Buffer.from(got.value.buffer).equals(Buffer.from(wanted.value.buffer));
  return { right, warnings: opened.value.warnings.map(({ code, message }) => `${code} ${message}`) };
}

/** Of 8 bits a step is too small, and zero points of the edges wrap. */
const untold = /-8-asym|-edges/;

test.each(named)('%s: its version is told where no field has it, else the older is taken', (name, given) => {
  const { checkpoint_format: _format, ...config } = given.config;
  expect(outcome(given, config)).toEqual({ right: !untold.test(name) || name.includes('-v1'), warnings: [] });
});

test.each(named)('%s: a field that says otherwise is overruled with a warning, or holds', (name, given) => {
  const [stored, said] = name.includes('-v1') ? ['gptq', 'gptq_v2'] : ['gptq_v2', 'gptq'];
  const told = !untold.test(name);
  const warning = `QK198 zero points are stored as "${stored}" has them, not as "${said}" does`;
  expect(outcome(given, { ...given.config, checkpoint_format: said })).toEqual({
    right: told,
    warnings: told ? [warning] : [],
  });
});

test('auto-gptq says neither version nor method', () => {
  expect(toQuantisation(cases.get('auto-gptq-4-asym')?.config ?? {})).toEqual({
    method: 'gptq',
    uniform: { bits: 4, groupSize: 32 },
  });
});
