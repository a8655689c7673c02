// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { toSliceable } from './byte-source.js';
import { parseObject, readHeader, refuse } from './read-header.js';
import { findLayer } from './upload-weights.js';

/** @typedef {import('./tables.d.ts').Tables} Tables */
/** @typedef {import('./tables.d.ts').LayerTable} LayerTable */

const format = 'quikc-packed-1';

/**
 * A safetensors file of packed weights. Its header is read and checked here; tensors when they are uploaded.
 * @param {Tables} tables
 * @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} source
 */
export async function openSafetensors(tables, source) {
  const file = await toSliceable(source);
  const { metadata, tensors } = await readHeader(file);
  const [found, model] = [metadata.get('format'), metadata.get('model')];
  if (found !== format) refuse(`its metadata has the format ${found}, expected ${format}`);
  if (model !== tables.model) refuse(`it has weights of the model ${model}, this is ${tables.model}`);
  const specs = parseObject(metadata.get('specs') ?? '{}');
  return {
    model: tables.model,
    /**
     * @param {string} layer
     * @param {number} [number]
     */
    weights(layer, number) {
      const table = findLayer(tables, layer);
      checkNumber(layer, table, number);
      const spec = specs[layer];
      if (spec !== table.spec) refuse(`it has ${layer} packed for "${spec}", this is "${table.spec}"`);
      const entries = Object.entries(table.bytes).map(([argument, bytes]) => {
        const name = `${table.name.join(`${number}`)}.${argument}`;
        const tensor = tensors.get(name);
        if (tensor === undefined) return refuse(`it has no tensor ${name}`);
        const { dtype, start, end } = tensor;
        if (dtype !== 'U8' || end - start !== bytes)
          refuse(`${name} is ${end - start} bytes of ${dtype}, expected ${bytes} of U8`);
        return [argument, file.slice(start, end)];
      });
      return Object.fromEntries(entries);
    },
  };
}

/**
 * @param {string} layer
 * @param {LayerTable} table
 * @param {number | undefined} number
 */
function checkNumber(layer, { first, last }, number) {
  if (first === undefined || last === undefined) {
    if (number === undefined) return;
    throw new BundleError('usage', `${layer} is one layer and has no number, not ${number}`);
  }
  if (Number.isInteger(number) && Number(number) >= first && Number(number) <= last) return;
  throw new BundleError('usage', `${layer} is packed for the layers ${first} to ${last}, not for ${number}`);
}
