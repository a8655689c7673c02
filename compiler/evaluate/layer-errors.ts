import type { Comparison } from '../families/family.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';

/** How far a linear is from what it was before it was quantised, and its kernel from the oracle, on the oracle's inputs. */
export interface LayerError {
  /** The model's names of it, e.g. `layers.3.self_attn.qkv_proj`. */
  readonly layer: string;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly outliers: number;
  /** Root of sum (y - y_float)² / sum y_float², without the residual; absent where no float weights are at hand. */
  readonly quantised?: number;
  readonly kernels?: KernelError;
}

/** Of the kernels of a quantize and its linear. */
export interface KernelError {
  /** Root of sum (y - y_oracle)² / sum y_oracle²: of codes that may differ by one near a tie, and of FP32. */
  readonly fromOracle: number;
  /** Values compared with the float64 oracle within derived bounds, and those outside: none, if the kernels are right. */
  readonly compared: number;
  readonly outside: number;
  /** The largest error as a part of its own bound, of the linear. */
  readonly worst: number;
  readonly faults: readonly string[];
}

/** Facts of a linear that do not change from window to window. */
export type LayerFacts = Pick<LayerError, 'layer' | 'n' | 'k' | 'bits' | 'outliers'>;

interface Sums {
  readonly facts: LayerFacts;
  readonly float: Deviation;
  readonly oracle: Deviation;
  compared: number;
  outside: number;
  worst: number;
  readonly faults: string[];
}

interface Deviation {
  error: number;
  size: number;
}

const mostFaults = 3;

/** Adds up over all windows, layer by layer. */
export class LayerErrors {
  private readonly layers = new Map<string, Sums>();

  /** y against what the float weights give. */
  addFloat(facts: LayerFacts, y: Matrix, expected: Matrix): void {
    deviate(this.sumsOf(facts).float, y, expected);
  }

  /** y of the kernels against the oracle's, and what comparing their results within bounds came to. */
  addKernels(facts: LayerFacts, y: Matrix, expected: Matrix, rows: Comparison, linear: Comparison): void {
    const sums = this.sumsOf(facts);
    deviate(sums.oracle, y, expected);
    sums.worst = Math.max(sums.worst, linear.worst);
    for (const { elements, failures, worstAt } of [rows, linear]) {
      sums.compared += elements;
      sums.outside += failures;
      if (failures > 0 && sums.faults.length < mostFaults) sums.faults.push(worstAt);
    }
  }

  /** In the order in which layers were first seen. */
  report(): readonly LayerError[] {
    return [...this.layers.values()].map(({ facts, float, oracle, compared, outside, worst, faults }) => ({
      ...facts,
      ...(float.size > 0 ? { quantised: Math.sqrt(float.error / float.size) } : {}),
      ...(compared > 0
        ? { kernels: { fromOracle: relative(oracle), compared, outside, worst, faults } }
        : {}),
    }));
  }

  private sumsOf(facts: LayerFacts): Sums {
    const known = this.layers.get(facts.layer);
    if (known !== undefined) return known;
    const none = () => ({ error: 0, size: 0 });
    const sums = { facts, float: none(), oracle: none(), compared: 0, outside: 0, worst: 0, faults: [] };
    this.layers.set(facts.layer, sums);
    return sums;
  }
}

function relative({ error, size }: Deviation): number {
  return size > 0 ? Math.sqrt(error / size) : 0;
}

function deviate(sums: Deviation, { data }: Matrix, { data: expected }: Matrix): void {
  for (let i = 0; i < data.length; i++) {
    const wanted = expected[i] ?? 0;
    sums.error += ((data[i] ?? 0) - wanted) ** 2;
    sums.size += wanted ** 2;
  }
}
