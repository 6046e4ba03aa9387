"""One LSTM, eight times: from a textbook's loop to `fast` in seven steps.

Notebook 05 tells the story, and measures what each step is worth. Every function here takes x (T, N, D), `LSTMParams`
and the gradient dh (T, N, H) of each h, runs forward from states of zeros and back, and returns the gradients of x,
weight_ih, weight_hh and bias as a tuple. All of them compute the same, up to rounding. They check nothing and have no
lengths: to use an LSTM, take `network.LSTM`.
"""

import numpy as np

from lstm_helpers import fast
from lstm_helpers.cell import GATES, sigmoid


def textbook(x, params, dh, *, dtype=np.float64, products_after=False):
    """Gate by gate, step by step, as the equations stand in a textbook.

    Parameters
    ----------
    dtype : float32 or float64
        Of all that is computed. Most loops on the web compute in float64 whatever they are given, because they start
        from ``np.zeros(...)``, which is float64.
    products_after : bool
        Whether the gradients of x and of the weights wait until the loop is over, for one product for all steps.
    """
    (T, N, _), H = x.shape, params.hidden_size
    x, dh = x.astype(dtype), dh.astype(dtype)
    W, U, b = ({k: a[params.gate(k)].astype(dtype) for k in GATES} for a in vars(params).values())
    h, c, steps = np.zeros((N, H), dtype), np.zeros((N, H), dtype), []
    for t in range(T):
        z = {k: x[t] @ W[k].T + h @ U[k].T + b[k] for k in GATES}
        i, f, g, o = sigmoid(z["i"]), sigmoid(z["f"]), np.tanh(z["g"]), sigmoid(z["o"])
        c_next = f * c + i * g
        steps.append((x[t], h, c, i, f, g, o, np.tanh(c_next)))
        h, c = o * steps[-1][-1], c_next

    dx, dh_next, dc = np.zeros_like(x), np.zeros((N, H), dtype), np.zeros((N, H), dtype)
    dW, dU, db = ({k: np.zeros_like(a[k]) for k in GATES} for a in (W, U, b))
    all_dz = {k: np.zeros((T, N, H), dtype) for k in GATES}
    for t in reversed(range(T)):
        x_t, h_prev, c_prev, i, f, g, o, tanh_c = steps[t]
        dh_now = dh[t] + dh_next
        dc = dc + dh_now * o * (1 - tanh_c**2)
        dz = {
            "i": dc * g * i * (1 - i),
            "f": dc * c_prev * f * (1 - f),
            "g": dc * i * (1 - g**2),
            "o": dh_now * tanh_c * o * (1 - o),
        }
        for k in GATES:
            if products_after:
                all_dz[k][t] = dz[k]
            else:
                dx[t] += dz[k] @ W[k]
                dW[k] += dz[k].T @ x_t
                dU[k] += dz[k].T @ h_prev
                db[k] += dz[k].sum(axis=0)
        dh_next = sum(dz[k] @ U[k] for k in GATES)
        dc = dc * f
    if products_after:
        dx = sum(all_dz[k] @ W[k] for k in GATES)
        h_prev = np.concatenate([step[1] for step in steps])
        for k in GATES:
            rows = all_dz[k].reshape(T * N, H)
            dW[k], dU[k], db[k] = rows.T @ x.reshape(T * N, -1), rows.T @ h_prev, rows.sum(axis=0)
    return dx, *(np.concatenate([gradient[k] for k in GATES]) for gradient in (dW, dU, db))


def one_product(x, params, dh, *, one_tanh=False):
    """All gates in one product: [x, h, 1] times one matrix. Back, the four dz side by side.

    Parameters
    ----------
    one_tanh : bool
        Whether one tanh does for all four gates, by sigmoid(z) = 1/2 + tanh(z/2)/2.
    """
    (T, N, D), H, dtype = x.shape, params.hidden_size, x.dtype
    matrix = np.concatenate((params.weight_ih, params.weight_hh, params.bias[:, None]), axis=1).T.copy()
    half = np.full(4 * H, 0.5, dtype)
    half[params.gate("g")] = 1
    if one_tanh:
        matrix *= half
    rows = np.concatenate((x, np.zeros((T, N, H), dtype), np.ones((T, N, 1), dtype)), axis=2)
    gates, cs = np.empty((T, N, 4 * H), dtype), np.zeros((T + 1, N, H), dtype)
    hs = np.empty((T, N, H), dtype)
    for t in range(T):
        z = rows[t] @ matrix
        if one_tanh:
            gates[t] = np.tanh(z) * half + (1 - half)
        else:
            i, f, g, o = np.split(z, 4, axis=1)
            gates[t] = np.concatenate((sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)), axis=1)
        i, f, g, o = np.split(gates[t], 4, axis=1)
        cs[t + 1] = f * cs[t] + i * g
        hs[t] = o * np.tanh(cs[t + 1])
        if t + 1 < T:
            rows[t + 1, :, D:-1] = hs[t]

    dz = np.empty((T, N, 4 * H), dtype)
    dh_next, dc = np.zeros((N, H), dtype), np.zeros((N, H), dtype)
    for t in reversed(range(T)):
        i, f, g, o = np.split(gates[t], 4, axis=1)
        tanh_c = np.tanh(cs[t + 1])
        dh_now = dh[t] + dh_next
        dc = dc + dh_now * o * (1 - tanh_c**2)
        dz_i, dz_f, dz_g = dc * g * i * (1 - i), dc * cs[t] * f * (1 - f), dc * i * (1 - g**2)
        dz[t] = np.concatenate((dz_i, dz_f, dz_g, dh_now * tanh_c * o * (1 - o)), axis=1)
        dh_next = dz[t] @ params.weight_hh
        dc = dc * f
    return _gradients(dz, rows, params)


