import type { TunedTrial, TuningRecord } from '../../../ir/tuning-record.ts';

const digest = 'ab'.repeat(32);

/** A trial of a quantize schedule that took about `microseconds`, or fell. */
export function aTrial(threads: number, result: number | 'build' | 'verify' | 'time', count = 3): TunedTrial {
  const schedule = { kind: 'row' as const, threads, ctasPerSm: 1 };
  if (typeof result === 'string')
    return { schedule, modelled: 5, outcome: 'failed', stage: result, reason: `fell at ${result}` };
  const samples = Array.from({ length: count }, (_, index) => result + index / 100);
  return { schedule, modelled: 5, outcome: 'timed', samples };
}

/** A record of a GPU, with some of it changed. */
export function aRecord(changes: Partial<TuningRecord> = {}): TuningRecord {
  return {
    format: 1,
    target: 'sm80',
    problem: { hash: digest, family: 'quantize', description: 'quantize a4 192' },
    tokens: { from: 1, at: 2048 },
    device: { kind: 'gpu', name: 'NVIDIA A100', driver: 'CUDA 13.0', software: false, smCount: 108 },
    toolchain: { tool: 'nvcc', version: '13.0', identity: digest },
    policy: { clock: 'cuda-events', rotatedBytes: 1, launchesPerTrial: 3, finalists: 5 },
    provenance: { quikc: '0.1.0', templatesDigest: digest },
    search: { legal: 4, seed: 1, milliseconds: 100, complete: true },
    trials: [aTrial(64, 10), aTrial(32, 20), aTrial(128, 'verify')],
    ...changes,
  };
}
