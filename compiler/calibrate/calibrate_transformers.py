"""Calibration statistics of a model for quikc, gathered by PyTorch and transformers: for models too large for `quikc calibrate`.

    python calibrate_transformers.py MODEL --tokens ids.bin -o calibration.safetensors [--window 512] [--grams]
    python calibrate_transformers.py MODEL --text book.txt -o calibration.safetensors
    python calibrate_transformers.py --act-scales act_scales.pt -o act_scales.safetensors

MODEL is a folder, or a name on the hub. The file is the one that `quikc calibrate` writes, docs/quantising.md: maxima of |x| for
each linear's input x, with and without the first token of each window, and with --grams the products X^T X (float32 a window,
added up in float64; all of them in memory at once). Needs torch, transformers and NumPy.
"""

import argparse
import json
import os
import re
import sys

import numpy as np

FORMAT = 'quikc-calibration-1'
WIDTHS = {'F64': 8, 'F32': 4}


def require(truth, message):
    if not truth:
        sys.exit(f'error: {message}')


def save_safetensors(path, arrays, metadata):
    """As quikc writes it: wide elements first, the header padded to 8 bytes, the file in its place when it is whole."""
    dtypes = {'float64': 'F64', 'float32': 'F32'}
    placed, end = {}, 0
    entries = sorted(arrays.items(), key=lambda entry: -entry[1].dtype.itemsize)
    for name, array in entries:
        placed[name] = {
            'dtype': dtypes[str(array.dtype)],
            'shape': list(array.shape),
            'data_offsets': [end, end + array.nbytes],
        }
        end += array.nbytes
    header = ({'__metadata__': dict(sorted(metadata.items()))} if metadata else {}) | placed
    text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
    text += b' ' * (-len(text) % 8)
    scratch = f'{path}.{os.getpid()}.partial'
    try:
        with open(scratch, 'wb') as file:
            file.write(len(text).to_bytes(8, 'little') + text)
            for _, array in entries:
                file.write(np.ascontiguousarray(array).astype(array.dtype.newbyteorder('<'), copy=False).data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        if os.path.exists(scratch):
            os.remove(scratch)


def layer_names(module):
    """quikc's names of a linear of transformers: what stands before the layers is left out, and what is fused is taken apart."""
    name = re.sub(r'^(?:.*\.)?(?=(?:layers|h)\.\d+\.|(?:lm_head|project_in|project_out)$)', '', module)
    stem, _, leaf = name.rpartition('.')
    if leaf == 'query_key_value':
        return [f'{stem}.{part}_proj' for part in 'qkv']
    return [name]


class Statistics:
    """Of one input that linears read: [K]."""

    def __init__(self, torch, x, grams):
        k = x.shape[-1]
        self.torch = torch
        self.abs_max = torch.zeros(k, dtype=torch.float32, device=x.device)
        self.rest = torch.zeros_like(self.abs_max)
        self.gram = torch.zeros(k, k, dtype=torch.float64, device=x.device) if grams else None

    def add(self, x):
        """x: [tokens of a window, K], the first token first."""
        sizes = x.abs().float()
        self.abs_max = self.torch.maximum(self.abs_max, sizes.amax(dim=0))
        if len(x) > 1:
            self.rest = self.torch.maximum(self.rest, sizes[1:].amax(dim=0))
        if self.gram is not None:
            x = x.float()
            self.gram += (x.T @ x).double()


def gather(torch, model, windows, grams, progress):
    """Statistics by the first name of the linears that read a value, and who shares them. windows: ids [count, window]."""
    statistics, shares, seen = {}, {}, []

    def hook(module, inputs, name):
        x = inputs[0]
        # Linears are given the same tensor where they read the same value. Held, so that no other takes its place in memory.
        first = next((other for tensor, other in seen if tensor is x), None)
        names = layer_names(name)
        if first is None:
            seen.append((x, names[0]))
            del seen[:-8]
            first = names[0]
            require(first not in shares, f'{first} reads another value from window to window')
            if first not in statistics:
                statistics[first] = Statistics(torch, x, grams)
            statistics[first].add(x.reshape(-1, x.shape[-1]))
        for other in names:
            if other != first:
                require(shares.setdefault(other, first) == first, f'{other} reads another value from window to window')

    linears = [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    require(linears, 'the model has no torch.nn.Linear')
    for name, module in linears:
        module.register_forward_pre_hook(lambda module, inputs, name=name: hook(module, inputs, name))
    device = next(model.parameters()).device
    with torch.inference_mode():
        for index, ids in enumerate(windows):
            model(input_ids=torch.from_numpy(ids.astype(np.int64))[None].to(device), use_cache=False)
            seen.clear()
            progress((index + 1) / len(windows))
    return statistics, shares


def save_calibration(path, model, ids, window, statistics, shares):
    arrays = {}
    for name, found in statistics.items():
        require(bool(found.torch.isfinite(found.abs_max).all()), f'the input of {name} is not finite')
        arrays[f'{name}.absmax'] = found.abs_max.cpu().numpy()
        arrays[f'{name}.absmax_rest'] = found.rest.cpu().numpy()
        if found.gram is not None:
            arrays[f'{name}.gram'] = found.gram.cpu().numpy()
    metadata = {
        'format': FORMAT,
        'model': model,
        'tokens': str(ids.size),
        'window': str(window),
        'shares': json.dumps(shares, separators=(',', ':')),
    }
    save_safetensors(path, arrays, metadata)


def convert_act_scales(torch, source, output):
    """SmoothQuant's act_scales.pt, a dict of tensors, as safetensors. weights_only: no object of the file is run."""
    scales = torch.load(source, map_location='cpu', weights_only=True)
    require(isinstance(scales, dict) and scales, f'{source} holds no dict of tensors')
    for name, scale in scales.items():
        require(isinstance(name, str) and torch.is_tensor(scale) and scale.dim() == 1, f'{name!r} is no [K] of maxima')
    save_safetensors(output, {name: scale.float().numpy() for name, scale in scales.items()}, {})


def read_ids(options, vocab, window):
    if options.tokens is not None:
        require(os.path.getsize(options.tokens) % 2 == 0, f'{options.tokens} is no file of uint16')
        ids = np.fromfile(options.tokens, '<u2').astype(np.int64)
    else:
        from transformers import AutoTokenizer

        with open(options.text, encoding='utf-8') as file:
            text = file.read()
        encoded = AutoTokenizer.from_pretrained(options.model)(text, add_special_tokens=False)
        ids = np.array(encoded['input_ids'], np.int64)
    ids = ids[: options.max_tokens]
    ids = ids[: len(ids) - len(ids) % window].reshape(-1, window)
    require(len(ids) > 0, f'there is no whole window of {window} tokens')
    require(ids.max() < vocab, f'token {ids.max()} is none of {vocab}')
    return ids


def show_progress(fraction):
    if sys.stderr.isatty():
        print(f'\rcalibrating: {int(100 * fraction)} %', end='\n' if fraction == 1 else '', file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('model', nargs='?', help='folder of a model, or its name on the hub')
    parser.add_argument('--tokens', help='token ids as little-endian uint16')
    parser.add_argument('--text', help="a text, cut by the model's tokenizer")
    parser.add_argument('--act-scales', help="SmoothQuant's act_scales.pt, to convert instead")
    parser.add_argument('--window', type=int, help='tokens that the model sees at once (default: 512, or its context)')
    parser.add_argument('--max-tokens', type=int)
    parser.add_argument('--grams', action='store_true')
    parser.add_argument('--dtype', default='float32', choices=['float32', 'float16', 'bfloat16'], help='to compute in')
    parser.add_argument('--device-map', help='as transformers takes it, e.g. auto (needs accelerate); default: the CPU')
    parser.add_argument('-o', '--output', required=True)
    options = parser.parse_args()

    import torch

    if options.act_scales is not None:
        convert_act_scales(torch, options.act_scales, options.output)
        return
    given = [source for source in (options.tokens, options.text) if source is not None]
    if options.model is None or len(given) != 1 or (options.window is not None and options.window < 1):
        parser.error('give a model, one of --tokens and --text, and a --window from 1 on')
    from transformers import AutoModelForCausalLM

    torch.backends.cuda.matmul.allow_tf32 = False
    placed = {} if options.device_map is None else {'device_map': options.device_map}
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype), **placed).eval()
    context = getattr(model.config, 'max_position_embeddings', sys.maxsize)
    window = options.window or min(512, context)
    require(window <= context, f'a window of {window} tokens, where the model takes {context}')
    ids = read_ids(options, model.config.vocab_size, window)
    statistics, shares = gather(torch, model, ids, options.grams, show_progress)
    name = os.path.basename(os.path.abspath(options.model))
    save_calibration(options.output, name, ids, window, statistics, shares)
    print(f'{options.output}: {len(statistics) + len(shares)} linears, {ids.size} tokens in windows of {window}')


if __name__ == '__main__':
    main()
