import { describe, expect, test } from 'vitest';
import { sha256 } from '../../compiler/support/hash.ts';
import { fail } from '../../compiler/support/result.ts';
import type { OutputKind, Probe } from './probe.ts';
import { toBytes } from './probe-bytes.ts';
import { probeModule } from './probe-module.ts';
import { probes } from './probes.ts';
import { isExact, replayProbe } from './replay-vectors.ts';
import { reportReplay } from './report-replay.ts';
import { runOnExecutor } from './run-on-executor.ts';
import { type ProbeVector, toBase64, vectorsFolder } from './vectors.ts';

/** What a GPU would have answered that agrees with the executor, save for `alter`. */
function vectorOf(probe: Probe, alter: (words: Uint32Array) => void = () => undefined): ProbeVector {
  const inputs = toBytes(probe.rounds);
  const outputs = runOnExecutor(probe, inputs).outputs.slice();
  alter(new Uint32Array(outputs.buffer));
  const module = sha256(probeModule(probe));
  return { name: probe.name, module, inputs: toBase64(inputs), outputs: toBase64(outputs) };
}

/** A bit whose change is never lost in a NaN. */
const telling: Readonly<Record<OutputKind, number>> = {
  b32: 1,
  f32: 0x00800000,
  f16x2: 0x0400,
  bf16x2: 0x0080,
};

describe('a recorded vector', () => {
  test.each(probes)('of $name: agrees, and one bit off is told', (probe) => {
    expect(replayProbe(probe, vectorOf(probe))).toEqual({ kind: 'agrees' });
    for (const [output, kind] of probe.outputs.entries()) {
      const at = output * 32 + 17;
      const verdict = replayProbe(
        probe,
        vectorOf(probe, (words) => {
          words[at] = ((words[at] ?? 0) ^ telling[kind]) >>> 0;
        }),
      );
      expect(verdict).toMatchObject({
        kind: 'differs',
        why: expect.stringContaining(`d${output} of lane 17 `),
      });
    }
  });

  test('of another text says nothing', () => {
    const [probe] = probes;
    const edited = { ...probe!, body: `${probe!.body} ` };
    expect(replayProbe({ ...edited, body: probe!.body.replace('%a1', '%a0') }, vectorOf(probe!))).toEqual({
      kind: 'stale',
    });
    expect(replayProbe(undefined, vectorOf(probe!))).toEqual({ kind: 'stale' });
  });

  test('that only the executor contradicts is a fault of the executor', () => {
    // The recorded answer is right; the probe's text, as if the executor did something else, is not what it says.
    const add = probes.find(({ name }) => name === 'add-s32')!;
    const wrong = { ...add, body: 'sub.s32 %d0, %a0, %a1;' };
    const vector = { ...vectorOf(add), module: sha256(probeModule(wrong)) };
    expect(replayProbe(wrong, vector)).toMatchObject({
      kind: 'differs',
      why: expect.stringMatching(/^the executor is not/),
    });
  });
});

test('what leaves a kernel a choice', () => {
  expect(isExact('fma.rn.f32 %f1, %f2, %f3, %f4;')).toBe(true);
  expect(isExact('mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 {…')).toBe(true);
  expect(isExact('rsqrt.approx.f32 %f1, %f2;')).toBe(false);
  expect(isExact('mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {…')).toBe(false);
});

test('whatever has been recorded agrees with the executor', async () => {
  // Golden kernels are held against the oracle here; where there is nvcc, npm run conformance executes them too.
  const compile = async () => fail([]);
  const { text, failed } = await reportReplay(vectorsFolder, { compile });
  expect(failed, text).toBe(false);
});
