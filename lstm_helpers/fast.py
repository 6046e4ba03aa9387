"""The LSTM of `cell` and `backprop` once more, in few and large operations: close to PyTorch's speed, in NumPy.

Same names, arguments and results (up to rounding); what is lost is that it no longer reads like the equations. Notebook
05 goes from a textbook's loop to this module in seven steps and measures what each is worth:

1. The dtype of the weights is kept all the way: in float32, half the bytes and twice the numbers per instruction.
2. What waits for no step is one product for many steps: the gradients of the weights and of x.
3. What a step multiplies is one product: [x, h, 1] times one matrix, with the bias as its last row.
4. One tanh does for all gates: sigmoid(z) = 1/2 + tanh(z/2)/2. Halving is exact: the inner 1/2 goes into the weights.
5. No new arrays within a step: results go into arrays that were made before the loop.
6. The slopes of the gates depend on no gradient: they are computed for many steps at once.
7. Fewer calls, and data that stay in the cache. The gates and c of a step lie in an order in which one call does for
   several of them; on the way back a product with a small matrix (`SPREAD`) takes the place of three calls. The way
   back goes in blocks of steps, and products are cut where BLAS is faster with small ones (`tiles`).

Nothing is remembered from one call to the next, so nothing can be out of date, and threads do not meet.
"""

import numpy as np

from lstm_helpers import cell
from lstm_helpers.backprop import Gradients, check_fit, upstream_gradient
from lstm_helpers.cell import Trace, checked_input, checked_state, checked_weights
from lstm_helpers.tiles import cut, product
from lstm_helpers.validate import sequence_lengths

# The way back: what each slope is multiplied with. For o it is the gradient at h; for all others it is that at c, which
# comes from later steps and through h. The way back has the gates in the order of the weights, i, f, g, o; the way
# forward has them in the order i, f, o, g.
SPREAD = np.array(
    # dc, through h, dh
    [
        [1, 1, 0],  # dz of i
        [1, 1, 0],  # dz of f
        [1, 1, 0],  # dz of g
        [0, 0, 1],  # dz of o
        [1, 1, 0],  # dc of the step before
    ]
)

BLOCK_ROWS = 384  # steps times sequences in a block: at H = 128 its slopes fit into a cache of 2 MB in float32