def in_place(x, params, dh, *, slopes_at_once=False):
    """Nothing new within a step: every result goes into an array that was made before the loop.

    Parameters
    ----------
    slopes_at_once : bool
        Whether the slopes of the gates, which need no gradient, are computed for all steps before the way back.
    """
    (T, N, D), H, dtype = x.shape, params.hidden_size, x.dtype
    half, one = np.array(0.5, dtype), np.array(1, dtype)
    matrix = np.concatenate((params.weight_ih, params.weight_hh, params.bias[:, None]), axis=1).reshape(4, H, -1)
    matrix = matrix[[0, 1, 3, 2]]  # i, f, o, g: the three sigmoids lie side by side, and g beside c
    matrix[:3] *= half
    matrix = matrix.swapaxes(1, 2).copy()
    rows = np.concatenate((x, np.zeros((T, N, H), dtype), np.ones((T, N, 1), dtype)), axis=2)
    rows = np.concatenate((rows, rows[:1]))  # one more, for the h after the last step
    kept = np.zeros((T + 1, 5, N, H), dtype)
    products = np.empty((2, N, H), dtype)
    for t in range(T):
        i_f, g_c, ifo, c = kept[t + 1, :2], kept[t + 1, 3:], kept[t + 1, :3], kept[t + 1, 4]
        np.matmul(rows[t], matrix, out=kept[t + 1, :4])
        np.tanh(kept[t + 1, :4], out=kept[t + 1, :4])
        np.multiply(ifo, half, out=ifo)
        np.add(ifo, half, out=ifo)
        c[...] = kept[t, 4]
        np.multiply(i_f, g_c, out=products)
        np.add(products[0], products[1], out=c)
        np.tanh(c, out=products[0])
        np.multiply(ifo[2], products[0], out=rows[t + 1, :, D:-1])

    many = T if slopes_at_once else 1
    slopes = np.empty((many, 5, N, H), dtype)
    dz, dz_gates = np.empty((T, N, 4 * H), dtype), np.empty((4, N, H), dtype)
    dh_next, dc, dh_now, through_h = np.zeros((4, N, H), dtype)
    for t in reversed(range(T)):
        if (t + 1) % many == 0:  # at the last of T steps, or at each of them
            _slopes(kept[t + 1 - many : t + 2], slopes, one)
        slope = slopes[t % many]
        np.add(dh[t], dh_next, out=dh_now)
        np.multiply(dh_now, slope[4], out=through_h)
        np.add(dc, through_h, out=dc)
        np.multiply(dc, slope[:3], out=dz_gates[:3])
        np.multiply(dh_now, slope[3], out=dz_gates[3])
        dz[t].reshape(N, 4, H)[...] = dz_gates.swapaxes(0, 1)
        np.multiply(dc, kept[t + 1, 1], out=dc)
        np.matmul(dz[t], params.weight_hh, out=dh_next)
    return _gradients(dz, rows[:T], params)


def _slopes(kept, slopes, one):
    """From i, f, o, g, c after each step (the first entry: before) to what dc or dh is multiplied with."""
    i, f, o, g, c = kept[1:].swapaxes(0, 1)
    slope_i, slope_f, slope_g, slope_o, slope_c = slopes.swapaxes(0, 1)
    tanh_c = np.tanh(c, out=slope_c)
    for gate, value, slope in ((i, g, slope_i), (f, kept[:-1, 4], slope_f), (o, tanh_c, slope_o)):
        np.subtract(one, gate, out=slope)
        np.multiply(slope, gate, out=slope)
        np.multiply(slope, value, out=slope)
    for value, gate, slope in ((g, i, slope_g), (tanh_c, o, slope_c)):
        np.multiply(value, value, out=slope)
        np.subtract(one, slope, out=slope)
        np.multiply(slope, gate, out=slope)


def in_the_cache(x, params, dh):
    """The module `fast`: fewer calls within a step, the way back in blocks of steps, products cut."""
    gradients = fast.lstm_backward(fast.lstm_forward(x, params), params, dh)
    return gradients.x, gradients.weight_ih, gradients.weight_hh, gradients.bias


def _gradients(dz, rows, params):
    (T, N, _), D = dz.shape, params.input_size
    dmatrix = rows.reshape(T * N, -1).T @ dz.reshape(T * N, -1)
    return dz @ params.weight_ih, dmatrix[:D].T.copy(), dmatrix[D:-1].T.copy(), dmatrix[-1].copy()


VERSIONS = {
    "0  a textbook's loop, in float64": textbook,
    "1  the dtype is kept": lambda x, params, dh: textbook(x, params, dh, dtype=x.dtype),
    "2  products after the loop": lambda x, params, dh: textbook(x, params, dh, dtype=x.dtype, products_after=True),
    "3  one product for a step": one_product,
    "4  one tanh for four gates": lambda x, params, dh: one_product(x, params, dh, one_tanh=True),
    "5  no new arrays within a step": in_place,
    "6  all slopes at once": lambda x, params, dh: in_place(x, params, dh, slopes_at_once=True),
    "7  fewer calls, blocks, tiles (fast.py)": in_the_cache,
}
