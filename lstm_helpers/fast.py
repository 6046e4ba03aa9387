"""The LSTM of `cell` and `backprop` once more, in few and large operations: close to PyTorch's speed, in NumPy.

Same names, arguments and results (up to rounding); what is lost is that it no longer reads like the equations. Notebook
05 goes from a textbook's loop to this module in seven steps and measures what each is worth:

1. The dtype of the weights is kept all the way: in float32, half the bytes and twice the numbers per instruction.
2. What waits for no step is one product for many steps: the gradients of the weights and of x.
3. What a step multiplies is one product: [x, h, 1] times one matrix, with the bias as its last row.
4. One tanh does for all gates: sigmoid(z) = 1/2 + tanh(z/2)/2. Halving is exact: the inner 1/2 goes into the weights.
5. No new arrays within a step: results go into arrays that were made before the loop.
6. The slopes of the gates depend on no gradient: they are computed for many steps at once.
7. What is used again stays in the cache: a step works in small arrays and copies out what must be kept, the way back
   goes in blocks of steps, and products are cut into tiles that BLAS takes as they are (see `TILE_BYTES`).

Nothing is remembered from one call to the next, so nothing can be out of date, and threads do not meet.
"""

import os
from math import prod

import numpy as np

from lstm_helpers import cell
from lstm_helpers.backprop import Gradients, check_fit, upstream_gradient
from lstm_helpers.cell import Trace, checked_input, checked_state, checked_weights
from lstm_helpers.validate import sequence_lengths

# BLAS is the library that multiplies matrices for NumPy; NumPy's own copy is OpenBLAS. It first copies both matrices
# into another order, unless a product has at most a million multiplications and the processor has the instructions
# AVX-512 (OpenBLAS, pull request 3335); NumPy calls these X86_V4. So there, large products are cut into tiles: 256
# bytes wide, which is four of such a processor's registers, and as high as the million allows. Elsewhere, or where
# someone has chosen another variant of OpenBLAS by OPENBLAS_CORETYPE, tiles would only cost time, and each product
# stays whole.
AVX512 = "X86_V4" in np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())
TILE_BYTES = 256 if AVX512 and "OPENBLAS_CORETYPE" not in os.environ else None
TILE_MULTIPLICATIONS = 1_000_000

BLOCK_ROWS = 256  # steps times sequences in a block: at H = 128 in float32 its arrays fit into a cache of 2 MB


def lstm_forward(x, params, h0=None, c0=None, lengths=None):
    """Run the LSTM over a batch of sequences: `cell.lstm_forward`, and faster.

    The arguments, the errors and the returned `Trace` are the same. Its arrays are views of two blocks, which hold
    6H + D + 1 numbers for each step and sample. What differs is small gates: here the absolute error of a gate is up to
    1e-16 (float32: 1e-7), in the plain version the relative error is. A gate of 1e-9 has 7 right digits here, and so
    has what depends on it alone. Runs with numbers so large that a pre-activation might overflow go to
    `cell.lstm_forward`.
    """
    checked_weights(params, finite=False)
    x = checked_input(x, params, ("T", "N", "D"), finite=False)
    T, N, _ = x.shape
    h0, c0 = (
        None if state is None else checked_state(name, state, params, N) for name, state in (("h0", h0), ("c0", c0))
    )
    return run_forward(x, params, h0, c0, sequence_lengths(lengths, T, N))


def lstm_backward(trace, params, dh=None, dh_n=None, dc_n=None):
    """Go back through a whole sequence: `backprop.lstm_backward`, and faster.

    The arguments, the errors and the returned `Gradients` are the same. Any `Trace` will do, from here or from `cell`.
    """
    check_fit(trace, params)
    T, N, H = trace.h.shape
    sequence_lengths(trace.lengths, T, N)
    dh = upstream_gradient("dh", dh, (T, N, H), trace)
    dh_n, dc_n = upstream_gradient("dh_n", dh_n, (N, H), trace), upstream_gradient("dc_n", dc_n, (N, H), trace)
    return run_backward(trace, params, dh, dh_n, dc_n)


