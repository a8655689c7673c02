import { expect, test } from 'vitest';
import { lowerGraph } from '../../../compiler/lower/lower-graph.ts';
import { runPasses } from '../../../compiler/passes/run-passes.ts';
import type { PlannedBlock } from '../../../ir/plan.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { cpuMilliseconds } from '../../support/cpu-milliseconds.ts';
import { explicit, importGraph } from '../load-fixture.ts';

/** Small numbers from a seed, the same on every machine. */
function dice(seed: number): (sides: number) => number {
  let state = seed * 2654435761 + 1;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0;
    return ((state >>> 8) & 0xffff) % sides;
  };
}

interface Value {
  readonly name: string;
  readonly features: number;
}

/** A sound model of random nodes: what is left unread at the end is added up. */
function randomModel(seed: number): object {
  const roll = dice(seed);
  const nodes: object[] = [];
  const values: Value[] = [{ name: 'input', features: 64 }];
  const unread = new Set<string>();
  const pick = (): Value => values[Math.max(0, values.length - 1 - roll(4))] ?? values[0]!;
  const emit = (features: number, fields: Record<string, unknown>, reads: readonly Value[]): Value => {
    const value = { name: `n${nodes.length}`, features };
    for (const { name } of reads) unread.delete(name);
    nodes.push({ name: value.name, ...fields });
    values.push(value);
    unread.add(value.name);
    return value;
  };
  const linear = (from: Value, out: number): Value => {
    const scheme = ['quik-4b', 'quik-4b', 'quik-4b', 'quik-8b', 'f16'][roll(5)];
    const count = [0, 0, 8, 17, from.features][roll(5)];
    const fields = {
      op: 'linear',
      input: from.name,
      in: from.features,
      out,
      scheme,
      outliers: { count },
      bias: roll(2) === 0,
    };
    return emit(out, fields, [from]);
  };
  linear(values[0]!, 64);
  for (let step = 2 + roll(14); step > 0; step--) {
    const x = pick();
    const same = values.filter(({ features }) => features === x.features);
    const y = same[roll(same.length)] ?? x;
    switch (roll(9)) {
      case 0:
        emit(x.features, { op: ['rms-norm', 'layer-norm'][roll(2)], input: x.name, eps: 1e-5 }, [x]);
        break;
      case 1:
        emit(x.features, { op: 'add', a: x.name, b: y.name }, [x, y]);
        break;
      case 2:
        emit(x.features, { op: 'gated-activation', kind: 'silu', gate: x.name, up: y.name }, [x, y]);
        break;
      case 3:
        emit(x.features, { op: 'activation', kind: 'gelu', input: x.name }, [x]);
        break;
      case 4:
        emit(
          x.features,
          { op: 'attention', q: x.name, k: y.name, v: y.name, heads: 2, kvHeads: 2, headDim: x.features / 2 },
          [x, y],
        );
        break;
      default:
        // Two on one input, so that merging has something to do.
        linear(x, [64, 96, 32][roll(3)] ?? 64);
        if (roll(2) === 0) linear(x, 64);
    }
  }
  let sum = emit(64, { op: 'rms-norm', input: 'input', eps: 1e-5 }, [values[0]!]);
  for (const value of values.filter(({ name }) => unread.has(name) && name !== sum.name)) {
    const term = value.features === 64 ? value : linear(value, 64);
    sum = emit(64, { op: 'add', a: sum.name, b: term.name }, [sum, term]);
  }
  return explicit(nodes, { name: 'layers', repeat: 1 + roll(3) });
}

/** Runs the steps on slots that remember who wrote them last: a read of anything else is a fault of the plan. */
function findClobbered(block: PlannedBlock): readonly string[] {
  const holds = new Map<number, number>([[block.buffers[block.input]!.slot, block.input]]);
  const faults: string[] = [];
  const read = (buffer: number, by: string) => {
    if (holds.get(block.buffers[buffer]!.slot) !== buffer)
      faults.push(`${by} reads ${block.buffers[buffer]!.name}, overwritten`);
  };
  const write = (buffer: number) => holds.set(block.buffers[buffer]!.slot, buffer);
  const given = (list: readonly (number | undefined)[]) => list.filter((index) => index !== undefined);
  for (const step of block.steps) {
    const [reads, writes] =
      step.kind === 'quantize'
        ? [[step.input], given([step.codes, step.meta, step.outliers])]
        : step.kind === 'linear'
          ? [given([step.codes, step.meta, step.outliers, step.residual]), [step.output]]
          : [step.reads.map(({ buffer }) => buffer), [step.output]];
    for (const buffer of reads) read(buffer, step.node);
    for (const buffer of writes) {
      for (const other of reads) {
        if (block.buffers[other]!.slot === block.buffers[buffer]!.slot)
          faults.push(`${step.node} writes what it reads`);
      }
      write(buffer);
    }
  }
  read(block.output, 'the end');
  return faults;
}

test('random models pass, lower, and keep every value until its last reader', () => {
  let fused = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const passed = runPasses(importGraph(randomModel(seed)));
    if (!passed.ok) throw new Error(`seed ${seed}: ${JSON.stringify(passed.error)}`);
    const lowered = lowerGraph(passed.value.graph, sm80, () => ({ supported: true }));
    const { blocks } = passed.value.graph;
    if (!blocks.some(({ nodes }) => nodes.some(({ op }) => op === 'quik-linear'))) {
      expect(lowered).toMatchObject({ ok: false, error: [{ code: 'QK303' }] });
      continue;
    }
    if (!lowered.ok) throw new Error(`seed ${seed}: ${JSON.stringify(lowered.error)}`);
    const { plan, problems } = lowered.value;
    expect([seed, ...plan.blocks.flatMap(findClobbered)]).toEqual([seed]);
    fused += problems.filter(
      ({ problem }) => problem.family === 'linear' && problem.epilogue.length > 0,
    ).length;
    fused += problems.filter(
      ({ problem }) => problem.family === 'quantize' && problem.prologue.op !== 'none',
    ).length;
  }
  // The generator is worth its name only if fusion happens.
  expect(fused).toBeGreaterThan(300);
});

test('a block of thousands of nodes takes no time that grows out of hand', () => {
  const nodes = Array.from({ length: 1365 }, (_, i) => {
    const from = i === 0 ? 'input' : `sum${i - 1}`;
    return [
      { name: `norm${i}`, op: 'rms-norm', input: from, eps: 1e-5 },
      { name: `proj${i}`, op: 'linear', input: `norm${i}`, in: 64, out: 64, outliers: { count: 8 } },
      { name: `sum${i}`, op: 'add', a: from, b: `proj${i}` },
    ];
  }).flat();
  const started = cpuMilliseconds();
  const passed = runPasses(importGraph(explicit(nodes)));
  const lowered = passed.ok ? lowerGraph(passed.value.graph, sm80, () => ({ supported: true })) : passed;
  // About a second; what is guarded against is cubic work.
  expect(cpuMilliseconds() - started).toBeLessThan(6000);
  expect(lowered.ok && lowered.value.plan.sites).toHaveLength(1);
});
