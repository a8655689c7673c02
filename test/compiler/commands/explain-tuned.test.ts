import { describe, expect, test } from 'vitest';
import { explainKernel } from '../../../compiler/commands/explain-kernel.ts';
import type { MeasuredSchedule, TunedReport } from '../../../ir/schedule-choice.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const { manifest } = await compileFixture(tinyLlama);
const kernel = manifest.kernels.find(({ family }) => family === 'linear')!;
const [range] = kernel.explain;
const { chosen, runnersUp } = range!.report;
/** The model's twelfth, which was measured as the fastest. */
const winner = runnersUp.at(-1)!;

function measured(microseconds: number, samples: number): MeasuredSchedule {
  const low = microseconds - 1;
  return { schedule: winner.schedule, microseconds, low, high: microseconds + 1, samples, modelled: 3 };
}

function explainWith(changes: Partial<TunedReport>): string {
  const tuned: TunedReport = {
    device: { kind: 'gpu', name: 'NVIDIA A100', driver: 'CUDA 13.0', software: false },
    ...{ clock: 'cuda-events', tokens: 8, sameTemplates: true, tried: 3, failed: 0 },
    chosen: measured(8, 18),
    // Looked at less often than the others, which is why it was not taken.
    runnersUp: [measured(10, 18), measured(4, 3)],
    ...changes,
  };
  const report = { ...range!.report, chosen: winner, runnersUp: [chosen, ...runnersUp.slice(0, -1)], tuned };
  return explainKernel(manifest, { ...kernel, explain: [{ ...range!, report }] });
}

describe('a kernel that was chosen by measurement', () => {
  const text = explainWith({});
  const lines = text.split('\n');

  test('shows what each time is worth, and what took more or less', () => {
    expect(lines.find((line) => line.includes('8.000 us'))).toMatch(/7\.000-9\.000 \(95 %\) +18 +chosen/);
    expect(lines.find((line) => line.includes('10.00 us'))).toMatch(/\(95 %\) +18 +25\.0 % more/);
    expect(lines.find((line) => line.includes('4.000 us'))).toMatch(/\(range of 3\) +3 +50\.0 % less/);
  });

  test('says of what the model likes better that it does, and of nothing that it is slower by less than 0', () => {
    const less = (100 * (1 - chosen.microseconds / winner.microseconds)).toFixed(1);
    expect(lines.filter((line) => line.includes(`${less} % less`)).length).toBeGreaterThan(0);
    expect(text).not.toMatch(/next best|slower|-\d+\.\d %/);
    const order = lines.slice(lines.findIndex((line) => line.startsWith('by the model alone')));
    const times = order.flatMap(
      (line) => / (\d+\.\d\d) us +(?:chosen|\d+\.\d % (?:more|less)) /.exec(line)?.[1] ?? [],
    );
    expect(times.map(Number)).toEqual(times.map(Number).sort((a, b) => a - b));
    expect(times).toHaveLength(runnersUp.length + 1);
  });

  test('without a GPU is counted, not measured: no spread, no samples', () => {
    const counted = explainWith({
      device: { kind: 'model', name: 'model of A100', driver: '', software: false },
      clock: 'modelled',
    });
    expect(counted).toContain('*modelled*, counted');
    expect(counted).not.toMatch(/95 %|range of|samples/);
  });
});

test('one that the model chose is ranked against the next best', () => {
  const text = explainKernel(manifest, kernel);
  expect(text).toContain('the 12 next best:');
  expect(text).not.toMatch(/-\d+\.\d %/);
});
