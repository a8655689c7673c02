import { bfloat, decode, floatFrom, half } from './numbers.ts';
import type { Interval, OutputKind, Probe, Warp } from './probe.ts';

/** The first result of a round that the probe's reference does not allow, in words; undefined if all are right. */
export function judgeProbe(probe: Probe, inputs: Warp, outputs: Warp): string | undefined {
  const { reference } = probe;
  if (reference.kind === 'exact') return findDifference(probe.outputs, inputs, outputs, reference.of(inputs));
  const intervals = reference.of(inputs);
  return firstOf(outputs, (word, output, lane) => {
    const interval = intervals[output]?.[lane] ?? { value: Number.NaN, bound: 0 };
    if (isWithin(floatFrom(word), interval)) return undefined;
    const { value, bound } = interval;
    return `${describe(inputs, output, lane)} is ${floatFrom(word)}, not within ${bound} of ${value}`;
  });
}

/** The first word that differs; two NaN are equal, since PTX leaves their payload open. */
export function findDifference(
  kinds: readonly OutputKind[],
  inputs: Warp,
  outputs: Warp,
  expected: Warp,
): string | undefined {
  return firstOf(outputs, (word, output, lane) => {
    const want = expected[output]?.[lane] ?? 0;
    if (word === want || isSameNaN(kinds[output] ?? 'b32', word, want)) return undefined;
    return `${describe(inputs, output, lane)} is ${hex(word)}, not ${hex(want)}`;
  });
}

function isWithin(got: number, { value, bound }: Interval): boolean {
  if (Number.isNaN(value)) return Number.isNaN(got);
  if (bound === 0) return Object.is(got, Math.fround(value));
  return Math.abs(got - value) <= bound;
}

function isSameNaN(kind: OutputKind, a: number, b: number): boolean {
  if (kind === 'b32') return false;
  if (kind === 'f32') return Number.isNaN(floatFrom(a)) && Number.isNaN(floatFrom(b));
  const format = kind === 'f16x2' ? half : bfloat;
  return [0, 16].every((shift) => {
    const [x, y] = [(a >>> shift) & 0xffff, (b >>> shift) & 0xffff];
    return x === y || (Number.isNaN(decode(x, format)) && Number.isNaN(decode(y, format)));
  });
}

function firstOf(
  outputs: Warp,
  judge: (word: number, output: number, lane: number) => string | undefined,
): string | undefined {
  for (const [output, words] of outputs.entries()) {
    for (const [lane, word] of words.entries()) {
      const fault = judge(word, output, lane);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

function describe(inputs: Warp, output: number, lane: number): string {
  return `d${output} of lane ${lane} (${inputs.map((words, index) => `a${index} ${hex(words[lane] ?? 0)}`).join(', ')})`;
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}
