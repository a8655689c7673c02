import type { ActivationDtype } from '../../ir/dtype.ts';
import type { QuikLinearNode } from '../../ir/graph.ts';
import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import { diagnose } from '../diagnostics/codes.ts';
import { NodeFault, unwrap } from '../reference/float-model/surround-repetition.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { type EvaluatePool, noPool } from './evaluate-pool.ts';
import { findSiteKernel } from './find-site-kernel.ts';
import { type Buffers, launchPtx } from './launch-ptx.ts';
import type { LinearOperands } from './linear-operands.ts';
import { packLinear } from './pack-linear.ts';
import { bytesOfArray, bytesOfValues, type QuantisedBytes, readRows, valuesOfBytes } from './row-bytes.ts';
import type { Place, SiteRunner } from './site-runner.ts';

/** A CUDA bundle, and the PTX of each of its kernels. */
export interface PtxBundle {
  readonly manifest: Manifest;
  ptxOf(kernel: ManifestKernel): string;
}

/** Sites as the PTX of a bundle computes them, executed on the CPU, whole grids. */
export function createPtxRunner(
  { manifest, ptxOf }: PtxBundle,
  dtype: ActivationDtype,
  pool: Pick<EvaluatePool, 'threads' | 'runPtx' | 'room'> = noPool,
): SiteRunner<QuantisedBytes> {
  const float = narrowFloat(dtype);
  const packed = new Map<string, Buffers>();
  const packOnce = (place: Place<QuikLinearNode>, operands: LinearOperands): Buffers => {
    const name = `${place.block.name} ${place.layer} ${place.node.id}`;
    const made = packed.get(name) ?? packLinear(place.node, operands, dtype);
    packed.set(name, made);
    return made;
  };
  const launch = (place: Parameters<typeof findSiteKernel>[1], m: number, inputs: Buffers): Buffers => {
    const kernel = unwrap(findSiteKernel(manifest, place, m));
    const launched = launchPtx(kernel, ptxOf(kernel), m, inputs, pool);
    if (launched.ok) return launched.value;
    throw new NodeFault(diagnose('QK710', { message: launched.error }));
  };
  return {
    async quantize({ block, node }, x, { gamma, outlierColumns }) {
      const written = launch({ block, node }, x.rows, {
        x: bytesOfValues(x.data, float),
        ...(gamma === undefined ? {} : { gamma: bytesOfValues(gamma, float) }),
        outlier_columns: bytesOfArray(outlierColumns),
      });
      const { codes = empty, row_meta: rowMeta = empty, outlier_rows: outlierRows = empty } = written;
      return { rows: x.rows, node, outlierColumns, codes, rowMeta, outlierRows };
    },
    async linear(place, { rows, codes, rowMeta, outlierRows }, operands, residual) {
      const written = launch(place, rows, {
        ...packOnce(place, operands),
        ...{ codes, row_meta: rowMeta, outlier_rows: outlierRows },
        ...(residual === undefined ? {} : { residual: bytesOfValues(residual.data, float) }),
      });
      return valuesOfBytes(written['y'] ?? empty, rows, operands.weights.n, float);
    },
    reveal: (bytes) => readRows(bytes, float),
    close: () => Promise.resolve(),
  };
}

const empty = new Uint8Array(0);
