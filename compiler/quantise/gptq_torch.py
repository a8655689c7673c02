"""GPTQ of what `quikc quantize --export-work work.json` has listed, by PyTorch: for models too large for a CPU.

    python gptq_torch.py work.json [--device cuda] [--dtype float32]

Which columns, which order, how many bits: quikc has decided all that. This does the linear algebra as compiler/quantise/gptq.ts has it,
and puts a file for each group of linears into the workspace, where the same quikc quantize, without --export-work, finds it. What is
there is left as it is: ended at any time, the script goes on where it was. Needs torch and NumPy.
"""

import argparse
import json
import os
import re
import sys
import time

import numpy as np
import torch

FORMAT = 'quikc-gptq-work-1'
OUTPUT_FORMAT = 'quikc-quantised-1'
WIDTHS = {'F64': 8, 'F32': 4, 'F16': 2, 'BF16': 2}
LARGEST_HEADER = 32 << 20
LARGEST_SIZE = 1 << 24  # of K and N: no linear comes near it, and products of two are exact
SMALLEST_SCALE = 2.0**-64  # of all scales: an all-zero channel has codes 0
CANDIDATES, EXPONENT, MARGIN = 80, 2.4, 1 - 2.0**-30  # QUIK's clip search, docs/numerics.md
LEAST_DAMPING, MOST_DAMPING = 0.01, 1
BLOCK = 128  # columns whose errors are handed on one by one; a multiple of a group of pruning
ROWS_AT_ONCE = 1 << 24  # values that are worked on at once, in float64: 128 MiB an array
PATTERNS = {'2:4': (4, 1), '4:8-pairs': (8, 2)}  # columns of a group, columns that live or die together; two such units stay


class Refusal(Exception):
    """What is wrong with the input, in one line."""


def require(truth, message):
    if not truth:
        raise Refusal(message)


# What comes from outside.


def of_type(value, kind, what):
    require(isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)), f'{what} is not as quikc writes it')
    return value


def field(record, name, kind, what):
    of_type(record, dict, what)
    require(name in record, f'{what} has no "{name}"')
    return of_type(record[name], kind, f'"{name}" of {what}')


def size_of(record, name, what, least=1):
    value = field(record, name, int, what)
    require(least <= value <= LARGEST_SIZE, f'"{name}" of {what} is {value}')
    return value


def integers(values, what):
    require(all(type(value) is int and 0 <= value < LARGEST_SIZE for value in of_type(values, list, what)), f'{what} is no list of columns')
    return np.array(values, np.int64)


def read_work(path):
    with open(path, encoding='utf-8') as file:
        work = json.load(file)
    what = f'{path}'
    require(field(work, 'format', str, what) == FORMAT, f'{what} is not of format {FORMAT}')
    require(field(work, 'dtype', str, what) in ('f16', 'bf16'), f'"dtype" of {what} is neither f16 nor bf16')
    damping = field(work, 'damping', (int, float), what)
    require(0 <= damping < float('inf'), f'"damping" of {what} is {damping}')
    field(work, 'workspace', str, what), field(work, 'job', str, what)
    for index, group in enumerate(field(work, 'groups', list, what)):
        check_group(group, f'group {index} of {what}')
    files = [group['file'] for group in work['groups']]
    require(len(set(files)) == len(files), f'{what} has a group twice')
    return work