@np.errstate(all="ignore")  # numbers underflow to 0, as they should; none overflows, see `_cannot_overflow`
def run_forward(x, params, h0, c0, lengths):
    """`lstm_forward` for arguments that are known to fit; only h0 and c0 may be None. NaN and infinity are found."""
    (T, N, D), H, dtype = x.shape, params.hidden_size, params.dtype
    shortest = min(lengths.tolist())
    if shortest < T:
        x = np.where(np.arange(T)[:, None, None] < lengths[:, None], x, dtype.type(0))

    rows = np.empty((T + 1, N, D + H + 1), dtype)  # [x, h, 1]: what the weights multiply; the last has no x
    rows[:T, :, :D] = x
    rows[0, :, D:-1] = 0 if h0 is None else h0
    rows[:, :, -1] = 1
    kept = np.empty((5, T + 1, N, H), dtype)  # i, f, o, g, c after each step; before the first there is only c
    kept[4, 0] = 0 if c0 is None else c0
    weights = _step_weights(params)
    if not _cannot_overflow(weights, x, rows[0]):
        return cell.lstm_forward(x, params, h0, c0, lengths)

    # The arrays of one step: 0 i, 1 f, 2 o, 3 g, 4 c, 5 i * g, 6 f * c. In this order the three sigmoids lie side by
    # side, and (i, f) * (g, c) is one call, in which c is still that of the step before.
    work = _empty((7, N, H), dtype)
    now, gates, ifo, i_f, g_c, o, c = work[:5], work[:4], work[:3], work[:2], work[3:5], work[2], work[4]
    products, written, remembered = work[5:], work[5], work[6]
    c[...] = kept[4, 0]
    half = np.array(0.5, dtype)  # NumPy takes a 0-d array without the conversion that a Python float needs
    ended = np.array([-40, 40, -40, 0])[:, None, None]  # tanh(40) is exactly 1: i = 0, f = 1, o = 0, g = 0
    tiles = _tiles(weights.swapaxes(1, 2), N)
    multiply, rows_of_steps, tiles, z = _product(rows[:T], tiles, gates)  # z is the gates, seen as tiles
    for t, row, h, kept_now in zip(range(T), rows_of_steps, rows[1:, :, D:-1], kept[:, 1:].swapaxes(0, 1), strict=True):
        multiply(row, tiles, z)
        if t >= shortest:
            gates[:, lengths <= t] = ended  # instead of what was computed: c is passed on, h is 0
        np.tanh(gates, gates)
        np.multiply(ifo, half, ifo)
        np.add(ifo, half, ifo)
        np.multiply(i_f, g_c, products)
        np.add(written, remembered, c)
        np.tanh(c, written)  # which is free again
        np.multiply(o, written, h)
        kept_now[...] = now

    i, f, o, g, c = kept[:, 1:]
    return Trace(rows[:T, :, :D], rows[0, :, D:-1], kept[4, 0], i, f, g, o, c, rows[1:, :, D:-1], lengths)


