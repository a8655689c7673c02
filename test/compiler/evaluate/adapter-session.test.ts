import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { openAdapterSession } from '../../../compiler/evaluate/adapter-session.ts';

const dawn = pathToFileURL(resolve('test/compiler/verify/fake-dawn.mjs')).href;

async function codeOf(options: { readonly way?: string; readonly dawn?: string }) {
  const session = await openAdapterSession({
    ...{ dawn: options.dawn ?? dawn, index: join('nowhere', 'index.js') },
    env: { ...process.env, FAKE_DAWN: options.way },
  });
  if (!session.ok) return session.error;
  session.value.close();
  return undefined;
}

test('without an adapter there is no session, and a word on how to get one', async () => {
  expect(await codeOf({ way: 'none' })).toMatchObject({ code: 'QK703', message: 'no WebGPU adapter here' });
});

test('a package that is not there, or a module that does not load, is told', async () => {
  expect(await codeOf({ way: 'well' })).toMatchObject({ code: 'QK710' });
  expect(await codeOf({ dawn: 'file:///nowhere.mjs' })).toMatchObject({ code: 'QK710' });
});