def check_group(group, what):
    """Shapes and columns fit each other: what is computed later takes them for granted."""
    # No path: files go to the workspace and nowhere else.
    require(re.fullmatch(r'layer-\d+-\d+\.safetensors', field(group, 'file', str, what)), f'"file" of {what} is no name of a group')
    linears, factors = field(group, 'linears', list, what), field(group, 'factors', list, what)
    require(linears, f'{what} has no linears')
    names = [field(linear, 'name', str, what) for linear in linears]
    require(len(set(names)) == len(names), f'{what} has a linear twice')
    k = size_of(linears[0], 'k', what)
    for linear in linears:
        require(size_of(linear, 'k', what) == k, f'linears of {what} have different "k"')
        n = size_of(linear, 'n', what)
        require(field(linear, 'bits', int, what) in (4, 8), f'"bits" of {what} is neither 4 nor 8')
        field(linear, 'clip', bool, what)
        require(0 <= field(linear, 'factor', int, what) < len(factors), f'"factor" of {what} is none of them')
        shape = check_place(field(linear, 'weight', dict, what), ('F32', 'F16', 'BF16'), what)
        require(shape == [rows_of_tensor(linear.get('rows'), n, what), k], f'a weight of {what} has shape {shape}')
    require(check_place(field(group, 'gram', dict, what), ('F64',), what) == [k, k], f'XᵀX of {what} is not [{k}, {k}]')
    for factor in factors:
        sparsity = field(factor, 'sparsity', str, what)
        require(sparsity == 'dense' or sparsity in PATTERNS, f'"sparsity" of {what} is unknown')
        outliers = factor['outlierColumns'] = integers(factor.get('outlierColumns'), f'"outlierColumns" of {what}')
        require((np.diff(outliers) > 0).all() and (outliers < k).all(), f'"outlierColumns" of {what} are not ascending columns')
        if factor.get('order') == 'act-order':
            require(sparsity == 'dense', f'{what} is pruned in another order than its own')
            continue
        order = factor['order'] = integers(factor.get('order'), f'"order" of {what}')
        require(np.array_equal(np.sort(order), np.arange(k)), f'"order" of {what} does not have each column once')
        base = k - len(outliers)
        require(np.array_equal(order[base:], outliers), f'"order" of {what} does not end with the outlier columns')
        require(sparsity == 'dense' or (np.diff(order[:base]) > 0).all(), f'{what} is pruned in another order than its own')


def check_place(place, dtypes, what):
    for name in ('file', 'tensor'):
        field(place, name, str, what)
    require(field(place, 'dtype', str, what) in dtypes, f'a tensor of {what} is {place["dtype"]}')
    require(field(place, 'offset', int, what) >= 8, f'"offset" of {what} is {place["offset"]}')
    shape = field(place, 'shape', list, what)
    require(len(shape) == 2 and all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in shape), f'a tensor of {what} has shape {shape}')
    return shape


def rows_of_tensor(rows, n, what):
    """How many rows a tensor has for a weight of n."""
    if rows is None:
        return n
    order = field(rows, 'order', str, what)
    if order == 'paired':
        head = size_of(rows, 'headDim', what, 2)
        require(head % 2 == 0 and n % head == 0, f'"rows" of {what} do not fit')
        return n
    require(order == 'grouped', f'"order" of rows of {what} is unknown')
    period, first, count = (size_of(rows, name, what, least) for name, least in (('period', 1), ('first', 0), ('count', 1)))
    require(first + count <= period and n % count == 0, f'"rows" of {what} do not fit')
    return n // count * period


headers = {}


def header_of(path):
    """(JSON, where data begins, size of the file) of a safetensors file."""
    if path not in headers:
        size = os.path.getsize(path)
        with open(path, 'rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            require(8 <= size and length <= min(size - 8, LARGEST_HEADER), f'{path} is no safetensors file, or cut short')
            try:
                header = json.loads(file.read(length))
            except ValueError:
                raise Refusal(f'{path} is no safetensors file') from None
        headers[path] = of_type(header, dict, path), 8 + length, size
    return headers[path]


def read_tensor(place):
    """A NumPy array of a tensor's elements, bfloat16 as uint16. The file still has to be the one that quikc has seen."""
    path, name, dtype, shape = place['file'], place['tensor'], place['dtype'], place['shape']
    header, start, size = header_of(path)
    count = shape[0] * shape[1]
    begin = place['offset'] - start
    expected = {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, begin + count * WIDTHS[dtype]]}
    require(header.get(name) == expected, f'{path}: {name!r} is not what it was when the work was exported')
    require(place['offset'] + count * WIDTHS[dtype] <= size, f'{path} is cut short')
    kind = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2', 'BF16': '<u2'}[dtype]
    values = np.fromfile(path, kind, count, offset=place['offset'])
    require(values.size == count, f'{path} is cut short')
    return values.reshape(shape)


def read_weight(linear, dtype):
    """float32 [N, K], rounded to the model's format, in the weight's own order of rows."""
    place, rows = linear['weight'], linear.get('rows')
    stored = read_tensor(place)
    if rows is not None:
        stored = stored[row_numbers(rows, len(stored))]
    if place['dtype'] == 'BF16':
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    values = torch.from_numpy(stored.astype(np.float32, copy=False))
    values = values.to(torch.float16 if dtype == 'f16' else torch.bfloat16).float()
    require(bool(torch.isfinite(values).all()), f'a weight of {linear["name"]} is not finite')
    return values


