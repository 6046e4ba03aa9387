"""The LSTM cell: one step, and a whole sequence.

The equations are those of Hochreiter & Schmidhuber (1997, "Long Short-Term Memory", Neural
Computation 9(8)) with the forget gate of Gers, Schmidhuber & Cummins (2000, "Learning to Forget",
Neural Computation 12(10)), in the notation and layout of ``torch.nn.LSTM``:

    i = sigmoid(W_i x + U_i h + b_i)        how much of the candidate is written
    f = sigmoid(W_f x + U_f h + b_f)        how much of the old cell state is kept
    g = tanh   (W_g x + U_g h + b_g)        the candidate: what would be written
    o = sigmoid(W_o x + U_o h + b_o)        how much of the cell state is shown
    c = f * c_prev + i * g                  the cell state
    h = o * tanh(c)                         the hidden state, which is also the output

Shapes: T = seq_len, N = batch, D = input_size, H = hidden_size. Time comes first.
"""

from dataclasses import dataclass

import numpy as np

from lstm_helpers.validate import check_shape, float_array, float_dtype, integer, read_only, sequence_lengths

GATES = ("i", "f", "g", "o")  # the order of the four blocks of H rows in every weight and bias, as in torch


@np.errstate(under="ignore")  # exp(-1000) is 0: the right answer, not a fault
def sigmoid(z):
    """The logistic function 1 / (1 + exp(-z)), element by element, values in [0, 1].

    exp is only ever taken of numbers at or below 0, so that it cannot overflow, and no digits are
    lost at either end: sigmoid(-40) is 4.248e-18, not 0.
    """
    z = np.asarray(z) * 1.0  # whole numbers become float64; float32 stays
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


