import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../compiler/commands/run.ts';
import { modelsFolder, readReference } from '../../support/reference-models.ts';
import { runCommand } from './run-command.ts';

const name = 'tiny-llama-plain';
const reference = readReference(name);
const missing = reference === undefined ? ` (NOT RUN: no ${name} in ${modelsFolder})` : '';
const noWorker = new URL('file:///nowhere.js');
const options = { scheme: 'quik-8b', outliers: '0', threads: '1', maxNewTokens: '12' };

/** Bytes are tokens of these models. */
const greedy = String.fromCharCode(...(reference?.sequences[0]?.greedy.slice(0, 12) ?? []));
const prompt = reference?.sequences[0]?.text ?? '';

test.skipIf(reference === undefined)(`float continues as transformers does${missing}`, async () => {
  const pieces: string[] = [];
  const spoken = await runCommand((context) =>
    run(
      join(modelsFolder, name),
      prompt,
      { ...options, on: 'float' },
      { ...context, out: (text) => pieces.push(text) },
      noWorker,
    ),
  );
  expect(spoken).toEqual({ code: 0, out: '', err: '' });
  expect(pieces).toEqual([...greedy, '\n']);
});

test.skipIf(reference === undefined)(
  `quantised to 8 bit it says the same, as JSON too${missing}`,
  async () => {
    const { code, out } = await runCommand((context) =>
      run(join(modelsFolder, name), prompt, { ...options, json: true }, context, noWorker),
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      text: greedy,
      on: 'oracle',
      ids: reference?.sequences[0]?.greedy.slice(0, 12),
    });
  },
);

test.skipIf(reference === undefined)(`no room for another token is a fault of usage${missing}`, async () => {
  const { code, err } = await runCommand((context) =>
    run(join(modelsFolder, 'tiny-opt-plain'), 'x'.repeat(256), options, context, noWorker),
  );
  expect([code, err.includes('QK196')]).toEqual([2, true]);
});