@np.errstate(under="ignore")
def run_backward(trace, params, dh, dh_n, dc_n):
    """`lstm_backward` for arguments that are known to fit, none of them None."""
    (T, N, H), D, dtype = trace.h.shape, trace.x.shape[2], trace.h.dtype
    ends = {length: (trace.lengths == length)[:, None] for length in set(trace.lengths.tolist())}  # who ends where
    dc = dc_n.copy()  # behind an end f is 1, so that it arrives there unchanged

    # What a step works in, all gates in the order of the weights: i, f, g, o
    work = _empty((6, N, H), dtype)
    dz_ifg, dz_o, dz_by_sequence, dh_now, dc_through_h = work[:3], work[3], work[:4].swapaxes(0, 1), work[4], work[5]
    dh_next = np.zeros((N, H), dtype)
    # What a block of steps works in
    steps = min(T, max(1, BLOCK_ROWS // N))
    block_work = _empty((9, steps, N, H), dtype)
    dz, slopes = block_work[:4].reshape(steps, N, 4 * H), block_work[4:]
    rows = _empty((steps, N, D + H + 1), dtype)  # [x, h, 1] as on the way forward
    rows[:, :, -1] = 1
    # What is the sum, or the sequence, of all blocks
    dx = np.empty((T, N, D), dtype)
    dweights, dweights_of_block = np.zeros((2, D + H + 1, 4 * H), dtype)

    weight_ih = _tiles(np.asarray(params.weight_ih)[None], steps * N)
    weight_hh = _tiles(np.asarray(params.weight_hh)[None], N)
    multiply, dz_of_steps, weight_hh, dh_out = _product(dz, weight_hh, dh_next[None])  # dh_out is dh_next, as tiles
    for stop in range(T, 0, -steps):
        start = max(0, stop - steps)
        block = slice(0, stop - start)
        _slopes(trace, start, stop, *slopes[:, block])
        views = zip(  # slices cost time, too: all of a block's are made here, by iterating over arrays
            *(range(start, stop), dh[start:stop], trace.f[start:stop]),
            *(slopes[:3, block].swapaxes(0, 1), slopes[3, block], slopes[4, block]),
            *(dz.reshape(steps, N, 4, H)[block], dz_of_steps[block]),
            strict=True,
        )
        for t, dh_loss, f, slope_ifg, slope_o, slope_c, dz_now, dz_row in reversed(list(views)):
            if t + 1 in ends:  # from here back there is a last h, and its gradient
                np.add(dh_next, dh_n, dh_next, where=ends[t + 1])
            np.add(dh_loss, dh_next, dh_now)
            np.multiply(dh_now, slope_o, dz_o)
            np.multiply(dh_now, slope_c, dc_through_h)
            np.add(dc, dc_through_h, dc)
            np.multiply(dc, slope_ifg, dz_ifg)
            np.multiply(dc, f, dc)
            dz_now[...] = dz_by_sequence
            multiply(dz_row, weight_hh, dh_out)

        dz_rows = dz[block].reshape(-1, 4 * H)
        product, *operands = _product(dz_rows, weight_ih, dx[start:stop].reshape(1, -1, D))
        product(*operands)
        rows[block, :, :D] = trace.x[start:stop]
        rows[1 : stop - start, :, D:-1] = trace.h[start : stop - 1]  # the h before each step
        rows[0, :, D:-1] = trace.h[start - 1] if start else trace.h0
        dweights += np.matmul(rows[block].reshape(len(dz_rows), -1).T, dz_rows, dweights_of_block)

    dweight_ih, dweight_hh, dbias = dweights[:D], dweights[D:-1], dweights[-1]
    return Gradients(dx, dh_next, dc, dweight_ih.T.copy(), dweight_hh.T.copy(), dbias.copy())


def _slopes(trace, start, stop, slope_i, slope_f, slope_g, slope_o, slope_c):
    """What the gradient at c is multiplied with in dz of i, f, g; the gradient at h in dz of o; and that at h in dc."""
    i, f, g, o, c = (getattr(trace, name)[start:stop] for name in "ifgoc")
    one = np.array(1, c.dtype)
    tanh_c = np.tanh(c, slope_c)
    for gate, slope in ((i, slope_i), (f, slope_f), (o, slope_o)):
        np.subtract(one, gate, slope)
        np.multiply(slope, gate, slope)
    np.multiply(slope_i, g, slope_i)
    np.multiply(slope_f[1:], c[:-1], slope_f[1:])
    np.multiply(slope_f[0], trace.c[start - 1] if start else trace.c0, slope_f[0])
    np.multiply(slope_o, tanh_c, slope_o)
    for value, gate, slope in ((g, i, slope_g), (tanh_c, o, slope_c)):
        np.multiply(value, value, slope)
        np.subtract(one, slope, slope)
        np.multiply(slope, gate, slope)


def _cannot_overflow(weights, x, first_row):
    """Whether no pre-activation can overflow: each is at most the norm of the weights times that of its [x, h, 1].

    Every later h is in [-1, 1], so that `first_row.size` is at least the squares of one step's h and 1. NaN and
    infinity make a norm that is not finite, so that they are found, too.
    """
    squares = float(np.vdot(x, x)) + float(np.vdot(first_row, first_row)) + first_row.size
    return float(np.vdot(weights, weights)) * squares < np.finfo(weights.dtype).max


# --- products in tiles


def _step_weights(params):
    """For i, f, o and g what each unit multiplies [x, h, 1] with, (4, H, D + H + 1); that of the sigmoids halved."""
    weights = np.concatenate((params.weight_ih, params.weight_hh, np.asarray(params.bias)[:, None]), axis=1)
    weights = weights.reshape(4, params.hidden_size, -1)[[0, 1, 3, 2]]
    weights[:3] *= np.array(0.5, weights.dtype)
    return weights


def _tiles(weights, n):
    """Matrices (G, K, C) that n rows are multiplied with, as tiles (G, C / width, K, width)."""
    G, K, C = weights.shape
    if n == 1:
        return weights[:, None]  # `_product` has another way with these
    width = _tile_width(n, K, C, G, weights.dtype)
    tiles = _empty((G, C // width, K, width), weights.dtype)
    tiles[...] = weights.reshape(G, K, -1, width).swapaxes(1, 2)
    return tiles


def _tile_width(n, K, C, G, dtype):
    """How many columns the tiles have for the product of n rows with G matrices (K, C): C if it stays whole."""
    if TILE_BYTES is None or n * K * C * G <= TILE_MULTIPLICATIONS:
        return C
    width = TILE_BYTES // dtype.itemsize
    return C if C % width else width


def _empty(shape, dtype):
    """An array that starts at a multiple of 64 bytes: none of its vectors then lies across two lines of the cache."""
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _product(rows, tiles, out):
    """Prepare rows (…, n, K) @ G matrices (K, C) -> out (G, n, C), for one entry of the leading axes at a time.

    Returns a function and the rows, weights and out as it wants them: ``function(rows[t], weights, out)``.
    """
    (G, columns, K, width), n = tiles.shape, rows.shape[-2]
    if n == 1:  # a vector times a matrix: this call costs half of one of np.matmul
        flat = np.ascontiguousarray(tiles.transpose(2, 0, 1, 3).reshape(K, -1))
        return np.ndarray.dot, rows, flat, out.reshape(1, -1)
    height = n
    while TILE_BYTES and height * K * width > TILE_MULTIPLICATIONS and height % 2 == 0:
        height //= 2
    # matmul multiplies the last two axes and repeats over the others:
    # (n / height, 1, 1, height, K) @ (G, columns, K, width) -> (n / height, G, columns, height, width).
    # The last is a view of out, its axes cut and reordered, so that the result lands where it belongs.
    rows = rows.reshape(*rows.shape[:-2], n // height, 1, 1, height, K)
    return np.matmul, rows, tiles, out.reshape(G, n // height, height, columns, width).transpose(1, 0, 3, 2, 4)
