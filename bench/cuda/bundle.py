"""A quikc bundle called from PyTorch, through nothing but the CUDA driver.

What a caller has to do is all here: load a kernel's machine code or PTX, evaluate the manifest's formulas at M, launch
with its arguments in order. Weights are packed with torch, to the bytes of quikc's own pack_quik.py.
"""

import ctypes
import json
import math
import os

import torch

SHARED_LIMIT = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
SMALLEST = 2.0**-64  # of all scales: an all-zero channel has codes 0
TORCH = {'f16': torch.float16, 'bf16': torch.bfloat16, 'f32': torch.float32, 's32': torch.int32, 'u32': torch.int32}
_driver = None


def driver(name, *arguments):
    """Calls one function of libcuda in torch's context."""
    global _driver
    if _driver is None:
        torch.cuda.current_stream()
        _driver = ctypes.CDLL('libcuda.so.1')
    status = getattr(_driver, name)(*arguments)
    if status != 0:
        raise RuntimeError(f'{name}: CUDA error {status}')


def evaluate(formula, m):
    """A formula of the manifest at M tokens."""
    (kind, value), = formula.items()
    if kind == 'const':
        return value
    if kind == 'M':
        return m
    terms = [evaluate(term, m) for term in value]
    if kind == 'ceilDiv':
        return -(-terms[0] // terms[1])
    return {'add': sum, 'mul': math.prod, 'min': min, 'max': max}[kind](terms)


class Kernel:
    """One kernel of a bundle: launch(m, {argument: tensor}) on torch's current stream."""

    def __init__(self, folder, entry):
        self.entry, launch = entry, entry['launch']
        # Machine code where it is for this very GPU; the driver compiles PTX for any.
        kind = 'cubin' if entry['target'] == 'sm{}{}'.format(*torch.cuda.get_device_capability()) else 'ptx'
        with open(os.path.join(folder, entry['files'][kind]['path']), 'rb') as file:
            image = file.read() + b'\0'
        module, self.function = ctypes.c_void_p(), ctypes.c_void_p()
        driver('cuModuleLoadData', ctypes.byref(module), image)
        driver('cuModuleGetFunction', ctypes.byref(self.function), module, entry['symbol'].encode())
        driver('cuFuncSetAttribute', self.function, SHARED_LIMIT, launch['dynamicSharedBytes'])

    def launch(self, m, tensors):
        launch = self.entry['launch']
        values = [
            ctypes.c_int32(m) if a['kind'] == 'token-count' else ctypes.c_void_p(tensors[a['name']].data_ptr())
            for a in self.entry['arguments']
        ]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(value) for value in values])
        grid = [evaluate(extent, m) for extent in launch['grid']]
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        driver('cuLaunchKernel', self.function, *grid, *launch['block'], launch['dynamicSharedBytes'], stream, pointers, None)


