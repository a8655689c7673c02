import { describe, expect, it } from 'vitest';
import { runTasks } from '../../../compiler/verify/run-tasks.ts';
import type { VerificationJob, VerifyTask } from '../../../compiler/verify/verification.ts';
import { familyOf, linearSpec } from '../../support/kernel-workbench.ts';

const spec = linearSpec(
  { n: 64, k: 64, outliers: 0 },
  { kind: 'tiled', tileN: 64, tileM: 16, tileKBytes: 32, warpsN: 2, warpsM: 1, stages: 2, ctasPerSm: 1 },
);

function task(ptx: string, tokens: readonly number[] = [1]): VerifyTask {
  const job: VerificationJob = {
    id: 'k',
    spec,
    contract: familyOf(spec).contract(spec),
    ptx,
    launches: tokens.map((count) => ({ tokens: count })),
    seed: 1,
  };
  return { kind: 'kernel', job };
}

describe('runTasks', () => {
  it('answers in the order of the tasks and ends its progress at 1', async () => {
    const heard: number[] = [];
    const results = await runTasks(
      [task('no ptx'), task('.version 9.0\n.target sm_80\n.address_size 64\n', [1, 2])],
      {
        onProgress: (fraction) => heard.push(fraction),
      },
    );
    expect(results.map(({ result }) => result.passed)).toEqual([false, false]);
    expect(heard.at(-1)).toBe(1);
  });

  it('turns PTX that it cannot read into a fault with a line, never into a pass', async () => {
    const [result] = await runTasks([
      task('.version 9.0\n.target sm_80\n.visible .entry k() { bogus.u32; }'),
    ]);
    expect(result?.result.faults.join()).toMatch(/the executor cannot run this PTX: line \d+/);
  });

  it('stops between tasks when it is told to', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(runTasks([task('no ptx')], { signal: controller.signal })).rejects.toThrow();
  });
});
