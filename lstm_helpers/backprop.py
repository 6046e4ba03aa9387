"""Backpropagation through the LSTM: one step, a whole sequence, and how much gradient is left.

A gradient bears the name of what it is the gradient of: ``grads.weight_ih`` is dL/dweight_ih.
Method: backpropagation through time (Werbos 1990, "Backpropagation Through Time: What It Does and
How to Do It", Proceedings of the IEEE 78(10)), derived line by line in notebook 03.
"""

from dataclasses import dataclass

import numpy as np

from lstm_helpers.validate import float_array, integer


@dataclass(frozen=True, eq=False)
class StepGradients:
    """Gradients of one step: x (N, D); h and c (N, H), the states before the step; weights and bias summed over N."""

    x: np.ndarray
    h: np.ndarray
    c: np.ndarray
    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of a sequence: x (T, N, D), h0 and c0 (N, H); weights and bias summed over steps and batch."""

    x: np.ndarray
    h0: np.ndarray
    c0: np.ndarray
    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray


@np.errstate(under="ignore")  # gradients vanish: 0 is then the nearest number
def lstm_step_backward(step, params, dh, dc):
    """Go back through one step.

    Parameters
    ----------
    step : Step
        What `lstm_step` returned.
    params : LSTMParams
        The weights it was made with.
    dh, dc : ndarray (N, H)
        Gradients of the loss with respect to h and c *after* the step, from everything that uses
        them later; for c, without the path through this step's own h.

    Returns
    -------
    StepGradients

    Raises
    ------
    ValueError
        If the step has other sizes than the weights, a gradient's shape or dtype does not fit the
        step, or it holds NaN or infinity.
    """
    check_fit(step, params)
    dh = float_array("dh", dh, step.h.shape, like=("h", step.h.dtype))
    dc = float_array("dc", dc, step.c.shape, like=("c", step.c.dtype))
    dz, dc_prev = _back_through_cell(step.i, step.f, step.g, step.o, step.c, step.c_prev, dh, dc)
    return StepGradients(
        x=dz @ params.weight_ih,
        h=dz @ params.weight_hh,
        c=dc_prev,
        weight_ih=dz.T @ step.x,
        weight_hh=dz.T @ step.h_prev,
        bias=dz.sum(axis=0),
    )


@np.errstate(under="ignore")
def lstm_backward(trace, params, dh=None, dh_n=None, dc_n=None):
    """Go back through a whole sequence.

    Parameters
    ----------
    trace : Trace
        What `lstm_forward` returned.
    params : LSTMParams
        The weights it was made with.
    dh : ndarray (T, N, H), optional
        Gradient of the loss with respect to every h, as far as the loss uses it directly. What it
        holds after the end of a sequence has no effect, as long as it is finite: h is a constant 0
        there.
    dh_n, dc_n : ndarray (N, H), optional
        Gradients with respect to the last h and c of each sequence. A missing gradient means zeros.

    Returns
    -------
    Gradients

    Raises
    ------
    ValueError
        If the trace has other sizes than the weights, a gradient's shape or dtype does not fit the
        trace, or it holds NaN or infinity.
    """
    check_fit(trace, params)
    T, N, H = trace.h.shape
    dh = upstream_gradient("dh", dh, (T, N, H), trace).copy()
    dh[trace.lengths - 1, np.arange(N)] += upstream_gradient("dh_n", dh_n, (N, H), trace)
    dc_next = upstream_gradient("dc_n", dc_n, (N, H), trace)
    dh_next = np.zeros_like(dc_next)

    h_prev = np.concatenate([trace.h0[None], trace.h[:-1]])
    c_prev = np.concatenate([trace.c0[None], trace.c[:-1]])
    dz = np.empty((T, N, 4 * H), trace.h.dtype)
    for t in reversed(range(T)):
        # h is used twice: by the loss at this step, and by the next step. Two uses, two gradients, one sum.
        dz[t], dc_next = _back_through_cell(
            trace.i[t], trace.f[t], trace.g[t], trace.o[t], trace.c[t], c_prev[t], dh[t] + dh_next, dc_next
        )
        dh_next = dz[t] @ params.weight_hh

    dz_rows = dz.reshape(T * N, 4 * H)
    return Gradients(
        x=dz @ params.weight_ih,
        h0=dh_next,
        c0=dc_next,
        weight_ih=dz_rows.T @ trace.x.reshape(T * N, -1),
        weight_hh=dz_rows.T @ h_prev.reshape(T * N, H),
        bias=dz_rows.sum(axis=0),
    )


def _back_through_cell(i, f, g, o, c, c_prev, dh, dc):
    """From gradients at h and c after a step to those at the pre-activations, (N, 4H), and at c_prev, (N, H)."""
    tanh_c = np.tanh(c)
    dc = dc + dh * o * (1 - tanh_c**2)  # c is used twice: in h, and by the next step
    # Each slope is written with the value itself: sigmoid' = s (1 - s), tanh' = 1 - tanh^2. It comes before the
    # gradient: at a shut gate 1e300 * 0 * dc is 0, while dc * 1e300 * 0 may overflow on the way and be NaN.
    dz_i = g * i * (1 - i) * dc
    dz_f = c_prev * f * (1 - f) * dc
    dz_g = i * (1 - g**2) * dc
    dz_o = tanh_c * o * (1 - o) * dh
    return np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1), dc * f


@np.errstate(under="ignore")
def forget_product(trace, start=0, stop=None):
    """The product of the forget gates on the way from state number `start` to state number `stop`.

    State 0 is the initial one, state t the one after t steps. This is what multiplies a gradient
    on the *direct* path from c to c. The full derivative has more paths (through h and the
    gates), see `state_jacobian`.

    Parameters
    ----------
    trace : Trace
    start, stop : int
        0 <= start <= stop <= T; `stop` is T if missing.

    Returns
    -------
    ndarray (N, H), values in [0, 1]

    Raises
    ------
    ValueError
        If there are no states of these numbers.
    """
    start, stop = _state_numbers(trace, start, stop)
    return trace.f[start:stop].prod(axis=0)


@np.errstate(under="ignore")
def state_jacobian(trace, params, start=0, stop=None, batch=0):
    """All derivatives of the states number `stop` with respect to the states number `start`, for one sequence.

    Parameters
    ----------
    trace : Trace
    params : LSTMParams
    start, stop : int
        Numbers of states: 0 is the initial one, t the one after t steps. 0 <= start <= stop <= T;
        `stop` is T if missing.
    batch : int
        Which sequence of the batch.

    Returns
    -------
    ndarray (2H, 2H)
        Row: a component of (h, c) at `stop`; column: a component of (h, c) at `start`. So
        ``[H:, H:]`` is the derivative of c with respect to c. Behind a sequence's end h is a
        constant 0 and c is passed on, as in the `Trace`.

    Raises
    ------
    ValueError
        If there are no states of these numbers, no such sequence, or the trace has other sizes
        than the weights.
    """
    check_fit(trace, params)
    start, stop = _state_numbers(trace, start, stop)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    H = trace.hidden_size
    jacobian = np.eye(2 * H, dtype=trace.h.dtype)
    for t in range(start, stop):
        step = trace.step(t)
        # One row of upstream gradient for each component of the state: 2H backward steps, done as one batch.
        rows = [np.repeat(getattr(step, name)[[batch]], 2 * H, axis=0) for name in ("i", "f", "g", "o", "c", "c_prev")]
        unit = np.eye(2 * H, dtype=trace.h.dtype)
        dz, dc_prev = _back_through_cell(*rows, unit[:, :H], unit[:, H:])
        jacobian = np.concatenate([dz @ params.weight_hh, dc_prev], axis=1) @ jacobian
    return jacobian


def _state_numbers(trace, start, stop):
    start = integer("start", start, 0, trace.seq_len)
    return start, integer("stop", trace.seq_len if stop is None else stop, start, trace.seq_len)


def upstream_gradient(name, gradient, shape, trace):
    """A gradient from above as an array of this shape, zeros if it is missing; or a ValueError: what is wrong."""
    if gradient is None:
        return np.zeros(shape, trace.h.dtype)
    return float_array(name, gradient, shape, like=("h", trace.h.dtype))


def check_fit(run, params):
    """Raise a ValueError unless a step or trace comes from weights of these sizes."""
    D, H = run.x.shape[-1], run.h.shape[-1]
    float_array("weight_ih", params.weight_ih, (4 * H, D), like=("h", run.h.dtype))
    float_array("weight_hh", params.weight_hh, (4 * H, H), like=("h", run.h.dtype))
