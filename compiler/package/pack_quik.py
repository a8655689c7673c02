"""Reference packer of a QUIK linear in NumPy: the same bytes as quikc's own. A bundle's layers, one after the other:

    manifest = json.load(open('manifest.json'))
    for layer in manifest['layers']:
        weights = np.concatenate([... for part in layer['parts']])  # float32 [n, k], its parts below each other
        arguments = pack_quik(layer, manifest['dtype'], weights)    # {'weights': bytes, 'column_meta': bytes, ...}

save_packed writes them all to one file, which a bundle's web/ opens.
"""

import json

import numpy as np

SMALLEST = 2.0**-64  # of all scales: an all-zero channel has codes 0


def require(truth, message):
    if not truth:
        raise ValueError(message)


def blocks(rows):
    """[N] packed rows, each a multiple of 32 bytes -> 16 x 256-bit blocks in the order of MMA operand A."""
    rows = np.ascontiguousarray(np.pad(rows, ((0, -len(rows) % 16), (0, 0)))).view(np.uint8)
    # row = 8a + g, byte = 32s + 16b + 4t + c  ->  [block row][s][lane (g, t)][register (b, a)][c]
    split = rows.reshape(len(rows) // 16, 2, 8, rows.shape[1] // 32, 2, 4, 4)  # [n, a, g, s, b, t, c]
    return split.transpose(0, 3, 2, 5, 4, 1, 6).tobytes()


def to_16_bit(values, dtype):
    """float32 -> the bits of 'f16' or 'bf16', to nearest, ties to even; any NaN -> the one quiet NaN."""
    require(dtype in ('f16', 'bf16'), f'{dtype} is neither f16 nor bf16')
    values = np.where(np.isnan(values), np.float32(np.nan), values)
    if dtype == 'f16':
        return values.astype(np.float16).view(np.uint16)
    bits = values.view(np.uint32)
    # bf16 is the upper half: add just under half of its last place, and one more where that place is odd.
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def to_codes(w, s, half):
    return np.clip(np.rint(w / s), -half, half - 1)  # float32; rint takes ties to even


def search_clip(w, full, half):
    """Of one channel's scales full * (1.00, 0.99 ... 0.21), the one with the least sum |w - s code|^2.4 in float64.
    A smaller one must be better by 2^-30 of the sum: more than pow and the order of a sum can make of equal ones."""
    s = np.maximum((np.float64(full) * (1 - np.arange(80) / 100)).astype(np.float32), SMALLEST)[:, None]
    error = (np.abs(w - s.astype(np.float64) * to_codes(w, s, half)) ** 2.4).sum(axis=1)
    best = 0
    for i in range(1, 80):
        if error[i] < error[best] * (1 - 2.0**-30):
            best = i
    return s[best, 0]


def pack_quik(layer, dtype, weights, bias=None, scales=None, outliers=None, repetition=0):
    """layer, dtype: as the manifest has them. weights: float32 [n, k]. bias: [n].
    scales: [n] of your own, e.g. GPTQ's, in place of the layer's rule. outliers: ascending columns, where the layer has
    placeholders. repetition: which repetition's columns, counted from 0, where it lists them one by one."""
    n, k, count, half = layer['n'], layer['k'], layer['outliers']['count'], 2 ** (layer['bits'] - 1)
    weights = np.asarray(weights, np.float32)
    require(weights.shape == (n, k), f"{layer['id']} has weights {n} x {k}, not {weights.shape}")
    if outliers is None:
        lists = layer['outliers']['columns'].get('lists', [[]])  # none: placeholders
        outliers = lists[repetition if len(lists) > 1 else 0]
    outliers = np.asarray(outliers, np.int64)
    columns = np.setdiff1d(np.arange(k), outliers)  # the base columns
    ascending = np.array_equal(outliers, np.setdiff1d(np.arange(k), columns))
    require(ascending and len(outliers) == count, f"{layer['id']} needs {count} ascending outlier columns, not {outliers}")
    base = weights[:, columns]
    s = np.abs(base).max(axis=1, initial=0) / np.float32(half - 1) if scales is None else np.reshape(scales, n)
    s = np.maximum(s, SMALLEST).astype(np.float32)
    require(np.isfinite(base).all() and np.isfinite(s).all(), f"{layer['id']}: a base weight or scale is not finite")
    if scales is None and layer['scale']['clip'] == 'search':
        s = np.array([search_clip(w, full, half) for w, full in zip(base, s)])
    q = to_codes(base, s[:, None], half).astype(np.int8)
    in_place = layer['columnMode'] == 'in-place'  # outlier columns keep their place, with code 0
    codes = np.zeros((n, k if in_place else len(columns)), np.int8)
    codes[:, columns if in_place else slice(None)] = q
    codes = np.pad(codes, ((0, 0), (0, -codes.shape[1] % (256 // layer['bits'])))).view(np.uint8)
    packed = codes if layer['bits'] == 8 else codes[:, 0::2] & 15 | codes[:, 1::2] << 4
    meta = np.zeros((n + -n % 16, 4), np.float32)  # {s_w, R, bias, 0}
    meta[:n, 0], meta[:n, 1] = s, s.astype(np.float64) * q.sum(axis=1, dtype=np.int64)
    meta[:n, 2] = 0 if bias is None else np.reshape(bias, n)
    kept = np.pad(to_16_bit(weights[:, outliers], dtype), ((0, 0), (0, -count % 16)))
    return {'weights': blocks(packed), 'column_meta': meta.tobytes(), 'outlier_weights': blocks(kept)}


def save_packed(path, manifest, packed):
    """A safetensors file of what pack_quik returned; `packed` has it by (id of the layer, repetition)."""
    layers = {layer['id']: layer for layer in manifest['layers']}
    header, parts, at = {}, [], 0
    for (layer_id, repetition), arguments in packed.items():
        name = name_of(layers[layer_id], repetition)
        for argument, data in arguments.items():
            if len(data) > 0:
                header[f'{name}.{argument}'] = {'dtype': 'U8', 'shape': [len(data)], 'data_offsets': [at, at + len(data)]}
                parts.append(data)
                at += len(data)
    specs = {layer['id']: spec_of(layer, manifest['dtype']) for layer in manifest['layers']}
    metadata = {'format': 'quikc-packed-1', 'model': manifest['model'], 'specs': json.dumps(specs)}
    text = json.dumps({'__metadata__': metadata, **header}).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        for part in (len(text).to_bytes(8, 'little'), text, *parts):
            file.write(part)


def name_of(layer, repetition):
    """The model's name of a repetition: the layer's, with a number in place of the range."""
    if 'repeat' not in layer:
        return layer['name']
    first, count = layer['repeat']['first'], layer['repeat']['count']
    node = layer['id'].split('/', 1)[1]
    numbers = f'{first}-{first + count - 1}' if count > 1 else f'{first}'
    return layer['name'].removesuffix(f'{numbers}.{node}') + f'{first + repetition}.{node}'


def spec_of(layer, dtype):
    """All that packed bytes depend on but the weights."""
    return f"w{layer['bits']} n{layer['n']} k{layer['k']} f{layer['outliers']['count']} {layer['columnMode']} {dtype}"
