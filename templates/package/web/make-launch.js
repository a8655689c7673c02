// Part of a package that quikc wrote; the same in each.

import { bindDispatch, planDispatches } from './bind-dispatch.js';
import { BundleError } from './bundle-error.js';
import { checkBindings } from './check-bindings.js';
import { checkRows } from './check-rows.js';
import { assertAlive } from './watch-device.js';

/** @typedef {import('./tables.d.ts').LaunchTable} LaunchTable */
/** @typedef {import('./tables.d.ts').KernelTable} KernelTable */
/** @typedef {import('./compile-kernels.js').Compiled} Compiled */
/** @typedef {Readonly<Record<string, GPUBuffer | GPUBufferBinding | undefined>>} Given */
/**
 * What every launch of a device shares.
 * @typedef {object} Context
 * @property {GPUDevice} device
 * @property {Readonly<Record<string, KernelTable>>} kernels
 * @property {ReadonlyMap<string, readonly Compiled[]>} compiled
 * @property {import('./uniform-values.js').UniformValues} uniforms
 * @property {import('./bind-groups.js').BindGroups} bindGroups
 * @property {import('./check-finite.js').FiniteCheck | undefined} finite absent where nobody wants it
 */
/** @typedef {GPUCommandEncoder | GPUComputePassEncoder} Target */

/**
 * One launch of a site: `prepare` checks and returns what records it, so that nothing is recorded where a check fails.
 * @param {Context} context
 * @param {string} owner
 * @param {LaunchTable} table
 * @param {string} [checkedSite] of a quantize: the site under whose name its rows are checked
 */
export function makeLaunch(context, owner, table, checkedSite) {
  const names = launchNames(context.kernels, table);
  /**
   * @param {number} m
   * @param {Given} given
   * @returns {(pass: GPUComputePassEncoder) => void}
   */
  const prepare = (m, given) => {
    const { id, kernel } = pickKernel(context.kernels, table, owner, m);
    const { device } = context;
    const ranges = checkBindings(owner, kernel, given, names, m, device.limits);
    const compiled = context.compiled.get(id);
    if (compiled === undefined) throw new BundleError('kernel', `${id} was not compiled`);
    const dispatches = planDispatches(kernel, m).map(({ index, dispatch, first, tokens }) => {
      const workgroups = dispatch.workgroups(tokens);
      const most = device.limits.maxComputeWorkgroupsPerDimension;
      if (workgroups.some((count) => count > most))
        throw new BundleError(
          'tokens',
          `${owner}: M = ${m} takes ${workgroups.join(' x ')} workgroups, ${most} a side are allowed`,
        );
      const bound = bindDispatch(kernel, dispatch, ranges, first, device.limits);
      return { made: /** @type {Compiled} */ (compiled[index]), dispatch, tokens, workgroups, bound };
    });
    return (pass) => {
      for (const { made, dispatch, tokens, workgroups, bound } of dispatches) {
        const { firstBlock } = dispatch;
        const last = kernel.arguments.length + 1;
        const uniforms = [
          { binding: 0, ...context.uniforms.place(tokens) },
          ...(firstBlock === undefined ? [] : [{ binding: last, ...context.uniforms.place(firstBlock) }]),
        ];
        const offsets = uniforms.map(({ offset }) => offset);
        pass.setPipeline(made.pipeline);
        pass.setBindGroup(0, context.bindGroups.get(made.layout, uniforms, bound), offsets);
        pass.dispatchWorkgroups(...workgroups);
      }
      if (checkedSite !== undefined) checkRows(context, checkedSite, kernel, ranges, m)(pass);
    };
  };
  return { names, prepare };
}

/**
 * Records launches: into a pass, or into one of their own in a command encoder. Nothing is submitted.
 * @param {GPUDevice} device
 * @param {Target} target
 * @param {number} m
 * @param {() => readonly ((pass: GPUComputePassEncoder) => void)[]} prepare
 */
export function record(device, target, m, prepare) {
  assertAlive(device);
  if (m === 0) return;
  const launches = prepare();
  const pass = 'dispatchWorkgroups' in target ? target : target.beginComputePass();
  for (const launch of launches) launch(pass);
  if (pass !== target) pass.end();
}

/**
 * The kernel that serves M tokens.
 * @param {Readonly<Record<string, KernelTable>>} kernels
 * @param {LaunchTable} table
 * @param {string} owner
 * @param {number} m
 */
export function pickKernel(kernels, table, owner, m) {
  if (!Number.isSafeInteger(m) || m < 0)
    throw new BundleError('tokens', `${owner}: M = ${m} is no count of tokens`);
  const bucket = table.find(({ from, to }) => m >= from && m <= to);
  const kernel = bucket && kernels[bucket.kernel];
  if (kernel === undefined) {
    const [first, last] = [table[0]?.from, table.at(-1)?.to];
    throw new BundleError('tokens', `${owner}: M = ${m} is not served, only ${first} to ${last}`);
  }
  return { id: bucket?.kernel ?? '', kernel };
}

/**
 * Names of the buffers that the kernels of a launch have, in the order of the first to have each.
 * @param {Readonly<Record<string, KernelTable>>} kernels
 * @param {LaunchTable} table
 */
export function launchNames(kernels, table) {
  return [
    ...new Set(table.flatMap(({ kernel }) => kernels[kernel]?.arguments.map(({ name }) => name) ?? [])),
  ];
}
