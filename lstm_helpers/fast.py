"""The LSTM of `cell` and `backprop` once more, in few and large operations: PyTorch's speed on one core, in NumPy.

Same names, arguments and results (up to rounding); what is lost is that it no longer reads like the equations. Notebook
05 goes from the textbook's loop to this module in seven steps and measures what each is worth:

1. The dtype of the weights is kept all the way: half the bytes, twice the numbers for each instruction in float32.
2. One product for many steps where nothing hangs on the step before: for the gradients of the weights and of x.
3. One product for all that a step multiplies: [x, h, 1] times one matrix, with the bias as its last row.
4. One tanh for all gates: sigmoid(z) = 1/2 + tanh(z/2)/2. Halving is exact, so the inner 1/2 goes into the weights.
5. Results go into arrays that were made before the loop, small enough to stay in the processor's cache. What must be
   kept is copied out once per step.
6. The slopes of the gates hang on no gradient: they are computed for many steps at once.
7. Products are cut into tiles that BLAS need not copy first (see `TILE_BYTES`).

Nothing is remembered from one call to the next, so nothing can be out of date, and threads do not meet.
"""

import os
from math import prod

import numpy as np

from lstm_helpers import cell
from lstm_helpers.backprop import Gradients, check_fit, upstream_gradient
from lstm_helpers.cell import Trace, checked_input, checked_state, checked_weights
from lstm_helpers.validate import sequence_lengths

# A BLAS copies both matrices into an order of its own before it multiplies them. For a batch of 32 or 64 that takes up
# to a third of the time. OpenBLAS, which comes with NumPy, does without for products of up to a million multiplications
# on processors with AVX-512 (its pull request 3335). Tiles of 256 bytes, four registers, use this best. On other
# processors, or where someone has chosen the kernels, they would cost time: there each product stays whole.
AVX512 = "X86_V4" in np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())
TILE_BYTES = 256 if AVX512 and "OPENBLAS_CORETYPE" not in os.environ else None
TILE_MULTIPLICATIONS = 1_000_000

BLOCK_ROWS = 256  # a row is one step of one sequence: the arrays of a block of so many stay in the cache, or near it


@np.errstate(all="ignore")  # numbers underflow to 0, as they should; none overflows, see `_cannot_overflow`
def lstm_forward(x, params, h0=None, c0=None, lengths=None):
    """Run the LSTM over a batch of sequences: `cell.lstm_forward`, and faster.

    The arguments, the errors and the returned `Trace` are the same. Its arrays are views of two blocks, which hold
    6H + D + 1 numbers for each step and sample. Each gate is off by up to 1e-16 (float32: 1e-7), where in the plain
    version it is off by that part of itself: if all gates are next to shut, at 1e-9 say, c, h and their gradients have
    so many digits less. Runs with numbers so large that a pre-activation might overflow go to `cell.lstm_forward`.
    """
    weights = checked_weights(params, finite=False)
    x = given_x = checked_input(x, params, ("T", "N", "D"), finite=False)
    (T, N, D), H, dtype = x.shape, params.hidden_size, params.dtype
    h0 = None if h0 is None else checked_state("h0", h0, params, N)
    c0 = None if c0 is None else checked_state("c0", c0, params, N)
    lengths = sequence_lengths(lengths, T, N)
    shortest = min(lengths.tolist())
    if shortest < T:
        x = np.where(np.arange(T)[:, None, None] < lengths[:, None], x, dtype.type(0))

    rows = np.empty((T + 1, N, D + H + 1), dtype)  # [x, h, 1]: what the weights multiply; the last has no x
    rows[:T, :, :D] = x
    rows[0, :, D:-1] = 0 if h0 is None else h0
    rows[:, :, -1] = 1
    kept = np.empty((5, T + 1, N, H), dtype)  # i, f, o, g, c after each step; before the first there is only c
    kept[4, 0] = 0 if c0 is None else c0
    tiles = _step_weights(*weights, N)
    if not _cannot_overflow(tiles, x, rows[0]):
        return cell.lstm_forward(given_x, params, h0, c0, lengths)

    work = _empty((7, N, H), dtype)
    now, gates, ifo, i_f, g_c, o, c = work[:5], work[:4], work[:3], work[:2], work[3:5], work[2], work[4]
    products, written, remembered = work[5:], work[5], work[6]
    c[...] = kept[4, 0]
    half = np.array(0.5, dtype)  # NumPy takes a 0-d array without the conversion that a Python float needs
    shut = np.array([-40, 40, -40, 0])[:, None, None]  # as z: i = 0, f = 1, o = 0, g = 0, exactly
    multiply, rows_of_steps, tiles, z = _product(rows[:T], tiles, gates)  # z is the gates, seen as tiles
    for t, row, h, kept_now in zip(range(T), rows_of_steps, rows[1:, :, D:-1], kept[:, 1:].swapaxes(0, 1), strict=True):
        multiply(row, tiles, z)
        if t >= shortest:
            gates[:, lengths <= t] = shut
        np.tanh(gates, gates)
        np.multiply(ifo, half, ifo)
        np.add(ifo, half, ifo)
        np.multiply(i_f, g_c, products)
        np.add(written, remembered, c)
        np.tanh(c, written)
        np.multiply(o, written, h)
        kept_now[...] = now

    i, f, o, g, c = kept[:, 1:]
    return Trace(rows[:T, :, :D], rows[0, :, D:-1], kept[4, 0], i, f, g, o, c, rows[1:, :, D:-1], lengths)


