import type { ActivationDtype } from '../../ir/dtype.ts';
import type { QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { layerName } from '../../ir/graph.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { type Matrix, makeMatrix } from '../reference/float-model/matrix.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { unwrap } from '../reference/float-model/surround-repetition.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import type { EvaluatePool } from './evaluate-pool.ts';
import { judgeLinear, judgeRows } from './judge-site.ts';
import type { LayerErrors, LayerFacts } from './layer-errors.ts';
import type { LinearOperands } from './linear-operands.ts';
import { multiplyCodes, quantiseRows, runPrologues } from './oracle-runner.ts';
import type { QuantisedBytes } from './row-bytes.ts';
import type { Place, QuantisedRows, QuantizeOperands, SiteRunner } from './site-runner.ts';

/** Kernels to be held against the oracle. */
export interface MeasuredKernels {
  readonly runner: SiteRunner<QuantisedBytes>;
  kernelOf(place: Place<QuantizeNode | QuikLinearNode>, m: number): ManifestKernel;
}

export interface MeasureOptions {
  readonly dtype: ActivationDtype;
  readonly pool: EvaluatePool;
  readonly errors: LayerErrors;
  /** Float weights by the references of the graph. */
  readonly float?: ReadWeight<Diagnostic> | undefined;
  readonly kernels?: MeasuredKernels | undefined;
}

/** A quantize's input and what was made of it. */
interface MeasuredRows {
  /** After the prologue. */
  readonly x: Matrix;
  readonly oracle: QuantisedRows;
  readonly kernels?: {
    readonly bytes: QuantisedBytes;
    readonly judged: ReturnType<typeof judgeRows>;
  };
}

/** The oracle, which goes on with its own results, and looks beside each at float weights and at kernels on equal inputs. */
export function createMeasuringRunner(options: MeasureOptions): SiteRunner<MeasuredRows> {
  const { dtype, pool, errors, float, kernels } = options;
  const format = narrowFloat(dtype);

  async function runKernels(place: Place<QuantizeNode>, x: Matrix, operands: QuantizeOperands) {
    if (kernels === undefined) return {};
    const bytes = await kernels.runner.quantize(place, x, operands);
    return { kernels: { bytes, judged: judgeRows(kernels.kernelOf(place, x.rows), x, operands, bytes) } };
  }

  return {
    async quantize(place, given, operands) {
      const x = runPrologues(place.node, given, operands.gamma, format);
      const oracle = quantiseRows(place.node, x, operands.outlierColumns);
      return { x, oracle, ...(await runKernels(place, given, operands)) };
    },
    async linear(place, rows, operands, residual) {
      const y = multiplyCodes(dtype, pool, rows.oracle, operands, residual);
      const facts = factsOf(place, operands);
      if (float !== undefined) {
        const alone =
          residual === undefined ? y : multiplyCodes(dtype, pool, rows.oracle, operands, undefined);
        errors.addFloat(facts, alone, multiplyFloat(place, rows.x, float, pool));
      }
      if (kernels !== undefined && rows.kernels !== undefined) {
        const { bytes, judged } = rows.kernels;
        const made = await kernels.runner.linear(place, bytes, operands, residual);
        const kernel = kernels.kernelOf(place, y.rows);
        const compared = judgeLinear(kernel, kernels.runner.reveal(bytes), operands, residual, made);
        errors.addKernels(facts, made, y, judged, compared);
      }
      return y;
    },
    reveal: ({ oracle }) => oracle,
    close: async () => kernels?.runner.close(),
  };
}

function factsOf(
  { block, layer, node }: Place<QuikLinearNode>,
  { weights: { n, k, bits, outlierColumns } }: LinearOperands,
): LayerFacts {
  return { layer: layerName(block, node.id, layer), n, k, bits, outliers: outlierColumns.length };
}

function multiplyFloat(
  { layer, node }: Place<QuikLinearNode>,
  x: Matrix,
  read: ReadWeight<Diagnostic>,
  { multiply }: EvaluatePool,
): Matrix {
  const out = makeMatrix(
    x.rows,
    node.parts.reduce((sum, { n }) => sum + n, 0),
  );
  let offset = 0;
  for (const { n, weight, bias } of node.parts) {
    if (weight === undefined) continue;
    const added = bias === undefined ? undefined : unwrap(read(bias, layer));
    multiply(x, unwrap(read(weight, layer)), added, out, offset);
    offset += n;
  }
  return out;
}
