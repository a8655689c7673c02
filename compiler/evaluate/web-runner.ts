import type { ActivationDtype } from '../../ir/dtype.ts';
import type { Manifest } from '../../ir/manifest.ts';
import { unwrap } from '../reference/float-model/surround-repetition.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { assert } from '../support/assert.ts';
import type { AdapterSession } from './adapter-session.ts';
import { findSiteStep } from './find-site-kernel.ts';
import { packLinear } from './pack-linear.ts';
import { bytesOfArray, bytesOfValues, type QuantisedBytes, readRows, valuesOfBytes } from './row-bytes.ts';
import type { SiteRunner } from './site-runner.ts';

/** A WebGPU bundle, and what its package calls the linear of a layer, by `layers[].id`. */
export interface WebBundle {
  readonly manifest: Manifest;
  linearOf(layer: string): string;
}

/** Sites as a bundle's package computes them on the adapter at hand. Weights are uploaded once. */
export function createWebRunner(
  { manifest, linearOf }: WebBundle,
  dtype: ActivationDtype,
  session: AdapterSession,
): SiteRunner<QuantisedBytes> {
  const float = narrowFloat(dtype);
  const uploaded = new Set<string>();
  return {
    async quantize({ block, node }, x, { gamma, outlierColumns }) {
      const { site } = unwrap(findSiteStep(manifest, { block, node }));
      const inputs = {
        x: bytesOfValues(x.data, float),
        ...(gamma === undefined ? {} : { gamma: bytesOfValues(gamma, float) }),
        outlier_columns: bytesOfArray(outlierColumns),
      };
      const outputs = ['codes', 'row_meta', ...(outlierColumns.length > 0 ? ['outlier_rows'] : [])];
      const written = unwrap(await session.launch({ site, m: x.rows, inputs, outputs }));
      const { codes = empty, row_meta: rowMeta = empty, outlier_rows: outlierRows = empty } = written;
      return { rows: x.rows, node, outlierColumns, codes, rowMeta, outlierRows };
    },
    async linear(place, { rows, codes, rowMeta, outlierRows }, operands, residual) {
      const step = unwrap(findSiteStep(manifest, place));
      assert(step.kind === 'linear', `${place.node.id} is a linear in the bundle too`);
      const weights = `${place.layer} ${step.layer}`;
      if (!uploaded.has(weights)) {
        const packed = Object.entries(packLinear(place.node, operands, dtype));
        const filled = Object.fromEntries(packed.filter(([, bytes]) => bytes.length > 0));
        unwrap(await session.upload(weights, step.layer, filled));
        uploaded.add(weights);
      }
      const written = await session.launch({
        ...{ site: step.site, linear: { name: linearOf(step.layer), weights }, m: rows },
        inputs: {
          ...{ codes, row_meta: rowMeta },
          ...(outlierRows.length === 0 ? {} : { outlier_rows: outlierRows }),
          ...(residual === undefined ? {} : { residual: bytesOfValues(residual.data, float) }),
        },
        outputs: ['y'],
      });
      return valuesOfBytes(unwrap(written)['y'] ?? empty, rows, operands.weights.n, float);
    },
    reveal: (bytes) => readRows(bytes, float),
    close: async () => session.close(),
  };
}

const empty = new Uint8Array(0);
