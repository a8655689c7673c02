"""The linear layers quikc is measured against: QUIK, Marlin, cuBLAS.

Each maker prepares random weights in the peer's own layout and returns a Peer:
  peer.run(x)        x [M, K] fp16 on the device -> y [M, N]; launches on torch's
                     current stream, does not synchronise, and allocates only at
                     the first call with a given M, so it can be captured in a
                     CUDA graph after one warm-up call. y is overwritten by the
                     next call with the same M.
  peer.reference(x)  the same layer in fp64, from the same quantised weights.
  peer.stages(x)     the parts of run, in order, as {name: function()}.

Needs PyTorch and peers.so (build-peers.sh), beside this file or where
QUIKC_PEERS_LIBRARY points. Run as a program, it prints error and time.
"""

import ctypes
import os
import sys

import torch

INT, POINTER = ctypes.c_int, ctypes.c_void_p
SIGNATURES = {
    'quik_quantize_split': [POINTER] * 7 + [INT] * 5 + [POINTER],
    'quik_quantize_meta': [POINTER] * 6 + [INT] * 5 + [POINTER],
    'quik_gemm_fused': [POINTER] * 8 + [INT] * 4 + [POINTER],
    'quik_gemm_int32': [POINTER] * 3 + [INT] * 4 + [POINTER],
    'quik_dequantize': [POINTER] * 6 + [INT] * 4 + [POINTER],
    'marlin_linear': [POINTER] * 5 + [INT] * 5 + [POINTER],
}
_library = None


def library():
    """peers.so, loaded once."""
    global _library
    if _library is None:
        beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peers.so')
        _library = ctypes.CDLL(os.environ.get('QUIKC_PEERS_LIBRARY', beside))
        for name, arguments in SIGNATURES.items():
            function = getattr(_library, name)
            function.argtypes, function.restype = arguments, INT
    return _library


def call(name, *arguments):
    """Calls one function of peers.so on torch's current stream."""
    pointers = [a.data_ptr() if isinstance(a, torch.Tensor) else a for a in arguments]
    status = getattr(library(), name)(*pointers, torch.cuda.current_stream().cuda_stream)
    if status != 0:
        raise RuntimeError(f'{name} failed with status {status} (1000 + n: CUDA error n)')


class Peer:
    """A layer: stages(x) -> {name: function()}, the last of which returns y."""

    def __init__(self, name, stages, reference):
        self.name, self.stages, self.reference = name, stages, reference

    def run(self, x):
        for stage in self.stages(x).values():
            y = stage()
        return y

    __call__ = run


def per_m(make):
    """Remembers make(m), so that buffers are made once for each M."""
    made = {}

    def buffers(m):
        if m not in made:
            made[m] = make(m)
        return made[m]

    return buffers


def random_weight(n, k, device, seed):
    generator = torch.Generator(device=device).manual_seed(seed)
    weight = torch.randn((n, k), generator=generator, device=device) * 0.02
    return weight.half(), generator


def pack_nibbles(codes):
    """[N, K] int8 in [-8, 7] -> [N, K / 2] bytes, the even element low."""
    nibbles = (codes & 15).to(torch.uint8)
    return (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).contiguous()


