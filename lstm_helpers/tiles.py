"""Products of matrices, cut into tiles where BLAS multiplies those faster.

BLAS is the library that multiplies matrices for NumPy; NumPy's own copy is OpenBLAS. It first copies both matrices into
another order, but not if the processor has the instructions AVX-512 and the product has at most a million
multiplications (OpenBLAS, pull request 3335). So there, what takes more than that in all is cut into tiles: 256 bytes
wide, which is four of such a processor's registers, and halved in height while they are too large.

Three things speak against it, and then each product stays whole: another processor (NumPy's name for those with AVX-512
is X86_V4); more than one thread, as OpenBLAS does not share small products among threads; another variant of OpenBLAS,
chosen by OPENBLAS_CORETYPE.

Sizes here: n rows with K numbers each, times G matrices (K, C). A step of `fast` has n = N; G = 4 forward, one matrix
for each gate, and 1 on the way back.
"""

import os
from math import prod

import numpy as np

TILE_MULTIPLICATIONS = 1_000_000


def _tile_bytes():
    """256 where tiles are worth it, as far as one can tell without asking OpenBLAS."""
    features = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or str(cores)
    return 256 if "X86_V4" in features and threads == "1" and "OPENBLAS_CORETYPE" not in os.environ else None


TILE_BYTES = _tile_bytes()


def aligned(shape, dtype):
    """An array that starts at a multiple of 64 bytes: none of its vectors then lies across two lines of the cache."""
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def cut(weights, n):
    """Matrices (G, K, C) that n rows are multiplied with, as tiles (G, C / width, K, width)."""
    G, K, C = weights.shape
    width = TILE_BYTES // weights.dtype.itemsize if TILE_BYTES else C
    if n == 1 or not TILE_BYTES or n * K * C * G <= TILE_MULTIPLICATIONS or C % width:
        return weights[:, None]
    tiles = aligned((G, C // width, K, width), weights.dtype)
    tiles[...] = weights.reshape(G, K, -1, width).swapaxes(1, 2)
    return tiles


def product(rows, tiles, out):
    """Prepare products (…, n, K) @ G matrices (K, C) -> (…, G, n, C), to be made one by one.

    Returns a function and what it wants for the rows, the weights and out: ``function(rows[t], weights, out[t])``.
    """
    (G, columns, K, width), n = tiles.shape, rows.shape[-2]
    if n == 1:  # a vector times a matrix: this call costs half of one of np.matmul
        flat = np.ascontiguousarray(tiles.transpose(2, 0, 1, 3).reshape(K, -1))
        return np.ndarray.dot, rows, flat, out.reshape(*out.shape[:-3], 1, -1)
    height = n
    while TILE_BYTES and height * K * width > TILE_MULTIPLICATIONS and height % 2 == 0:
        height //= 2
    # matmul multiplies the last two axes and repeats over the others:
    # (n / height, 1, 1, height, K) @ (G, columns, K, width) -> (n / height, G, columns, height, width).
    # The last is a view of out, its axes cut and reordered, so that the result lands where it belongs.
    rows = rows.reshape(*rows.shape[:-2], n // height, 1, 1, height, K)
    out = out.reshape(*out.shape[:-3], G, n // height, height, columns, width)
    return np.matmul, rows, tiles, out.swapaxes(-5, -4).swapaxes(-3, -2)
