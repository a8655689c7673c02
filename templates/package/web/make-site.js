// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { makeBuffers } from './make-buffers.js';
import { makeLaunch, pickKernel, record } from './make-launch.js';

/** @typedef {import('./tables.d.ts').Tables} Tables */
/** @typedef {import('./make-launch.js').Context} Context */
/** @typedef {import('./make-launch.js').Given} Given */
/** @typedef {import('./make-launch.js').Target} Target */
/** @typedef {{ M: number, buffers: Given, linears: Readonly<Record<string, Given>> }} Request */
/** @typedef {Record<string, number>} Sizes */

/**
 * A quantize and the linears that share its result, ready to be recorded.
 * @param {Tables} tables
 * @param {Context} context
 * @param {string} id
 */
export function makeSite(tables, context, id) {
  const table = findSite(tables, id);
  const { device } = context;
  const quantize = makeLaunch(context, `${id}.quantize`, table.quantize, id);
  const linears = mapValues(table.linears, (buckets, name) =>
    makeLaunch(context, `${id}.linears.${name}`, buckets),
  );
  const single = (/** @type {ReturnType<typeof makeLaunch>} */ { prepare }) => ({
    /**
     * @param {Target} target
     * @param {{ M: number, buffers: Given }} request
     */
    encode(target, { M, buffers }) {
      record(device, target, M, () => [prepare(M, buffers)]);
    },
  });
  return {
    quantize: single(quantize),
    linears: mapValues(linears, single),
    /** @param {Request} request */
    run(request) {
      const encoder = device.createCommandEncoder();
      this.encode(encoder, request);
      device.queue.submit([encoder.finish()]);
    },
    /**
     * @param {Target} target
     * @param {Request} request
     */
    encode(target, { M, buffers, linears: given }) {
      for (const name of Object.keys(given)) {
        if (!(name in linears))
          throw new BundleError(
            'buffer',
            `${id}: there is no linear "${name}", there is ${Object.keys(linears).join(', ')}`,
          );
      }
      record(device, target, M, () => {
        const first = quantize.prepare(M, buffers);
        const parts = Object.entries(linears).map(([name, { names, prepare }]) => {
          const own = given[name];
          if (own === undefined)
            throw new BundleError('buffer', `${id}: the buffers of the linear "${name}" are missing`);
          const shared = Object.entries(buffers).filter(
            ([shares]) => names.includes(shares) && quantize.names.includes(shares),
          );
          return prepare(M, { ...own, ...Object.fromEntries(shared) });
        });
        return [first, ...parts];
      });
    },
    /** @param {number} M */
    async createBuffers(M) {
      const sizes = siteBytes(tables, id, M);
      const packed = packedNames(tables, id);
      const own = (/** @type {Sizes} */ all) =>
        Object.fromEntries(
          Object.entries(all).filter(([name]) => !(name in sizes.buffers) && !packed.has(name)),
        );
      /** @type {Record<string, Record<string, GPUBuffer>>} */
      const made = {};
      const buffers = await makeBuffers(device, id, sizes.buffers);
      try {
        for (const [name, all] of Object.entries(sizes.linears))
          made[name] = await makeBuffers(device, `${id}.${name}`, own(all));
      } catch (error) {
        for (const buffer of [buffers, ...Object.values(made)].flatMap(Object.values)) buffer.destroy();
        throw error;
      }
      return { buffers, linears: made };
    },
  };
}

/**
 * Bytes that each buffer of a site takes for up to M tokens: fewer may be another kernel's, with buffers of its own.
 * @param {Tables} tables
 * @param {string} id
 * @param {number} m
 * @returns {{ buffers: Sizes, linears: Record<string, Sizes> }}
 */
export function siteBytes(tables, id, m) {
  const { quantize, linears } = findSite(tables, id);
  const of = (/** @type {import('./tables.d.ts').LaunchTable} */ launch, /** @type {string} */ owner) => {
    const least = launch[0]?.from ?? 1;
    pickKernel(tables.kernels, launch, owner, Math.max(m, least));
    /** @type {Sizes} */
    const sizes = {};
    for (const { from, to, kernel } of launch) {
      if (from > Math.max(m, least)) continue;
      for (const { name, bytes } of tables.kernels[kernel]?.arguments ?? [])
        sizes[name] = Math.max(sizes[name] ?? 0, bytes(Math.min(m, to)));
    }
    return sizes;
  };
  if (!Number.isSafeInteger(m) || m < 0) pickKernel(tables.kernels, quantize, id, m);
  return { buffers: of(quantize, id), linears: mapValues(linears, of) };
}

/**
 * @param {Tables} tables
 * @param {string} id
 */
export function findSite({ sites }, id) {
  const table = Object.hasOwn(sites, id) ? sites[id] : undefined;
  if (table !== undefined) return table;
  throw new BundleError('usage', `there is no site "${id}", the sites are ${Object.keys(sites).join(', ')}`);
}

/**
 * @param {Tables} tables
 * @param {string} site
 */
function packedNames({ layers }, site) {
  return new Set(
    Object.values(layers).flatMap((layer) => (layer.site === site ? Object.keys(layer.bytes) : [])),
  );
}

/**
 * @template T, U
 * @param {Readonly<Record<string, T>>} values
 * @param {(value: T, key: string) => U} change
 * @returns {Record<string, U>}
 */
function mapValues(values, change) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value, key)]));
}