def quik_linear(n, k, outliers=256, bits=4, device='cuda', fused=True, strides=1, seed=0):
    """QUIK's linear: asymmetric activations, `outliers` columns in FP16.

    fused: the GEMM that dequantises in its epilogue (the paper's version 3),
    else int32 GEMM and a separate kernel (version 2). The epilogue computes in
    fp16, where int8 accumulators overflow: expect infinities from fused 8-bit
    layers. strides: NUM_STRIDES_PER_THREAD_QUANTIZE (QUIK's default 1, its
    paper tunes it). The outlier GEMM is torch's, as in QUIK.
    reference(x, quantise=False) leaves the activations in fp16.
    """
    base, alignment = k - outliers, {4: 32, 8: 16}[bits]
    if base % alignment or n % 8:
        raise ValueError(f'{bits} bits need (k - outliers) % {alignment} == 0 and n % 8 == 0')
    weight, generator = random_weight(n, k, device, seed)
    columns = torch.randperm(k, generator=generator, device=device)
    fp_columns, int_columns = columns[:outliers].contiguous(), columns[outliers:].sort().values.contiguous()
    base_weight = weight[:, int_columns].float()
    largest, levels = 2 ** (bits - 1) - 1, 2**bits - 1
    scale = (base_weight.abs().amax(1, keepdim=True) / largest).half()
    codes = (base_weight / scale.float()).round().clamp(-largest - 1, largest).to(torch.int8)
    reduced = (codes.float() * scale.float()).sum(1).half()
    packed = pack_nibbles(codes) if bits == 4 else codes.contiguous()
    fp_weight = weight[:, fp_columns].contiguous()
    del weight, base_weight

    def make(m):
        def half(*shape):
            return torch.zeros(shape, dtype=torch.float16, device=device)

        made = {
            'q': torch.empty((m, packed.shape[1]), dtype=packed.dtype, device=device),
            'fp_x': half(m, outliers), 'y': half(m, n), 'd': half(m, n),
        }
        if fused:
            made.update(zero=half(m), scale=half(m))
        else:
            made.update(meta=half(m, 2), c=torch.empty((m, n), dtype=torch.int32, device=device))
        return made

    buffers = per_m(make)

    def stages(x):
        m = x.shape[0]
        b = buffers(m)

        def quantise():
            results = (b['zero'], b['scale']) if fused else (b['meta'],)
            name = 'quik_quantize_split' if fused else 'quik_quantize_meta'
            call(name, x, int_columns, fp_columns, b['q'], *results, b['fp_x'], m, base, outliers, bits, strides)

        def outlier_gemm():
            torch.mm(b['fp_x'], fp_weight.t(), out=b['y'])

        def fused_gemm():
            call('quik_gemm_fused', b['q'], packed, b['scale'], scale, b['zero'], reduced,
                 b['y'], b['d'], m, n, base, bits)
            return b['d']

        def gemm():
            call('quik_gemm_int32', b['q'], packed, b['c'], m, n, base, bits)

        def dequantise():
            call('quik_dequantize', b['c'], b['meta'], scale, reduced, b['y'], b['d'], m, n, bits, 1)
            return b['d']

        # y stays zero where there is no outlier, as QUIK's cached zeros do.
        parts = {'quantise': quantise}
        if outliers:
            parts['outlier_gemm'] = outlier_gemm
        return {**parts, 'fused_gemm': fused_gemm} if fused else {**parts, 'gemm': gemm, 'dequantise': dequantise}

    def reference(x, quantise=True):
        xi = x[:, int_columns]
        if quantise:
            zero = xi.amin(1, keepdim=True)
            step = ((xi.amax(1, keepdim=True).float() - zero.float()) / levels).clamp(min=1e-6).half()
            code = ((xi - zero) / step).float().round().clamp(0, levels)
            xi = code.double() * step.double() + zero.double()
        y = xi.double() @ (codes.double() * scale.double()).t()
        return y + x[:, fp_columns].double() @ fp_weight.double().t()

    return Peer(f"quik-{bits}b{'' if fused else '-unfused'}", stages, reference)


def marlin_permutations():
    """Marlin's order of the 1024 codes of a 16 x 64 tile, and of the scales.

    Of every tile a lane holds the mma fragment of B: rows 2 (lane % 4) + 0, 1,
    8, 9 of columns lane / 4 and 8 further on, for four 16-column tiles.
    """
    codes = []
    for lane in range(32):
        for tile in range(4):
            held = [256 * tile + 16 * (2 * (lane % 4) + row) + lane // 4 + 8 * block
                    for block in (0, 1) for row in (0, 1, 8, 9)]
            codes += [held[i] for i in (0, 2, 4, 6, 1, 3, 5, 7)]
    grouped = [i + 8 * j for i in range(8) for j in range(8)]
    single = [2 * i + j for i in range(4) for j in (0, 1, 8, 9, 16, 17, 24, 25)]
    return codes, grouped, single


