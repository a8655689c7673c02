import { assert } from '../support/assert.ts';
import { countElements } from './stored-tensor.ts';
import { safetensorsFormats } from './tensor-format.ts';

export interface TensorLayout {
  readonly name: string;
  /** By the format's name: F32, I8, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Where a tensor's bytes go, counted from the end of the header. */
export interface PlacedTensor {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsLayout {
  /** Length, JSON and spaces up to a multiple of 8. */
  readonly header: Uint8Array;
  readonly places: readonly PlacedTensor[];
}

/**
 * The header of a safetensors file, metadata by key. Tensors of wide elements come first, those of equal width as they are
 * given: each then begins at a multiple of its element's size, which PyTorch's reader asks for.
 */
export function layOutSafetensors(
  tensors: readonly TensorLayout[],
  metadata: Readonly<Record<string, string>>,
): SafetensorsLayout {
  const sized = tensors.map((tensor) => {
    const format = safetensorsFormats.get(tensor.dtype);
    const elements = countElements(tensor.shape);
    assert(format !== undefined && elements !== undefined, `${tensor.name} is a tensor`);
    return { ...tensor, width: format.bytes, bytes: elements * format.bytes };
  });
  const ordered = sized.toSorted((a, b) => b.width - a.width);
  let end = 0;
  const places = ordered.map(({ name, bytes }) => {
    const begin = end;
    end += bytes;
    return { name, begin, end };
  });
  const names = new Set(['__metadata__', ...places.map(({ name }) => name)]);
  assert(names.size === places.length + 1, 'every tensor has a name of its own');
  const sorted = Object.keys(metadata).toSorted();
  const entries: (readonly [string, unknown])[] =
    sorted.length === 0
      ? []
      : [['__metadata__', Object.fromEntries(sorted.map((key) => [key, metadata[key]]))]];
  ordered.forEach(({ name, dtype, shape }, index) => {
    const { begin = 0, end: last = 0 } = places[index] ?? {};
    entries.push([name, { dtype, shape, data_offsets: [begin, last] }]);
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return { header, places };
}