def row_numbers(rows, count):
    """Which row of the tensor each row of the weight is: compiler/checkpoint/restore-row-order.ts."""
    numbers = np.arange(count)
    if rows['order'] == 'grouped':
        return numbers.reshape(-1, rows['period'])[:, rows['first'] : rows['first'] + rows['count']].reshape(-1)
    # Row h D + j D / 2 + i of the weight is row h D + 2 i + j of the tensor.
    return numbers.reshape(-1, rows['headDim'] // 2, 2).transpose(0, 2, 1).reshape(-1)


# The linear algebra. W is [N, K], U [K, K]; columns are in the order in which they are rounded unless said otherwise.


def factorise(gram, factor, damping):
    """U, upper triangular, of H^-1 = U^T U, in which order H's columns are there, and which are dead. gram is used up."""
    diagonal = gram.diagonal().clone()
    order = torch.from_numpy(order_of(factor, diagonal)).to(gram.device)
    require(bool(torch.isfinite(gram).all()) and bool((diagonal >= 0).all()), 'a value of XᵀX is not finite, or a square negative')
    dead = diagonal == 0
    live = diagonal[~dead]
    mean = live.mean() if live.numel() else torch.zeros_like(diagonal[:1]).sum()
    turned = order.flip(0)
    gram = gram[turned][:, turned]
    own = diagonal[turned]
    part = damping
    while True:
        # H turned about both diagonals is L L^T, and L^-1 turned back is U.
        gram.diagonal().copy_(torch.where(own == 0, torch.ones_like(own), own + part * mean))
        least = len(own) * torch.finfo(gram.dtype).eps * gram.diagonal()
        lower, info = torch.linalg.cholesky_ex(gram)
        # A pivot that is no more than rounding leaves of a zero is none.
        if info.item() == 0 and bool((lower.diagonal() ** 2 > least).all()):
            break
        if 10 * part > MOST_DAMPING:
            raise Refusal(f'the Hessian is not positive definite, a damping of {part} or not: calibrate with more tokens, or raise --damping')
        part = max(LEAST_DAMPING, 10 * part)
    del gram
    inverse = torch.linalg.solve_triangular(lower, torch.eye(len(own), dtype=own.dtype, device=own.device), upper=False)
    del lower
    return inverse.flip(0, 1), order, dead


def to_codes(values, scale, half):
    """values: any float; scale: float32. The quotient is rounded to float32 first, as the packers do."""
    return torch.clamp(torch.round((values / scale.to(values.dtype)).float()), -half, half - 1).to(values.dtype)


def find_scales(base, bits, clip, dtype):
    """s_w [N], float32, of base columns [N, K'] as they were; with clip that of least sum |w - s q|^2.4, the largest within the margin."""
    half = 2 ** (bits - 1)
    largest = base.abs().amax(dim=1) if base.shape[1] else base.new_zeros(len(base))
    full = torch.clamp((largest.double() / (half - 1)).float(), min=SMALLEST_SCALE)
    if not clip:
        return full
    values = base.to(dtype)
    best, enough = full.clone(), torch.full_like(full, float('inf'), dtype=dtype)
    for index in range(CANDIDATES):
        scale = torch.clamp((full.double() * (1 - index / 100)).float(), min=SMALLEST_SCALE)
        error = to_codes(values, scale[:, None], half).mul_(scale[:, None].to(dtype)).sub_(values).abs_().pow_(EXPONENT).sum(dim=1)
        better = error < enough
        best = torch.where(better, scale, best)
        enough = torch.where(better, error * MARGIN, enough)
    return best


def kept_columns(pattern, saliency):
    """What of a group [N, columns] stays: the two units of the largest saliency, of equal ones the first."""
    _, unit = pattern
    n, columns = saliency.shape
    units = -(-columns // unit)
    sums = torch.nn.functional.pad(saliency, (0, units * unit - columns)).reshape(n, units, unit).sum(dim=2)
    chosen = torch.sort(sums, dim=1, descending=True, stable=True).indices[:, :2]
    keep = torch.zeros_like(sums, dtype=torch.bool).scatter_(1, chosen, True)
    return keep.repeat_interleave(unit, dim=1)[:, :columns]


def round_rows(values, scale, u, base, bits, pattern):
    """Codes [N, base] of the first base columns of values [N, K]; each error goes to the columns after it, in the measure of U's row. The
    other columns are corrected, in values."""
    half = 2 ** (bits - 1)
    codes = torch.zeros(len(values), base, dtype=torch.int8, device=values.device)
    wide = scale.to(values.dtype)
    for start in range(0, base, BLOCK):
        end = min(start + BLOCK, base)
        block = values[:, start:end].clone()
        errors = torch.empty_like(block)
        own = u[start:end, start:end]
        pivots = own.diagonal()
        for i in range(end - start):
            if pattern is not None and i % pattern[0] == 0:
                group = slice(i, min(i + pattern[0], end - start))
                keep = kept_columns(pattern, (block[:, group] / pivots[group]) ** 2)
            code = to_codes(block[:, i], scale, half)
            if pattern is not None:
                code = torch.where(keep[:, i % pattern[0]], code, torch.zeros_like(code))
            error = (block[:, i] - wide * code) / pivots[i]
            codes[:, start + i] = code.to(torch.int8)
            errors[:, i] = error
            block[:, i + 1 :] -= error[:, None] * own[i, i + 1 :]
        values[:, end:] -= errors @ u[start:end, end:]
    return codes


def quantise(weights, linear, factor, order, u, dead, model_dtype):
    """The arrays of one linear as quikc's file has them, by their part of the name. weights: float32 [N, K], columns as they are stored."""
    n, k, bits = linear['n'], linear['k'], linear['bits']
    base = k - len(factor['outlierColumns'])
    natural = order[:base].sort().values
    codes = np.zeros((n, k), np.int8)
    scales, kept = np.zeros(n, np.float32), np.zeros((n, k - base), np.float64)
    places = order[:base].cpu().numpy()
    lost = dead[order].clone()
    lost[base:] = False
    step = max(1, ROWS_AT_ONCE // k)
    for first in range(0, n, step):
        rows = slice(first, min(n, first + step))
        own = weights[rows].to(order.device)
        scale = find_scales(own[:, natural], bits, linear['clip'], u.dtype)
        values = own[:, order].to(u.dtype)
        values[:, lost] = 0
        part = round_rows(values, scale, u, base, bits, PATTERNS.get(factor['sparsity']))
        codes[rows, places] = part.cpu().numpy()
        scales[rows] = scale.cpu().numpy()
        kept[rows] = values[:, base:].double().cpu().numpy()
    narrow = to_16_bit(kept, model_dtype)
    infinite = 0x7C00 if model_dtype == 'f16' else 0x7F80
    require(not ((narrow & infinite) == infinite).any(), f'a weight of an outlier column of {linear["name"]} is beyond 16 bit after its correction')
    sums = codes.sum(axis=1, dtype=np.int64)
    return {
        'codes': ('I8', codes) if bits == 8 else ('U8', pack_codes(codes)),
        'scales': ('F32', scales),
        'reduced': ('F32', (scales.astype(np.float64) * sums).astype(np.float32)),
        'outlier_columns': ('I32', factor['outlierColumns'].astype(np.int32)),
        'outlier_weights': ('F16' if model_dtype == 'f16' else 'BF16', narrow),
    }


def pack_codes(codes):
    """Two a byte, code 2j in the low nibble, each row in bytes of its own."""
    nibbles = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2))).view(np.uint8) & 15
    return nibbles[:, 0::2] | nibbles[:, 1::2] << 4