def lstm_forward(x, params, h0=None, c0=None, lengths=None):
    """Run the LSTM over a batch of sequences: `cell.lstm_forward`, and faster.

    The arguments, the errors and the returned `Trace` are the same. Its arrays are views of two blocks, which hold
    6H + D + 1 numbers for each step and sample. What differs is small gates: a gate may be off by
    1e-16 (float32: 1e-7) here, in the plain version only by that share of itself. A gate of 1e-9 has 7 right digits
    here, and so has what depends on it alone; in float32 one of 1e-4 has 3, and one below 3e-8 is 0. Runs with numbers
    so large that a pre-activation might overflow go to `cell.lstm_forward`.
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
    kept = np.empty((T + 1, 5, N, H), dtype)  # i, f, o, g of each step and the c before it; the last has only a c
    kept[0, 4] = 0 if c0 is None else c0
    weights = _step_weights(params)
    if not _cannot_overflow(weights, x, rows[0]):
        return cell.lstm_forward(x, params, h0, c0, lengths)

    products = np.empty((2, N, H), dtype)
    written, remembered = products
    half = np.array(0.5, dtype)  # NumPy takes a 0-d array without the conversion that a Python float needs
    ended = np.array([-40, 40, -40, 0])[:, None, None]  # tanh(40) is exactly 1: i = 0, f = 1, o = 0, g = 0
    gates, c, h = kept[:T, :4], kept[1:, 4], rows[1:, :, D:-1]
    # z is another view of the gates, as the product wants it.
    multiply, rows_of_steps, weights, z = product(rows[:T], cut(weights.swapaxes(0, 1), N), gates)
    # In this order the three sigmoids lie side by side, and (i, f) * (g, c) is one call. Slices cost time, too: all of
    # them are made here, by iterating over arrays.
    views = (rows_of_steps, z, gates, gates[:, :3], gates[:, 2], kept[:T, :2], kept[:T, 3:], c, h)
    for t, row, z_now, gates_now, ifo, o, i_f, g_c, c_now, h_now in zip(range(T), *views, strict=True):
        multiply(row, weights, z_now)
        if t >= shortest:
            gates_now[:, lengths <= t] = ended  # instead of what was computed: c is passed on, h is 0
        np.tanh(gates_now, gates_now)
        np.multiply(ifo, half, ifo)
        np.add(ifo, half, ifo)
        np.multiply(i_f, g_c, products)
        np.add(written, remembered, c_now)
        np.tanh(c_now, written)  # which is free again
        np.multiply(o, written, h_now)

    rows.flags.writeable = kept.flags.writeable = False  # and so is all that is cut from them from now on
    i, f, o, g = kept[:T, :4].swapaxes(0, 1)
    return Trace(rows[:T, :, :D], rows[0, :, D:-1], kept[0, 4], i, f, g, o, kept[1:, 4], rows[1:, :, D:-1], lengths)


@np.errstate(under="ignore")
def run_backward(trace, params, dh, dh_n, dc_n):
    """`lstm_backward` for arguments that are known to fit, none of them None."""
    (T, N, H), D, dtype = trace.h.shape, trace.x.shape[2], trace.h.dtype
    ends = {length: (trace.lengths == length)[:, None] for length in set(trace.lengths.tolist())}  # who ends where

    # The arrays of one step. Row 9 is the dc that SPREAD is multiplied with, and then the dc of the step before.
    work = np.empty((12, N, H), dtype)  # 0 to 4 what SPREAD gives; 5 to 8 dz of i, f, g, o; 9 dc; 10 through h; 11 dh
    spread, dz_and_dc, dz_by_sequence = work[:5], work[5:10], work[5:9].swapaxes(0, 1)
    dc, dc_through_h, dh_now = work[9:]
    spread_matrix, gradients, spread_flat = SPREAD.astype(dtype), work[9:].reshape(3, -1), spread.reshape(5, -1)
    dc[...] = dc_n  # behind an end f is 1 and all other slopes are 0: dc passes unchanged, and all else stays 0
    dh_next = np.zeros((N, H), dtype)
    # The arrays of a block of steps
    steps = min(T, max(1, BLOCK_ROWS // N))
    slopes, dz_by_step = np.empty((steps, 6, N, H), dtype), np.empty((steps, N, 4, H), dtype)
    dz = dz_by_step.reshape(steps, N, 4 * H)
    rows = np.empty((steps, N, D + H + 1), dtype)  # [x, h, 1] as on the way forward
    rows[:, :, -1] = 1
    # What is the sequence, or the sum, of all blocks
    dx = np.empty((T, N, D), dtype)
    dweights, dweights_of_block = np.zeros((2, D + H + 1, 4 * H), dtype)

    weight_ih = cut(np.asarray(params.weight_ih)[None], steps * N)
    weight_hh = cut(np.asarray(params.weight_hh)[None], N)
    multiply, dz_of_steps, weight_hh, dh_out = product(dz, weight_hh, dh_next[None])  # dh_out is dh_next
    for stop in range(T, 0, -steps):
        start = max(0, stop - steps)
        block, back = slice(0, stop - start), slice(stop - start - 1, None, -1)
        _slopes(trace, start, stop, *slopes[block].swapaxes(0, 1))
        views = (dh[start:stop][::-1], slopes[back, :5], slopes[back, 5], dz_by_step[back], dz_of_steps[back])
        for t, dh_loss, slope, slope_c, dz_now, dz_row in zip(range(stop - 1, start - 1, -1), *views, strict=True):
            if t + 1 in ends:  # from here back there is a last h, and its gradient
                np.add(dh_next, dh_n, dh_next, where=ends[t + 1])
            np.add(dh_loss, dh_next, dh_now)
            np.multiply(dh_now, slope_c, dc_through_h)
            np.ndarray.dot(spread_matrix, gradients, spread_flat)
            np.multiply(spread, slope, dz_and_dc)
            dz_now[...] = dz_by_sequence
            multiply(dz_row, weight_hh, dh_out)

        dz_rows = dz[block].reshape(-1, 4 * H)
        function, *operands = product(dz_rows, weight_ih, dx[start:stop].reshape(1, -1, D))
        function(*operands)
        rows[block, :, :D] = trace.x[start:stop]
        rows[1 : stop - start, :, D:-1] = trace.h[start : stop - 1]  # the h before each step
        rows[0, :, D:-1] = trace.h[start - 1] if start else trace.h0
        dweights += np.matmul(rows[block].reshape(len(dz_rows), -1).T, dz_rows, dweights_of_block)

    dweight_ih, dweight_hh, dbias = dweights[:D].T.copy(), dweights[D:-1].T.copy(), dweights[-1].copy()
    return Gradients(dx, dh_next, dc.copy(), dweight_ih, dweight_hh, dbias)


def _slopes(trace, start, stop, slope_i, slope_f, slope_g, slope_o, slope_dc, slope_c):
    """What the gradients that `SPREAD` gives are multiplied with; slope_c is for dh, on its way to dc."""
    i, f, g, o, c = (getattr(trace, name)[start:stop] for name in "ifgoc")
    one = np.array(1, c.dtype)
    np.multiply(i, g, slope_g)
    np.subtract(one, i, slope_i)
    np.multiply(slope_i, slope_g, slope_i)  # g i (1 - i)
    np.multiply(slope_g, g, slope_g)
    np.subtract(i, slope_g, slope_g)  # i (1 - g^2)
    np.subtract(one, f, slope_f)
    np.multiply(slope_f, f, slope_f)
    np.multiply(slope_f[1:], c[:-1], slope_f[1:])
    np.multiply(slope_f[0], trace.c[start - 1] if start else trace.c0, slope_f[0])  # c_prev f (1 - f)
    np.tanh(c, slope_c)
    np.multiply(o, slope_c, slope_o)  # o tanh(c)
    np.multiply(slope_c, slope_o, slope_c)
    np.subtract(o, slope_c, slope_c)  # o (1 - tanh(c)^2)
    np.subtract(one, o, slope_dc)
    np.multiply(slope_o, slope_dc, slope_o)  # tanh(c) o (1 - o)
    slope_dc[...] = f  # dc of the step before


def _step_weights(params):
    """What a step multiplies [x, h, 1] with for i, f, o and g, (D + H + 1, 4, H); halved for the sigmoids."""
    weights = np.concatenate((params.weight_ih.T, params.weight_hh.T, np.asarray(params.bias)[None]))
    weights = weights.reshape(len(weights), 4, -1).take([0, 1, 3, 2], axis=1)
    weights[:, :3] *= 0.5
    return weights


def _cannot_overflow(weights, x, first_row):
    """Whether no pre-activation can overflow: each is at most the norm of the weights times that of its [x, h, 1].

    What is compared is their squares: from 1e19 on in float32, and from 1e154 on in float64, it says no. That is so
    much stricter than need be that all later h, between -1 and 1, need no look. With NaN or infinity a norm is not
    finite: it says no, and `cell.lstm_forward` raises.
    """
    squares = float(np.vdot(x, x)) + float(np.vdot(first_row, first_row))
    return float(np.vdot(weights, weights)) * squares < np.finfo(weights.dtype).max
