import { expect, test } from 'vitest';
import { cutWindows } from '../../../compiler/evaluate/cut-windows.ts';
import { generateText } from '../../../compiler/evaluate/generate-text.ts';
import { type Forward, measureLoss } from '../../../compiler/evaluate/perplexity.ts';
import { makeMatrix } from '../../../compiler/reference/float-model/matrix.ts';

/** A model of four tokens that is sure, by e³ to 1, that i is followed by i + 1. */
const counting: Forward<never> = (ids, _session, wanted = ids.map((_, row) => row)) => {
  const logits = makeMatrix(wanted.length, 4);
  wanted.forEach((row, index) => {
    logits.data[4 * index + ((ids[row]! + 1) % 4)] = 3;
  });
  return { ok: true, value: logits };
};
const whole = Math.log(Math.exp(3) + 3);

test('the mean of -ln p over all tokens but the first of each window', async () => {
  const done: number[] = [];
  const loss = await measureLoss(
    counting,
    [
      [0, 1, 2],
      [1, 1],
    ],
    (count) => done.push(count),
  );
  if (!loss.ok) throw new Error('it cannot fail');
  expect(done).toEqual([1, 2]);
  expect(loss.value.tokens).toBe(3);
  expect(loss.value.mean).toBeCloseTo((whole - 3 + (whole - 3) + whole) / 3, 12);
  expect(loss.value.perplexity).toBeCloseTo(Math.exp(loss.value.mean), 12);
});

test('windows: whole ones, the rest where it foresees something, no more tokens than asked for', () => {
  const ids = Uint16Array.of(5, 6, 7, 8, 9);
  expect(cutWindows(ids, 2)).toEqual([
    [5, 6],
    [7, 8],
  ]);
  expect(cutWindows(ids, 3)).toEqual([
    [5, 6, 7],
    [8, 9],
  ]);
  expect(cutWindows(ids, 2, 3)).toEqual([[5, 6]]);
  expect(cutWindows(ids.subarray(0, 1), 2)).toEqual([]);
});

test('the likeliest token each time, until the end token or enough of them', async () => {
  const heard: string[] = [];
  const options = {
    forward: counting,
    prompt: [2, 3],
    onToken: (ids: readonly number[]) => heard.push(ids.join('')),
  };
  expect(await generateText({ ...options, mostTokens: 3, end: undefined })).toEqual({
    ok: true,
    value: [0, 1, 2],
  });
  expect(heard).toEqual(['0', '01', '012']);
  expect(await generateText({ ...options, mostTokens: 3, end: 1 })).toEqual({ ok: true, value: [0] });
});