def to_16_bit(values, dtype):
    """Bits of float64 values, rounded once, ties to even; infinite beyond the format."""
    with np.errstate(over='ignore', invalid='ignore'):
        if dtype == 'f16':
            return values.astype(np.float16).view(np.uint16)
        single = values.astype(np.float32)
        bits = single.view(np.uint32)
        # To odd: of what float32 cannot hold, the neighbour towards zero with its last bit set, so that no tie is made.
        beyond = np.abs(single.astype(np.float64)) > np.abs(values)
        inexact = single.astype(np.float64) != values
        bits = np.where(np.isnan(values), np.uint32(0x7FC00000), (bits - beyond) | inexact).astype(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


# Files and groups.


def save_safetensors(path, tensors, metadata):
    """As quikc writes it: wide elements first, the header padded to 8 bytes, the file in its place when it is whole."""
    placed, end = {}, 0
    entries = sorted(tensors.items(), key=lambda entry: -entry[1][1].dtype.itemsize)
    for name, (dtype, array) in entries:
        placed[name] = {'dtype': dtype, 'shape': list(array.shape), 'data_offsets': [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps({'__metadata__': metadata} | placed, separators=(',', ':'), ensure_ascii=False).encode()
    text += b' ' * (-len(text) % 8)
    scratch = f'{path}.{os.getpid()}.partial'
    try:
        with open(scratch, 'wb') as file:
            file.write(len(text).to_bytes(8, 'little') + text)
            for _, (_, array) in entries:
                file.write(np.ascontiguousarray(array).astype(array.dtype.newbyteorder('<'), copy=False).tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        if os.path.exists(scratch):
            os.remove(scratch)


def check_job(work):
    """quikc clears the workspace for another model or other options: what is computed here would be of the wrong job then."""
    try:
        with open(os.path.join(work['workspace'], 'job'), encoding='utf-8') as file:
            job = file.read(1 << 16)
    except FileNotFoundError:
        job = None
    require(job == work['job'], f'{work["workspace"]} is not the workspace of this work any more: export it again')


def do_group(group, work, device, dtype):
    """The tensors of one group's file, by name."""
    done, factors = {}, group['factors']
    for number, factor in enumerate(factors):
        members = [linear for linear in group['linears'] if linear['factor'] == number]
        if not members:
            continue
        try:
            u, order, dead = factorise(torch.from_numpy(read_tensor(group['gram'])).to(device, dtype), factor, work['damping'])
        except Refusal as refusal:
            raise Refusal(f'{members[0]["name"]}: {refusal}') from None
        for linear in members:
            done[linear['name']] = quantise(read_weight(linear, work['dtype']), linear, factor, order, u, dead, work['dtype'])
        del u
    return {f'{linear["name"]}.{part}': tensor for linear in group['linears'] for part, tensor in done[linear['name']].items()}


def order_of(factor, diagonal):
    """Columns in the order in which they are rounded: compiler/quantise/order-columns.ts."""
    if not isinstance(factor['order'], str):
        return factor['order']
    outliers = factor['outlierColumns']
    base = np.setdiff1d(np.arange(len(diagonal)), outliers)
    falling = np.argsort(-diagonal.double().cpu().numpy()[base], kind='stable')
    return np.concatenate([base[falling], outliers])


def cost_of(group):
    """In proportion to the time that a group takes."""
    return sum(linear['n'] * linear['k'] ** 2 for linear in group['linears']) + group['linears'][0]['k'] ** 3


class Progress:
    """A line that is written over on a terminal, elsewhere one every half a minute."""

    def __init__(self, groups):
        self.all, self.done, self.count, self.groups = sum(map(cost_of, groups)), 0, 0, len(groups)
        self.start = self.last = time.monotonic()

    def advance(self, group):
        self.done, self.count = self.done + cost_of(group), self.count + 1
        now, ends = time.monotonic(), self.count == self.groups
        if not (sys.stderr.isatty() or ends or now - self.last >= 30):
            return
        self.last = now
        left = (now - self.start) * (self.all / self.done - 1)
        line = f'gptq: {self.count} of {self.groups} groups, about {left:.0f} s left'
        terminal = sys.stderr.isatty()
        print(f'\r\x1b[K{line}' if terminal else line, end='' if terminal and not ends else '\n', file=sys.stderr, flush=True)


def run(options):
    work = read_work(options.work)
    check_job(work)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    torch.backends.cuda.matmul.allow_tf32 = False
    file_of = lambda group: os.path.join(work['workspace'], group['file'])
    left = [group for group in work['groups'] if not os.path.exists(file_of(group))]
    progress = Progress(left)
    with torch.inference_mode():
        for group in left:
            tensors = do_group(group, work, device, dtype)
            check_job(work)
            save_safetensors(file_of(group), tensors, {'format': OUTPUT_FORMAT})
            progress.advance(group)
    print(f'{work["workspace"]}: {len(left)} groups done, {len(work["groups"]) - len(left)} were there. quikc quantize goes on from here')


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('work', help='what quikc quantize --export-work has written')
    parser.add_argument('--device', default='cpu', help='as torch names it, e.g. cuda (default: cpu)')
    parser.add_argument('--dtype', default='float64', choices=['float64', 'float32'], help='to compute in (default: float64)')
    options = parser.parse_args()
    try:
        run(options)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # Of torch's texts, which may be long, the first line says it: no such device, no memory left.
        text = str(error).strip().partition('\n')[0]
        sys.exit(f'error: {text if isinstance(error, Refusal) else f"{type(error).__name__}: {text}"}')


if __name__ == '__main__':
    main()