@np.errstate(under="ignore")
def lstm_backward(trace, params, dh=None, dh_n=None, dc_n=None):
    """Go back through a whole sequence: `backprop.lstm_backward`, and faster.

    The arguments, the errors and the returned `Gradients` are the same. Any `Trace` will do, from here or from `cell`.
    """
    check_fit(trace, params)
    (T, N, H), D, dtype = trace.h.shape, trace.x.shape[2], trace.h.dtype
    dh = np.broadcast_to(dtype.type(0), (T, N, H)) if dh is None else upstream_gradient("dh", dh, (T, N, H), trace)
    dh_n = upstream_gradient("dh_n", dh_n, (N, H), trace)
    dc = upstream_gradient("dc_n", dc_n, (N, H), trace).copy()
    lengths = sequence_lengths(trace.lengths, T, N)
    ends = {length: (lengths == length)[:, None] for length in set(lengths.tolist())}  # after how many steps, and who

    weight_ih, weight_hh = np.asarray(params.weight_ih), np.asarray(params.weight_hh)
    steps = min(T, max(1, BLOCK_ROWS // N))
    dz, slopes = _empty((steps, N, 4 * H), dtype), _empty((5, steps, N, H), dtype)
    rows = _empty((steps, N, D + H + 1), dtype)
    rows[:, :, -1] = 1
    dx = np.empty((T, N, D), dtype)
    dweights, part = np.zeros((2, D + H + 1, 4 * H), dtype)
    dh_next = np.zeros((N, H), dtype)
    dh_now, dc_through_h = _empty((2, N, H), dtype)
    dgates = dz.reshape(steps, N, 4, H).swapaxes(1, 2)
    multiply, dz_of_steps, weight_hh, dh_out = _product(dz, _tiles(weight_hh, N), dh_next[None])
    weight_ih = _tiles(weight_ih, steps * N)

    for stop in range(T, 0, -steps):
        start = max(0, stop - steps)
        block = slice(0, stop - start)
        slope_ifg, slope_o, slope_c = slopes[:3, block].swapaxes(0, 1), slopes[3, block], slopes[4, block]
        _slopes(trace, start, stop, *slopes[:, block])
        views = zip(
            *(range(start, stop), dh[start:stop], trace.f[start:stop], slope_ifg, slope_o, slope_c),
            *(dgates[block, :3], dgates[block, 3], dz_of_steps[block]),
            strict=True,
        )
        for t, dh_loss, f, s_ifg, s_o, s_c, dz_ifg, dz_o, dz_now in reversed(list(views)):
            if t + 1 in ends:
                np.add(dh_next, dh_n, dh_next, where=ends[t + 1])
            np.add(dh_loss, dh_next, dh_now)
            np.multiply(dh_now, s_o, dz_o)
            np.multiply(dh_now, s_c, dc_through_h)
            np.add(dc, dc_through_h, dc)
            np.multiply(dc, s_ifg, dz_ifg)
            np.multiply(dc, f, dc)
            multiply(dz_now, weight_hh, dh_out)  # into dh_next, seen as tiles

        dz_rows = dz[block].reshape(-1, 4 * H)
        product, *operands = _product(dz_rows, weight_ih, dx[start:stop].reshape(1, -1, D))
        product(*operands)
        rows[block, :, :D] = trace.x[start:stop]
        rows[1 : stop - start, :, D:-1] = trace.h[start : stop - 1]
        rows[0, :, D:-1] = trace.h[start - 1] if start else trace.h0
        dweights += np.matmul(rows[block].reshape(len(dz_rows), -1).T, dz_rows, part)

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

    NaN and infinity make a norm that is not finite, so two dot products find them, too.
    """
    squares = float(np.vdot(x, x)) + float(np.vdot(first_row, first_row)) + first_row.size
    return float(np.vdot(weights, weights)) * squares < np.finfo(weights.dtype).max


# --- products in tiles


def _step_weights(weight_ih, weight_hh, bias, n):
    """What a step multiplies n rows [x, h, 1] with, as tiles, for i, f, o and g; those of the sigmoids halved."""
    matrix = np.concatenate((weight_ih, weight_hh, bias[:, None]), axis=1)
    H, K = weight_hh.shape[1], matrix.shape[1]
    width = _tile_width(n, K, H, 4, matrix.dtype)
    tiles = _empty((4, H // width, K, width), matrix.dtype)
    i, f, g, o = matrix.reshape(4, -1, width, K).swapaxes(2, 3)
    half = np.array(0.5, matrix.dtype)
    for source, tile in zip((i, f, o), tiles, strict=False):
        np.multiply(source, half, tile)
    tiles[3] = g  # g last: i, f, o lie side by side then, and so do i and f, and g and c
    return tiles


def _tiles(weight, n):
    """A matrix (K, C) that n rows are multiplied with, as tiles (1, C / width, K, width)."""
    K, C = weight.shape
    width = _tile_width(n, K, C, 1, weight.dtype)
    tiles = _empty((1, C // width, K, width), weight.dtype)
    tiles[...] = weight.reshape(1, K, -1, width).swapaxes(1, 2)
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
    if n == 1:  # a vector times a matrix: a call of np.dot costs half of one of np.matmul
        return np.dot, rows, tiles.transpose(2, 0, 1, 3).reshape(K, -1), out.reshape(1, -1)
    height = n
    while TILE_BYTES and height * K * width > TILE_MULTIPLICATIONS and height % 2 == 0:
        height //= 2
    rows = rows.reshape(*rows.shape[:-2], n // height, 1, 1, height, K)
    return np.matmul, rows, tiles, out.reshape(G, n // height, height, columns, width).transpose(1, 0, 3, 2, 4)
