import { describe, expect, test } from 'vitest';
import { judgeProbe } from './judge-probe.ts';
import { fromBytes, toBytes } from './probe-bytes.ts';
import { inputCount } from './probe-module.ts';
import { probes } from './probes.ts';
import { runOnExecutor } from './run-on-executor.ts';

describe('each probe, on the PTX executor, gives what the PTX ISA says', () => {
  test.each(probes)('$name', (probe) => {
    for (const seed of [1, 2]) {
      const bytes = toBytes(probe.rounds);
      const { outputs, violations } = runOnExecutor(probe, bytes, seed);
      expect(violations).toEqual([]);
      const results = fromBytes(outputs, probe.outputs.length);
      expect(results).toHaveLength(probe.rounds.length);
      expect(fromBytes(bytes, inputCount(probe))).toEqual(probe.rounds);
      const faults = probe.rounds.map((inputs, round) => judgeProbe(probe, inputs, results[round] ?? []));
      expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    }
  });
});

test('every probe has its own name and says what it covers', () => {
  expect(new Set(probes.map(({ name }) => name)).size).toBe(probes.length);
  for (const { name, covers, body } of probes) {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    for (const spelling of covers)
      expect(body.includes(spelling) || spelling === 'st.shared.v4.u32').toBe(true);
  }
});