def marlin_pack(codes):
    """[K, N] codes 0..15 -> [K / 16, 2 N] int32 in Marlin's layout."""
    k, n = codes.shape
    order = torch.tensor(marlin_permutations()[0], device=codes.device)
    tiles = codes.reshape(k // 16, 16, n // 16, 16).permute(0, 2, 1, 3).reshape(-1, 1024)
    nibbles = tiles[:, order].reshape(k // 16, 2 * n, 8).long()
    words = sum(nibbles[:, :, i] << (4 * i) for i in range(8))
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32).contiguous()


def marlin_linear(n, k, group=128, device='cuda', seed=0):
    """Marlin: FP16 x symmetric INT4, group 128 or -1 (one scale per column)."""
    if n % 256 or k % 128 or group not in (-1, 128):
        raise ValueError('Marlin needs n % 256 == 0, k % 128 == 0 and group 128 or -1')
    weight = random_weight(n, k, device, seed)[0].t().float()
    rows = k if group == -1 else group
    grouped = weight.reshape(k // rows, rows, n)
    scale = (grouped.abs().amax(1) * (2 / 15)).half()
    codes = ((grouped / scale.float()[:, None]).round() + 8).clamp(0, 15).reshape(k, n).to(torch.int8)
    packed = marlin_pack(codes)
    order = marlin_permutations()[2 if group == -1 else 1]
    scales = scale.reshape(-1, len(order))[:, order].reshape(-1, n).contiguous()
    # 16 is Marlin's max_par; the kernel needs zeros and leaves zeros.
    workspace = torch.zeros(n // 128 * 16, dtype=torch.int32, device=device)
    del weight, grouped
    buffers = per_m(lambda m: torch.empty((m, n), dtype=torch.float16, device=device))
    index = torch.device(device).index or 0

    def stages(x):
        y = buffers(x.shape[0])

        def gemm():
            call('marlin_linear', x, packed, y, scales, workspace, x.shape[0], n, k, group, index)
            return y

        return {'gemm': gemm}

    def reference(x):
        weights = (codes.double() - 8).reshape(k // rows, rows, n) * scale.double()[:, None]
        return x.double() @ weights.reshape(k, n)

    return Peer(f'marlin-g{group}', stages, reference)


def fp16_linear(n, k, device='cuda', seed=0):
    """torch's FP16 linear (cuBLAS): F.linear without its allocation."""
    weight = random_weight(n, k, device, seed)[0]
    buffers = per_m(lambda m: torch.empty((m, n), dtype=torch.float16, device=device))
    return Peer(
        'torch-fp16',
        lambda x: {'gemm': lambda: torch.mm(x, weight.t(), out=buffers(x.shape[0]))},
        lambda x: x.double() @ weight.double().t(),
    )


def int8_gemm(n, k, device='cuda', seed=0):
    """torch._int_mm (cuBLASLt INT8), the GEMM alone: int8 codes in, int32 out.

    x gives only M: the codes are random. torch wants more than 16 rows, so
    fewer are padded to 32.
    """
    generator = torch.Generator(device=device).manual_seed(seed)

    def random_codes(rows):
        return torch.randint(-127, 128, (rows, k), generator=generator, device=device, dtype=torch.int8)

    weight = random_codes(n)

    def make(m):
        rows = max(m, 32)
        return random_codes(rows), torch.empty((rows, n), dtype=torch.int32, device=device)

    buffers = per_m(make)

    def stages(x):
        a, c = buffers(x.shape[0])
        return {'gemm': lambda: torch._int_mm(a, weight.t(), out=c)[: x.shape[0]]}

    def reference(x):
        return (buffers(x.shape[0])[0].double() @ weight.double().t())[: x.shape[0]]

    return Peer('torch-int8-gemm', stages, reference)


def error(y, reference):
    """Relative error in the Frobenius norm over the finite values, and the
    fraction of values that are not finite."""
    finite = torch.isfinite(y)
    difference = torch.where(finite, y.double() - reference, 0)
    return (difference.norm() / reference.norm()).item(), 1 - finite.double().mean().item()


def graph_time(run, x, repeats=20):
    """Median microseconds of run(x), replayed from a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            run(x)
    times = []
    for _ in range(7):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1000 / repeats)
    return sorted(times)[len(times) // 2]


def main():
    shapes = [tuple(map(int, a.split('x'))) for a in sys.argv[1:]] or [(4096, 4096), (4096, 11008)]
    for n, k in shapes:
        makers = [
            lambda: fp16_linear(n, k),
            lambda: int8_gemm(n, k),
            lambda: marlin_linear(n, k, 128),
            lambda: marlin_linear(n, k, -1),
            *[lambda b=b, f=f: quik_linear(n, k, 256, b, fused=f) for b in (8, 4) for f in (True, False)],
        ]
        for make in makers:
            peer = make()
            for m in (1, 16, 256, 2048):
                x = torch.randn((m, k), device='cuda').half()
                try:
                    relative, broken = error(peer.run(x), peer.reference(x))
                    time = graph_time(peer.run, x)
                    print(f'{n}x{k} M={m} {peer.name}: {time:.1f} us, error {relative:.2e}, not finite {broken:.2%}')
                except RuntimeError as failure:
                    print(f'{n}x{k} M={m} {peer.name}: {failure}')
            del peer
            torch.cuda.empty_cache()


if __name__ == '__main__':
    main()
