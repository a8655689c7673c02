"""quikc's linears beside QUIK's and cuBLAS' on one GPU, in one process.

  bench/cuda/peers/build-peers.sh <quik> <marlin> <cutlass> bench/cuda/peers/peers.so
  quikc compile examples/llama-2-7b/model.json --target sm90 [--scheme quik-8b] -o <folder>, for both schemes
  python3 bench/cuda/side_by_side.py <quik-4b bundle> <quik-8b bundle> [results.json]

Layers of LLaMA-2-7B. quikc's kernels are the bundle's, with what is fused into them: RMS norm or silu * up before the
quantise, the residual after the product; the peers do without. Each contestant holds so many copies of its weights that
going through them finds L2 cold; a CUDA graph runs it once on each. Graphs of all contestants are replayed in rounds of
shuffled order; figures are medians of the rounds.
"""

import datetime
import json
import os
import random
import subprocess
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peers'))
import bundle as quikc  # noqa: E402
import peers  # noqa: E402

# Site, N, K, outlier columns of QUIK's 4-bit and 8-bit layers.
LAYERS = [('o_proj', 4096, 4096, 256, 256), ('gate_up_proj', 22016, 4096, 256, 256), ('down_proj', 4096, 11008, 256, 688)]
TOKENS = [int(m) for m in os.environ.get('TOKENS', '1,8,16,64,256,1024,2048,4096').split(',')]
ROUNDS = int(os.environ.get('ROUNDS', '15'))
ONLY = os.environ.get('ONLY', '')  # contestants whose name contains it


def contestants(site, n, k, f4, f8, bundles):
    """[(name, bytes of weights, maker of a copy)]"""

    def own(bundle):
        return lambda seed: quikc.Site(bundle, site, peers.random_weight(n, k, 'cuda', seed)[0], seed)

    def theirs(maker, *rest, **named):
        return lambda seed: maker(n, k, *rest, seed=seed, **named)

    four, eight = bundles
    made = [('quikc w8a8', n * k, own(eight))]
    if site != 'down_proj':  # 8-bit in QUIK-4B too
        made += [('quikc w4a4', n * k / 2, own(four)), ('QUIK-4B', n * k / 2, theirs(peers.quik_linear, f4, 4))]
    made += [
        ('QUIK-8B', n * k, theirs(peers.quik_linear, f8, 8, fused=False)),
        ('QUIK-8B fused', n * k, theirs(peers.quik_linear, f8, 8)),
        ('cuBLAS fp16', n * k * 2, theirs(peers.fp16_linear)),
        ('cuBLAS int8', n * k, theirs(peers.int8_gemm)),
    ]
    # Marlin's kernel ends with an illegal instruction on compute capability 9.0, and with it all that follows.
    if torch.cuda.get_device_capability() < (9, 0):
        made.append(('Marlin g128', n * k / 2, theirs(peers.marlin_linear, 128)))
    return [entry for entry in made if ONLY in entry[0]]