@dataclass(eq=False)
class LSTMParams:
    """The weights of one LSTM layer in one direction: own copies, free to be trained in place.

    Attributes
    ----------
    weight_ih : ndarray (4H, D)
        From the input to the four gates, in blocks of H rows in the order of `GATES`.
    weight_hh : ndarray (4H, H)
        From the previous hidden state to the four gates.
    bias : ndarray (4H,)
        One bias. torch keeps two and adds them; `torch_bridge` and `network` translate.

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
        self.weight_ih, self.weight_hh, self.bias = (array.copy() for array in checked_weights(self))

    @classmethod
    def init(cls, input_size, hidden_size, *, seed, forget_bias=1.0, dtype=np.float64):
        """Random weights, the same for the same seed.

        Weights are uniform between ±1/sqrt(H), torch's range. Biases are 0, except the forget
        gate's, which is `forget_bias`: it keeps the cell state from fading before anything is
        learned (Gers et al. 2000; Jozefowicz, Zaremba & Sutskever 2015, "An Empirical Exploration
        of Recurrent Network Architectures").

        Parameters
        ----------
        input_size, hidden_size : int
            D and H, at least 1.
        seed : int or numpy.random.Generator
        forget_bias : float
        dtype : float32 or float64

        Raises
        ------
        ValueError
            For a size that is not a whole number of at least 1, another dtype, or a forget_bias that
            is not finite.
        """
        dtype = float_dtype(dtype)
        if not np.isfinite(forget_bias):
            raise ValueError(f"forget_bias is {forget_bias}, wanted a finite number")
        input_size, hidden_size = integer("input_size", input_size, 1), integer("hidden_size", hidden_size, 1)
        rng = np.random.default_rng(seed)
        bound = 1 / np.sqrt(hidden_size)
        weight_ih = rng.uniform(-bound, bound, (4 * hidden_size, input_size))
        weight_hh = rng.uniform(-bound, bound, (4 * hidden_size, hidden_size))
        bias = np.zeros(4 * hidden_size)
        params = cls(*(array.astype(dtype) for array in (weight_ih, weight_hh, bias)))
        params.bias[params.gate("f")] = forget_bias
        return params

    @property
    def input_size(self):
        return self.weight_ih.shape[1]

    @property
    def hidden_size(self):
        return self.weight_hh.shape[1]

    @property
    def dtype(self):
        return self.weight_ih.dtype

    def gate(self, name):
        """The slice of H rows that belongs to the gate `name`, one of `GATES`: ``params.bias[params.gate("f")]``."""
        if name not in GATES:
            raise ValueError(f"name is {name!r}, wanted one of {', '.join(GATES)}")
        k = GATES.index(name)
        return slice(k * self.hidden_size, (k + 1) * self.hidden_size)


@dataclass(frozen=True, eq=False)
class Step:
    """One step of an LSTM and all that its backward pass needs; every array is read-only.

    Attributes
    ----------
    x : ndarray (N, D)
    h_prev, c_prev : ndarray (N, H)
        The states before the step.
    i, f, g, o : ndarray (N, H)
        The gates, in [0, 1], and the candidate g, in [-1, 1].
    c, h : ndarray (N, H)
        The states after the step; h is in [-1, 1], c is unbounded.
    """

    x: np.ndarray
    h_prev: np.ndarray
    c_prev: np.ndarray
    i: np.ndarray
    f: np.ndarray
    g: np.ndarray
    o: np.ndarray
    c: np.ndarray
    h: np.ndarray

    def __post_init__(self):
        vars(self).update({name: read_only(array) for name, array in vars(self).items()})


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that one LSTM did over a sequence; every array is read-only.

    Attributes
    ----------
    x : ndarray (T, N, D)
        The input; 0 where a sequence has ended.
    h0, c0 : ndarray (N, H)
        The states before the first step.
    i, f, g, o, c, h : ndarray (T, N, H)
        Gates, candidate, cell state and hidden state after each step. Where a sequence has
        ended, the step is the one with f = 1 and i = g = o = 0: c is passed on and h is 0.
    lengths : ndarray of int (N,)
        How many steps each sequence has, 1 to T.
    """

    x: np.ndarray
    h0: np.ndarray
    c0: np.ndarray
    i: np.ndarray
    f: np.ndarray
    g: np.ndarray
    o: np.ndarray
    c: np.ndarray
    h: np.ndarray
    lengths: np.ndarray

    def __post_init__(self):
        vars(self).update({name: read_only(array) for name, array in vars(self).items()})

    @property
    def h_n(self):
        """The hidden state after the last step of each sequence, (N, H)."""
        return self.h[self.lengths - 1, np.arange(self.batch_size)]

    @property
    def c_n(self):
        """The cell state after the last step of each sequence, (N, H)."""
        return self.c[self.lengths - 1, np.arange(self.batch_size)]

    @property
    def seq_len(self):
        return self.x.shape[0]

    @property
    def batch_size(self):
        return self.x.shape[1]

    @property
    def input_size(self):
        return self.x.shape[2]

    @property
    def hidden_size(self):
        return self.h.shape[2]

    def step(self, t):
        """Step number t, 0 to T - 1, as a `Step`."""
        t = integer("t", t, 0, self.seq_len - 1)
        h_prev, c_prev = (self.h[t - 1], self.c[t - 1]) if t > 0 else (self.h0, self.c0)
        return Step(self.x[t], h_prev, c_prev, *(getattr(self, name)[t] for name in "ifgoch"))


@np.errstate(under="ignore")
def lstm_step(x, h, c, params):
    """One step of the LSTM.

    Parameters
    ----------
    x : ndarray (N, D)
    h, c : ndarray (N, H)
        The states before the step.
    params : LSTMParams

    Returns
    -------
    Step

    Raises
    ------
    ValueError
        For shapes that do not fit, dtypes other than float32 or float64, mixed dtypes, NaN,
        infinity, and for numbers so large that the pre-activations overflow.
    """
    checked_weights(params)
    x = checked_input(x, params, ("N", "D"))
    h = checked_state("h", h, params, len(x))
    c = checked_state("c", c, params, len(x))
    with np.errstate(over="ignore", invalid="ignore"):  # _gates_and_states looks
        z = x @ params.weight_ih.T + h @ params.weight_hh.T + params.bias
    return Step(x.copy(), h.copy(), c.copy(), *_gates_and_states(z, c))


@np.errstate(under="ignore")
def lstm_forward(x, params, h0=None, c0=None, lengths=None):
    """Run the LSTM over a batch of sequences.

    Parameters
    ----------
    x : ndarray (T, N, D)
        Time first, as torch has it by default.
    params : LSTMParams
    h0, c0 : ndarray (N, H), optional
        The states before the first step; zeros if missing.
    lengths : array_like of int (N,), optional
        How many steps each sequence really has, 1 to T, in any order; T for all if missing.
        What x holds after the end of a sequence has no effect.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        As `lstm_step`; also for T = 0 and for lengths below 1 or above T.
    """
    checked_weights(params)
    x = checked_input(x, params, ("T", "N", "D"), finite=False)  # the padding may hold anything
    T, N, _ = x.shape
    H, dtype = params.hidden_size, params.dtype
    h0 = np.zeros((N, H), dtype) if h0 is None else checked_state("h0", h0, params, N).copy()
    c0 = np.zeros((N, H), dtype) if c0 is None else checked_state("c0", c0, params, N).copy()
    lengths = sequence_lengths(lengths, T, N)
    running = np.arange(T)[:, None, None] < lengths[:, None]  # (T, N, 1)
    x = float_array("x", np.where(running, x, 0))

    i, f, g, o, cs, hs = (np.empty((T, N, H), dtype) for _ in range(6))
    h, c = h0, c0
    with np.errstate(over="ignore", invalid="ignore"):  # _gates_and_states looks
        z_x = x @ params.weight_ih.T + params.bias  # what needs no h, for all steps at once
        for t in range(T):
            z = z_x[t] + h @ params.weight_hh.T
            i[t], f[t], g[t], o[t], cs[t], hs[t] = _gates_and_states(z, c)
            if not running[t].all():
                ended = ~running[t, :, 0]
                f[t, ended], cs[t, ended] = 1, c[ended]
                i[t, ended] = g[t, ended] = o[t, ended] = hs[t, ended] = 0
            h, c = hs[t], cs[t]
    return Trace(x, h0, c0, i, f, g, o, cs, hs, lengths)


def _gates_and_states(z, c_prev):
    """The cell itself: from the pre-activations z (N, 4H) and c_prev (N, H) to i, f, g, o, c, h."""
    # A sum that overflows on its way may end at the wrong infinity, and so the wrong side of a gate.
    if not np.isfinite(z).all():
        raise ValueError(f"x, the states or the weights are so large that a pre-activation overflows {z.dtype}")
    i, f, g, o = np.split(z, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return i, f, g, o, c, h


def checked_weights(params, *, finite=True):
    """The weights of `params` as they are, (weight_ih, weight_hh, bias), or a ValueError that says what is wrong."""
    weight_ih = float_array("weight_ih", params.weight_ih, ("4H", "D"), finite=finite)
    check_gate_blocks("weight_ih", weight_ih)
    H = len(weight_ih) // 4
    like = ("weight_ih", weight_ih.dtype)
    weight_hh = float_array("weight_hh", params.weight_hh, (4 * H, H), like=like, finite=finite)
    bias = float_array("bias", params.bias, (4 * H,), like=like, finite=finite)
    return weight_ih, weight_hh, bias


def check_gate_blocks(name, weight):
    """Raise a ValueError unless the rows of `weight` fall into four blocks, one for each gate."""
    if len(weight) % 4:
        raise ValueError(f"{name} has {len(weight)} rows, wanted a multiple of 4 (blocks for {', '.join(GATES)})")


def checked_input(x, params, shape, *, finite=True):
    """x as an array of this shape, e.g. ("N", "D"), that fits the weights, or a ValueError that says what is wrong."""
    x = float_array("x", x, like=("weight_ih", params.dtype), finite=finite)
    check_shape("x", x, shape)
    if x.shape[-1] != params.input_size:
        raise ValueError(f"x has {x.shape[-1]} features, weight_ih wants {params.input_size}")
    return x


def checked_state(name, state, params, batch_size):
    """h, c, h0 or c0 as an array (N, H) that fits the weights, or a ValueError that says what is wrong."""
    return float_array(name, state, (batch_size, params.hidden_size), like=("weight_ih", params.dtype))
