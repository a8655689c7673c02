// Part of a package that quikc wrote; the same in each.

/** @typedef {Required<GPUBufferBinding>} Range */
/** @typedef {import('./tables.d.ts').KernelTable} KernelTable */
/** @typedef {import('./tables.d.ts').DispatchTable} DispatchTable */

/**
 * What a dispatch binds of each of its buffers: of packed weights its shard, of rows of tokens those from `first` on, as many
 * as a launch has at most, so that it depends on M as little as can be.
 * @param {KernelTable} kernel
 * @param {DispatchTable} dispatch
 * @param {readonly Range[]} ranges of all arguments
 * @param {number} first
 * @param {GPUSupportedLimits} limits
 */
export function bindDispatch({ arguments: all, tokensAtOnce }, dispatch, ranges, first, limits) {
  return dispatch.binds.map((index) => {
    const { buffer, offset, size } = /** @type {Range} */ (ranges[index]);
    const [start, bytes] = dispatch.ranges?.[index] ?? [0, limits.maxStorageBufferBindingSize];
    const stride = all[index]?.rowBytes ?? 0;
    const from = start + first * stride;
    const most = stride > 0 ? Math.min(bytes, tokensAtOnce * stride) : bytes;
    return {
      binding: index + 1,
      range: { buffer, offset: offset + from, size: Math.min(size - from, most) },
    };
  });
}

/**
 * A kernel's dispatches for M tokens, in order: all of them for as many tokens as it takes at once, then for the next.
 * @param {KernelTable} kernel
 * @param {number} m
 */
export function planDispatches({ dispatches, tokensAtOnce }, m) {
  const planned = [];
  for (let first = 0; first < m; first += tokensAtOnce) {
    const tokens = Math.min(tokensAtOnce, m - first);
    planned.push(...dispatches.map((dispatch, index) => ({ index, dispatch, first, tokens })));
  }
  return planned;
}