def capture(runs):
    """A CUDA graph of functions run once each, warmed up."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for run in runs:
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for run in runs:
            run()
    return graph


def measure(graphs):
    """Microseconds of each graph: the median over rounds, every round in an order of its own."""
    times = {name: [] for name in graphs}
    order = list(graphs)
    for turn in range(ROUNDS + 2):
        random.shuffle(order)
        for name in order:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            graphs[name].replay()
            end.record()
            end.synchronize()
            if turn >= 2:
                times[name].append(start.elapsed_time(end) * 1000)
    return {name: sorted(values)[len(values) // 2] for name, values in times.items()}


def measure_point(copies, x, weight):
    """One M of one layer: {part: microseconds}, {contestant: (error, share that is not finite)}."""
    graphs, counts, errors = {}, {}, {}
    for name, layers in copies.items():
        try:
            first = layers[0]
            effective = first.effective(x) if hasattr(first, 'effective') else x.double()
            errors[name] = peers.error(first.run(x), effective @ weight.t())
            parts = {name: [lambda layer=layer: layer.run(x) for layer in layers]}
            if name.startswith('quikc'):
                for stage in first.stages(x):
                    parts[f'{name} {stage}'] = [layer.stages(x)[stage] for layer in layers]
            for part, runs in parts.items():
                graphs[part], counts[part] = capture(runs), len(runs)
        except RuntimeError as failure:
            print(f'M={x.shape[0]} {name}: {failure}')
    times = measure(graphs)
    return {part: times[part] / counts[part] for part in times}, errors


def to_markdown(results):
    """The table of results.md: microseconds, and quikc's time as a multiple of speed over each peer."""
    peers_shown = ['QUIK-4B', 'QUIK-8B', 'QUIK-8B fused', 'cuBLAS fp16', 'cuBLAS int8']
    lines = [
        f"* {results['gpu']}, driver {results['driver']}; PyTorch {results['torch']}; {results['date']}; {results['rounds']} rounds",
        f"* quikc bundles: {', '.join(results['bundles'])}",
        '',
        '| layer | M | quikc | us | quantise | linear | TOPS | GB/s | error | ' + ' | '.join(peers_shown) + ' |',
        '|---' * (9 + len(peers_shown)) + '|',
    ]
    for point in results['points']:
        us, n, k, m = point['us'], point['n'], point['k'], point['m']
        for name in ('quikc w4a4', 'quikc w8a8'):
            if name not in us:
                continue
            linear, bits = us[f'{name} linear'], int(name[7])
            figures = [f'{us[name]:.1f}', f"{us[f'{name} quantize']:.1f}", f'{linear:.1f}', f'{2 * n * k * m / linear / 1e6:.0f}',
                       f'{n * k * bits / 8 / linear / 1e3:.0f}', f"{point['error'][name][0]:.1e}"]
            ratios = [f'{us[peer] / us[name]:.2f}x ({us[peer]:.1f})' if peer in us else '' for peer in peers_shown]
            lines.append(f"| {point['site']} {n} x {k} | {m} | {name[6:]} | " + ' | '.join(figures + ratios) + ' |')
    return '\n'.join(lines) + '\n'


def main():
    if len(sys.argv) < 3:
        return print(__doc__)
    bundles, out = [quikc.Bundle(folder) for folder in sys.argv[1:3]], (*sys.argv[3:], None)[0]
    torch.manual_seed(1)
    random.seed(1)
    properties = torch.cuda.get_device_properties(0)
    driver = subprocess.run(['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader'], capture_output=True, text=True)
    results = {
        'gpu': properties.name, 'driver': driver.stdout.strip().split('\n')[0], 'torch': torch.__version__,
        'date': datetime.date.today().isoformat(), 'rounds': ROUNDS,
        'bundles': [f"{b.manifest['model']} {b.manifest['target']['id']}" for b in bundles], 'points': [],
    }
    for site, n, k, f4, f8 in LAYERS:
        weight = peers.random_weight(n, k, 'cuda', 0)[0].double()
        copies = {}
        for name, size, make in contestants(site, n, k, f4, f8, bundles):
            count = max(2, min(16, -(-2 * properties.L2_cache_size // int(size))))
            copies[name] = [make(seed) for seed in range(count)]
        for m in TOKENS:
            times, errors = measure_point(copies, torch.randn((m, k), device='cuda').half(), weight)
            results['points'].append({'site': site, 'n': n, 'k': k, 'm': m, 'us': times, 'error': errors})
            print(f'{site} M={m}: ' + ', '.join(f'{part} {time:.1f}' for part, time in times.items()))
            print('   errors: ' + ', '.join(f'{name} {e:.1e} ({b:.1%} not finite)' for name, (e, b) in errors.items()), flush=True)
        del copies, weight
        torch.cuda.empty_cache()
        if out is not None:
            with open(out, 'w') as file:
                json.dump(results, file, indent=1)
            with open(os.path.splitext(out)[0] + '.md', 'w') as file:
                file.write(to_markdown(results))
    return None


if __name__ == '__main__':
    main()
