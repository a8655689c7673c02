"""Reference packer of a QUIK linear in NumPy: the same bytes as quikc's own (docs/layouts.md)."""

import numpy as np


def blocks(rows: np.ndarray) -> bytes:
    """[N, bytes] packed rows, bytes % 32 == 0 -> 16 x 256-bit blocks in the order of MMA operand A."""
    rows = np.pad(rows, ((0, -len(rows) % 16), (0, 0)))
    # row = 8a + g, byte = 32s + 16b + 4t + c  ->  [block row][s][lane (g, t)][register (b, a)][c]
    split = rows.reshape(len(rows) // 16, 2, 8, rows.shape[1] // 32, 2, 4, 4)  # [n, a, g, s, b, t, c]
    return split.transpose(0, 3, 2, 5, 4, 1, 6).tobytes()


def pack_quik(weights, outliers, bits, bias=None, scales=None, in_place=False):
    """weights: float32 [N, K]; outliers: sorted columns; scales: [N], max|w| / (2^(b-1) - 1) if None.
    Returns the kernel arguments (weights, column_meta, outlier_weights) for FP16 outliers."""
    (n, k), half = weights.shape, 2 ** (bits - 1)
    columns = np.setdiff1d(np.arange(k), outliers)
    base = weights[:, columns].astype(np.float32)
    most = np.abs(base).max(axis=1, initial=0)
    s = np.maximum(most / np.float32(half - 1) if scales is None else scales, 2.0**-64).astype(np.float32)
    q = np.clip(np.rint(base / s[:, None]), -half, half - 1).astype(np.int8)
    codes = np.zeros((n, k if in_place else len(columns)), np.int8)
    codes[:, columns if in_place else slice(None)] = q
    codes = np.pad(codes, ((0, 0), (0, -codes.shape[1] % (256 // bits)))).view(np.uint8)
    packed = codes if bits == 8 else codes[:, 0::2] & 15 | codes[:, 1::2] << 4
    meta = np.zeros((n + -n % 16, 4), np.float32)  # {s_w, R, bias, 0}
    meta[:n, 0], meta[:n, 1] = s, s.astype(np.float64) * q.sum(axis=1, dtype=np.int64)
    meta[:n, 2] = 0 if bias is None else bias
    kept = np.pad(weights[:, outliers].astype(np.float16), ((0, 0), (0, -len(outliers) % 16)))
    return blocks(packed), meta.tobytes(), blocks(np.ascontiguousarray(kept).view(np.uint8))
