"""The plain tanh RNN, forward and backward: the contrast that shows what the LSTM adds.

    h = tanh(W x + U h_prev + b)

Method: Elman (1990, "Finding Structure in Time", Cognitive Science 14(2)); layout as ``torch.nn.RNN``.
"""

from dataclasses import dataclass

import numpy as np

from lstm_helpers.validate import check_shape, float_array, float_dtype, integer, read_only


@dataclass(eq=False)
class RNNParams:
    """The weights of a plain RNN: own copies. weight_ih (H, D), weight_hh (H, H), bias (H,).

    Raises
    ------
    ValueError
        If a shape does not fit the others, or for other dtypes than float32 and float64, mixed
        dtypes, NaN or infinity.
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray

    def __post_init__(self):
        self.weight_ih, self.weight_hh, self.bias = (array.copy() for array in _checked_weights(self))

    @classmethod
    def init(cls, input_size, hidden_size, *, seed, dtype=np.float64):
        """Random weights, uniform between ±1/sqrt(H) (torch's range), bias 0; the same for the same seed."""
        dtype = float_dtype(dtype)
        input_size, hidden_size = integer("input_size", input_size, 1), integer("hidden_size", hidden_size, 1)
        rng = np.random.default_rng(seed)
        bound = 1 / np.sqrt(hidden_size)
        weight_ih = rng.uniform(-bound, bound, (hidden_size, input_size))
        weight_hh = rng.uniform(-bound, bound, (hidden_size, hidden_size))
        return cls(weight_ih.astype(dtype), weight_hh.astype(dtype), np.zeros(hidden_size, dtype))


@dataclass(frozen=True, eq=False)
class RNNTrace:
    """What an RNN did over a sequence: x (T, N, D), h0 (N, H), h (T, N, H); read-only."""

    x: np.ndarray
    h0: np.ndarray
    h: np.ndarray

    def __post_init__(self):
        for name, array in vars(self).items():
            object.__setattr__(self, name, read_only(array))

    @property
    def h_n(self):
        """The last hidden state, (N, H)."""
        return self.h[-1]


@dataclass(frozen=True, eq=False)
class RNNGradients:
    """Gradients, each with the name and shape of what it is the gradient of."""

    x: np.ndarray
    h0: np.ndarray
    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray


@np.errstate(under="ignore")
def rnn_forward(x, params, h0=None):
    """Run the RNN over a batch of sequences.

    Parameters
    ----------
    x : ndarray (T, N, D)
    params : RNNParams
    h0 : ndarray (N, H), optional
        The state before the first step; zeros if missing.

    Returns
    -------
    RNNTrace
        With h in [-1, 1].

    Raises
    ------
    ValueError
        For shapes or dtypes that do not fit, NaN, infinity, and pre-activations that overflow.
    """
    weight_ih, weight_hh, bias = _checked_weights(params)
    like = ("weight_ih", weight_ih.dtype)
    x = float_array("x", x, ("T", "N", "D"), like=like)
    if x.shape[2] != weight_ih.shape[1]:
        raise ValueError(f"x has {x.shape[2]} features, weight_ih wants {weight_ih.shape[1]}")
    (T, N, _), H = x.shape, len(bias)
    h0 = np.zeros((N, H), x.dtype) if h0 is None else float_array("h0", h0, (N, H), like=like).copy()
    hs = np.empty((T, N, H), x.dtype)
    h = h0
    for t in range(T):
        with np.errstate(over="ignore", invalid="ignore"):  # the next line looks
            z = x[t] @ weight_ih.T + h @ weight_hh.T + bias
        if not np.isfinite(z).all():
            raise ValueError(f"x, h0 or the weights are so large that a pre-activation overflows {x.dtype}")
        h = hs[t] = np.tanh(z)
    return RNNTrace(x.copy(), h0, hs)


@np.errstate(under="ignore")
def rnn_backward(trace, params, dh=None, dh_n=None):
    """Go back through a whole sequence.

    Parameters
    ----------
    trace : RNNTrace
    params : RNNParams
    dh : ndarray (T, N, H), optional
        Gradient of the loss with respect to every h, as far as the loss uses it directly.
    dh_n : ndarray (N, H), optional
        The same for the last h. A missing gradient means zeros.

    Returns
    -------
    RNNGradients

    Raises
    ------
    ValueError
        If the trace has other sizes than the weights, a gradient's shape or dtype does not fit the
        trace, or it holds NaN or infinity.
    """
    _check_fit(trace, params)
    T, N, H = trace.h.shape
    like = ("h", trace.h.dtype)
    dh = np.zeros_like(trace.h) if dh is None else float_array("dh", dh, (T, N, H), like=like)
    dh_next = np.zeros_like(trace.h0) if dh_n is None else float_array("dh_n", dh_n, (N, H), like=like)
    dz = np.empty_like(trace.h)
    for t in reversed(range(T)):
        dz[t] = (dh[t] + dh_next) * (1 - trace.h[t] ** 2)
        dh_next = dz[t] @ params.weight_hh
    h_prev = np.concatenate([trace.h0[None], trace.h[:-1]])
    dz_rows = dz.reshape(T * N, H)
    return RNNGradients(
        x=dz @ params.weight_ih,
        h0=dh_next,
        weight_ih=dz_rows.T @ trace.x.reshape(T * N, -1),
        weight_hh=dz_rows.T @ h_prev.reshape(T * N, H),
        bias=dz_rows.sum(axis=0),
    )


@np.errstate(under="ignore")
def rnn_state_jacobian(trace, params, start=0, stop=None, batch=0):
    """The derivative of state number `stop` with respect to state number `start`, for one sequence.

    State 0 is the initial one, state t the one after t steps: 0 <= start <= stop <= T; `stop` is
    T if missing. It is a product with one factor for each step, ``diag(1 - h**2) @ weight_hh``.

    Returns
    -------
    ndarray (H, H)
        Row: a component of h at `stop`; column: a component of h at `start`.
    """
    _check_fit(trace, params)
    T, N, H = trace.h.shape
    start = integer("start", start, 0, T)
    stop = integer("stop", T if stop is None else stop, start, T)
    batch = integer("batch", batch, 0, N - 1)
    jacobian = np.eye(H, dtype=trace.h.dtype)
    for t in range(start, stop):
        jacobian = (1 - trace.h[t, batch, :, None] ** 2) * params.weight_hh @ jacobian
    return jacobian


def _checked_weights(params):
    weight_hh = float_array("weight_hh", params.weight_hh, ("H", "H"))
    H = len(weight_hh)
    like = ("weight_hh", weight_hh.dtype)
    weight_ih = float_array("weight_ih", params.weight_ih, (H, "D"), like=like)
    check_shape("weight_hh", weight_hh, (H, H))
    bias = float_array("bias", params.bias, (H,), like=like)
    return weight_ih, weight_hh, bias


def _check_fit(trace, params):
    D, H = trace.x.shape[-1], trace.h.shape[-1]
    float_array("weight_ih", params.weight_ih, (H, D), like=("h", trace.h.dtype))
    float_array("weight_hh", params.weight_hh, (H, H), like=("h", trace.h.dtype))
