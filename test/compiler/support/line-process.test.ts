import { afterEach, expect, test } from 'vitest';
import { type LineProcess, startLineProcess } from '../../../compiler/support/line-process.ts';

const children: LineProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

function start(script: string): LineProcess {
  const child = startLineProcess({ file: process.execPath, args: ['-e', script], env: process.env });
  children.push(child);
  return child;
}

const onLine = (body: string) =>
  `require('readline').createInterface({ input: process.stdin }).on('line', (line) => { ${body} })`;

test('answers come in the order of the questions, and what is no JSON is none', async () => {
  const child = start(onLine("console.log('a driver says hello'); console.log(JSON.stringify({ line }))"));
  const answers = await Promise.all(['first', 'second'].map((line) => child.ask(line, 20_000)));
  expect(answers).toEqual([
    { ok: true, value: '{"line":"first"}' },
    { ok: true, value: '{"line":"second"}' },
  ]);
});

test('an answer that nobody waits for yet is kept', async () => {
  const child = start("console.log('{}'); setInterval(() => {}, 1000)");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await child.next(20_000)).toEqual({ ok: true, value: '{}' });
});

test('one that is late ends the process, and every later question says why', async () => {
  const child = start(onLine(''));
  const late = { ok: false, error: 'no answer within 0.1 s' };
  expect(await child.ask('?', 100)).toEqual(late);
  expect(child.isAlive()).toBe(false);
  expect(await child.ask('?', 20_000)).toEqual(late);
});

test('a process that ends says with what, and its last words', async () => {
  const child = start(
    onLine("console.error('lost\\nthe device'); process.exitCode = 7; process.stdin.destroy()"),
  );
  expect(await child.ask('?', 20_000)).toEqual({ ok: false, error: 'the process ended with 7: the device' });
});

test('one that does not start', async () => {
  const child = startLineProcess({ file: '/no/such/program', args: [], env: {} });
  expect(await child.next(20_000)).toMatchObject({ error: expect.stringContaining('does not start') });
});
