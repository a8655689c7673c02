// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { findMissing, findMissingOfDevice, findMissingOfLanguage } from './find-missing.js';

/** @typedef {import('./tables.d.ts').BundleTables} BundleTables */
/** @typedef {import('./find-missing.js').Language} Language */

/**
 * Names of the variants that `adapter` can run, the best first.
 * @param {BundleTables} tables
 * @param {GPUAdapter | null | undefined} adapter
 * @param {Language} gpu
 */
export function supportedVariants({ variants }, adapter, gpu) {
  return Object.keys(variants)
    .filter((name) => findMissing(findVariant(variants, name), adapter, gpu).length === 0)
    .reverse();
}

/**
 * The variant named, or the best of those that `device` was made for.
 * @param {BundleTables} tables
 * @param {GPUDevice} device
 * @param {string | undefined} wanted
 * @param {Language} gpu
 */
export function chooseVariant({ variants }, device, wanted, gpu) {
  if (wanted === undefined && gpu === undefined && asksOfLanguage(variants)) {
    const [least] = Object.keys(variants);
    throw new BundleError(
      'usage',
      `which variant is best cannot be told without navigator.gpu: give \`gpu\`, what the adapter was asked of, or name a variant ("${least}" runs anywhere)`,
    );
  }
  const names = wanted === undefined ? Object.keys(variants).reverse() : [wanted];
  /** @type {string[]} */
  let missing = [];
  for (const name of names) {
    const needs = findVariant(variants, name);
    missing = [
      ...findMissingOfDevice(needs, device, device.adapterInfo),
      ...findMissingOfLanguage(needs, gpu),
    ];
    if (missing.length === 0) return name;
  }
  const ask = `give variants${wanted === undefined ? '' : `['${wanted}']`} to requestDevice`;
  throw new BundleError(
    'unsupported',
    `the device was made without what the kernels need (${ask}): ${missing.join('; ')}`,
  );
}

/** @param {BundleTables['variants']} variants */
function asksOfLanguage(variants) {
  return Object.values(variants).some(({ languageFeatures }) => languageFeatures.length > 0);
}

/**
 * @param {BundleTables['variants']} variants
 * @param {string} name
 */
export function findVariant(variants, name) {
  const needs = Object.hasOwn(variants, name) ? variants[name] : undefined;
  if (needs !== undefined) return needs;
  const known = Object.keys(variants).join(', ');
  throw new BundleError('usage', `there is no variant "${name}", the variants are ${known}`);
}

/**
 * The sites with the kernels of all variants: for what must do for any of them.
 * @param {BundleTables} tables
 * @returns {import('./tables.d.ts').Tables}
 */
export function tablesOfAll({ sites: byVariant, ...rest }) {
  const all = Object.values(byVariant);
  const [first = {}] = all;
  const sites = Object.entries(first).map(([id, { linears }]) => [
    id,
    {
      quantize: all.flatMap((sites) => sites[id]?.quantize ?? []),
      linears: Object.fromEntries(
        Object.keys(linears).map((name) => [name, all.flatMap((sites) => sites[id]?.linears[name] ?? [])]),
      ),
    },
  ]);
  return { ...rest, sites: Object.fromEntries(sites) };
}

/**
 * What a variant's sites are made by.
 * @param {BundleTables} tables
 * @param {string} name
 * @returns {import('./tables.d.ts').Tables}
 */
export function tablesOf({ sites, ...rest }, name) {
  return { ...rest, sites: sites[name] ?? {} };
}