class Bundle:
    """A bundle's manifest and its kernels, each loaded when it is first used."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, 'manifest.json')) as file:
            self.manifest = json.load(file)
        self.entries = {entry['id']: entry for entry in self.manifest['kernels']}
        self.kernels = {}

    def kernel(self, name):
        if name not in self.kernels:
            self.kernels[name] = Kernel(self.folder, self.entries[name])
        return self.kernels[name]

    def launches(self, site, m):
        """The kernels of a site for M tokens, in order."""
        found = next(entry for entry in self.manifest['sites'] if entry['id'] == site)
        bucket = next(b for b in found['buckets'] if b['from'] <= m <= b.get('to', m))
        return [self.kernel(launch['kernel']) for launch in bucket['launches']]


def blocks(rows):
    """[N, bytes] packed rows -> 16 x 256-bit blocks in the order of MMA operand A (pack_quik.py has the same)."""
    rows = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % 16)).contiguous().view(torch.uint8)
    split = rows.reshape(len(rows) // 16, 2, 8, rows.shape[1] // 32, 2, 4, 4)
    return split.permute(0, 3, 2, 5, 4, 1, 6).contiguous().reshape(-1)


def pack(layer, weight, columns):
    """A layer's packed arguments from its weights [N, K]; scales are max |w| over the largest code, without a search."""
    n, k, half = layer['n'], layer['k'], 2 ** (layer['bits'] - 1)
    device = weight.device
    kept = torch.zeros(k, dtype=torch.bool, device=device)
    kept[columns.long()] = True
    base = weight[:, ~kept].float()
    scale = (base.abs().amax(1) / (half - 1)).clamp(min=SMALLEST)
    q = (base / scale[:, None]).round().clamp(-half, half - 1)
    meta = torch.zeros((n + -n % 16, 4), dtype=torch.float32, device=device)
    meta[:n, 0], meta[:n, 1] = scale, (scale.double() * q.double().sum(1)).float()
    if layer['columnMode'] == 'in-place':
        codes = torch.zeros((n, k), dtype=torch.int8, device=device)
        codes[:, ~kept] = q.to(torch.int8)
    else:
        codes = q.to(torch.int8)
    codes = torch.nn.functional.pad(codes, (0, -codes.shape[1] % (256 // layer['bits'])))
    packed = codes if layer['bits'] == 8 else (codes[:, 0::2] & 15) | (codes[:, 1::2] << 4)
    outliers = torch.nn.functional.pad(weight[:, kept].half(), (0, -int(kept.sum()) % 16))
    return {'weights': blocks(packed), 'column_meta': meta, 'outlier_weights': blocks(outliers)}


class Site:
    """A linear with its quantize, weights packed: run(x [M, K] fp16) -> y [M, N]; the parts apart as stages(x).

    What the bundle has fused is run: an RMS norm (gamma 1), silu(gate) * up (gate 1), a residual (0). effective(x) is the
    input of the linear in float64, after all that.
    """

    def __init__(self, bundle, site, weight, seed=0):
        self.bundle, self.site = bundle, site
        self.layer = next(layer for layer in bundle.manifest['layers'] if layer['site'] == site)
        n, k, count = self.layer['n'], self.layer['k'], self.layer['outliers']['count']
        device = weight.device
        generator = torch.Generator(device=device).manual_seed(seed)
        order = torch.randperm(k, generator=generator, device=device)
        columns = order[:count].sort().values.to(torch.int32)
        gamma = torch.ones(k, dtype=torch.float16, device=device)
        self.fixed = {**pack(self.layer, weight, columns), 'outlier_columns': columns, 'gamma': gamma}
        self.made = {}
        self.prologue = self.launches(1)[0].entry['spec']['problem']['prologue']

    def launches(self, m):
        return self.bundle.launches(self.site, m)

    def effective(self, x):
        if self.prologue['op'] == 'rms-norm':
            x = x.double()
            return x * (x.square().mean(1, keepdim=True) + self.prologue['eps']).rsqrt()
        return x.double()

    def buffers(self, x):
        """All arguments, made once for each M; a workspace is zeros, and left so by its kernel."""
        m = x.shape[0]
        if m not in self.made:
            one = torch.ones_like(x)
            silu = torch.nn.functional.silu(one[:1, :1].float()).item()
            joined = torch.cat([one, (x.float() / silu).half()], 1) if self.prologue['op'] == 'silu-mul' else x
            tensors = {**self.fixed, 'x': joined}
            for kernel in self.launches(m):
                for argument in kernel.entry['arguments']:
                    if argument['kind'] == 'buffer' and argument['name'] not in tensors:
                        dtype = torch.float16 if argument['name'] == 'y' else torch.uint8
                        count = evaluate(argument['bytes'], m) // dtype.itemsize
                        tensors[argument['name']] = torch.zeros(count, dtype=dtype, device=x.device)
            self.made = {m: tensors}
        return self.made[m]

    def stages(self, x):
        m = x.shape[0]
        tensors = self.buffers(x)
        y = tensors['y'].view(m, self.layer['n'])

        def part(kernel):
            def run():
                kernel.launch(m, tensors)
                return y

            return run

        return {kernel.entry['family']: part(kernel) for kernel in self.launches(m)}

    def run(self, x):
        for stage in self.stages(x).values():
            y = stage()
        return y
