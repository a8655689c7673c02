// Part of a package that quikc wrote; the same in each.
import { bindDispatch, planDispatches } from './bind-dispatch.js';

/**
 * Records a look at the rows that a quantize wrote, as many at a time as it writes.
 * @param {import('./make-launch.js').Context} context
 * @param {string} site
 * @param {import('./tables.d.ts').KernelTable} kernel
 * @param {readonly Required<GPUBufferBinding>[]} ranges
 * @param {number} m
 * @returns {(pass: GPUComputePassEncoder) => void}
 */
export function checkRows(context, site, kernel, ranges, m) {
  const { device, finite } = context;
  return (pass) => {
    if (finite === undefined) return;
    for (const { dispatch, first, tokens } of planDispatches(kernel, m)) {
      const bound = bindDispatch(kernel, dispatch, ranges, first, device.limits);
      for (const checked of finite.checked(kernel)) {
        const place = kernel.arguments.findIndex(({ name }) => name === checked.argument);
        const range = bound.find(({ binding }) => binding === place + 1)?.range;
        if (range !== undefined) finite.record(pass, context, site, checked, { range, first, tokens });
      }
    }
  };
}
