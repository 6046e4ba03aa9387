"""The bug museum: mistakes that published LSTM code makes, each as a small variant that runs.

Three kinds. A *backward* bug is one step of backward with one line wrong; a *forward* bug is one
step of forward with one line wrong, followed by the right backward; a bug *around* the cell (loss,
readout, initial weights, windows) is a pair of small functions, the wrong one and the right one.
What is said about where a mistake was published names the kind of source only: everybody makes
these, and each of them was found because somebody published code that could be read.

The right step is the one of `backprop`; it stands here again, line by line, so that each variant
can be read next to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lstm_helpers.backprop import Gradients
from lstm_helpers.cell import GATES, LSTMParams, Trace, lstm_forward, lstm_step
from lstm_helpers.validate import float_array, integer

# --- one step of backward, right and wrong -------------------------------------------------------
# Each takes (step, params, dh, dc), the gradients that arrive at h and c from later, and returns
# dz (N, 4H), the gradient of the pre-activations, with dh_prev and dc_prev, both (N, H).


def right_step(step, params, dh, dc):
    """The right one, to read the others against."""
    i, f, g, o = step.i, step.f, step.g, step.o
    tanh_c = np.tanh(step.c)
    dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = dc * g * i * (1 - i)
    dz_f = dc * step.c_prev * f * (1 - f)
    dz_g = dc * i * (1 - g**2)
    dz_o = dh * tanh_c * o * (1 - o)
    dz = np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1)
    return dz, dz @ params.weight_hh, dc * f


def missing_transpose(step, params, dh, dc):
    dz, _, dc_prev = right_step(step, params, dh, dc)
    blocks = zip(np.split(dz, 4, axis=1), np.split(params.weight_hh, 4), strict=True)
    dh_prev = sum(dz_k @ weight_k.T for dz_k, weight_k in blocks)  # right: dz_k @ weight_k
    return dz, dh_prev, dc_prev


def no_gradient_from_next_step(step, params, dh, dc):
    dz, dh_prev, dc_prev = right_step(step, params, dh, dc)
    return dz, np.zeros_like(dh_prev), np.zeros_like(dc_prev)  # right: both go on to the step before


def no_gradient_through_h(step, params, dh, dc):
    dz, dh_prev, dc_prev = right_step(step, params, dh, dc)
    return dz, np.zeros_like(dh_prev), dc_prev  # right: dh_prev goes on, too


def overwritten_dh(step, params, dh, dc):
    dz, dh_prev, _ = right_step(step, params, dh, dc)
    dh = dh_prev  # right: the name dh is still needed, in the next line
    dc_prev = (dc + dh * step.o * (1 - np.tanh(step.c) ** 2)) * step.f
    return dz, dh_prev, dc_prev


def missing_brackets(step, params, dh, dc):
    i, f, g, o = step.i, step.f, step.g, step.o
    through_h = dh * o * (1 - np.tanh(step.c) ** 2)
    dz_i = dc * g + through_h * g * i * (1 - i)  # right: (dc + through_h) * g * i * (1 - i)
    dz_f = dc * step.c_prev + through_h * step.c_prev * f * (1 - f)  # right: (dc + through_h) * ..., as above
    dz_g = dc * i + through_h * i * (1 - g**2)  # right: (dc + through_h) * ..., as above
    dz_o = dh * np.tanh(step.c) * o * (1 - o)
    dz = np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1)
    return dz, dz @ params.weight_hh, (dc + through_h) * f


def missing_forget_slope(step, params, dh, dc):
    dz, _, dc_prev = right_step(step, params, dh, dc)
    dc = dc + dh * step.o * (1 - np.tanh(step.c) ** 2)
    dz[:, params.gate("f")] = dc * step.c_prev  # right: dc * step.c_prev * f * (1 - f)
    return dz, dz @ params.weight_hh, dc_prev


def changed_callers_array(step, params, dh, dc):
    result = right_step(step, params, dh, dc)
    dc += dh * step.o * (1 - np.tanh(step.c) ** 2)  # right: dc = dc + ..., which makes a new array
    return result


# --- one step of forward, wrong ------------------------------------------------------------------
# Each takes (x, h, c, params) like `lstm_step` and returns a `Step`.


def wrong_bias(x, h, c, params):
    bias = params.bias.copy()
    for name in ("i", "f"):
        bias[params.gate(name)] = params.bias[params.gate("o")]  # right: each gate has its own bias
    return lstm_step(x, h, c, LSTMParams(params.weight_ih, params.weight_hh, bias))


def gates_fed_c(x, h, c, params):
    step = lstm_step(x, c, c, params)  # right: lstm_step(x, h, c, params)
    return replace(step, h_prev=h.copy())


# --- around the cell: wrong and right ------------------------------------------------------------


def readout_never_updated(weight, gradient, learning_rate):
    """One step of gradient descent on the head; its gradient is computed, and not used."""
    return weight.copy()  # right: see `readout_updated`


def readout_updated(weight, gradient, learning_rate):
    return weight - learning_rate * gradient


def broadcasting_mse(prediction, target):
    """The mean squared error as NumPy computes it for any two shapes; `network.mse` refuses two that differ."""
    return float(((prediction - target) ** 2).mean())


def overflowing_tanh(z):
    """tanh as its textbook quotient. `numpy.tanh` is right everywhere."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def softmax_without_max(logits):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def softmax(logits):
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def overlapping_windows(text_len, seq_len):
    """Where each window of a text starts: at 0, 1, 2, …, so that most of the text is never read."""
    return np.arange((text_len - 1) // seq_len)  # right: times seq_len


def windows(text_len, seq_len):
    """Where each window starts, one after the other; a window reads one character more, its last target."""
    return np.arange((text_len - 1) // seq_len) * seq_len


def shared_weights(input_size, hidden_size, seed):
    """The four gates' matrices, drawn by a function that sets the seed each time: four times the same numbers."""

    def draw():
        rng = np.random.default_rng(seed)  # right: one generator for all four
        return rng.standard_normal((hidden_size, input_size))

    return [draw() for _ in GATES]


def separate_weights(input_size, hidden_size, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((hidden_size, input_size)) for _ in GATES]


# --- the exhibits --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bug:
    """One exhibit of the museum.

    Attributes
    ----------
    name : str
        The name of the wrong function in this module.
    kind : str
        "backward", "forward" or "around".
    title, mistake : str
        In a few words, and in a sentence.
    source : str
        In what kind of material such a mistake was published.
    hides : str
        Where it does no harm that could be seen.
    caught_by : str
        The check in tests/test_bugs.py that catches it.
    run : callable
        The wrong function.
    """

    name: str
    kind: str
    title: str
    mistake: str
    source: str
    hides: str
    caught_by: str
    run: Callable


_EXHIBITS = (
    Bug(
        "missing_transpose",
        "backward",
        "A transpose is missing",
        "The gradient goes back to h_prev through each gate's recurrent matrix the wrong way round.",
        "A post that builds an LSTM in NumPy.",
        "All weights for T = 1; weight_hh up to T = 2 if h0 is 0. No shape complains, for these matrices are square.",
        "gradients_equal_central_differences",
        missing_transpose,
    ),
    Bug(
        "no_gradient_from_next_step",
        "backward",
        "Nothing comes from the next step",
        "Each step uses the gradient of its own loss only; dh_prev and dc_prev are computed and not handed on.",
        "A course's notebook, whose expected output was made by the same loop; a university's lab.",
        "All weights for T = 1; weight_hh up to T = 2 if h0 is 0.",
        "gradients_equal_central_differences",
        no_gradient_from_next_step,
    ),
    Bug(
        "no_gradient_through_h",
        "backward",
        "No gradient through h",
        "Of the two ways into the past only the one through c is kept. The LSTM of 1997 did this on purpose.",
        "Nobody's slip: made for this museum, since the alphabet of notebook 04 is learned all the same.",
        "All weights for T = 1; weight_hh up to T = 2 if h0 is 0.",
        "gradients_equal_central_differences",
        no_gradient_through_h,
    ),
    Bug(
        "overwritten_dh",
        "backward",
        "A name is overwritten before its last use",
        "dh is replaced by dh_prev one line before dc_prev needs the old dh.",
        "A tutorial of a scientific library, for some years.",
        "All weights for T = 1; weight_hh up to T = 2 if h0 is 0.",
        "gradients_equal_central_differences",
        overwritten_dh,
    ),
    Bug(
        "missing_brackets",
        "backward",
        "Brackets are missing in the gates' gradients",
        "Of the sum dc_later + dc_through_h only the second summand is multiplied by the gate's slope.",
        "A course's step-by-step notebook, three versions of it.",
        "T = 1 with no gradient into the last c: the summand without brackets is 0.",
        "gradients_equal_central_differences",
        missing_brackets,
    ),
    Bug(
        "missing_forget_slope",
        "backward",
        "The forget gate's slope is missing",
        "The factor f (1 - f) is left out of one gate's gradient.",
        "A university's lab.",
        "T = 1 with c0 = 0: there is nothing to forget, and both gradients are 0.",
        "gradients_equal_central_differences",
        missing_forget_slope,
    ),
    Bug(
        "changed_callers_array",
        "backward",
        "The caller's array is changed",
        "dc += ... adds into the array that was handed in; whoever uses that array again gets another gradient.",
        "Students' solutions of a course's exercise.",
        "The first call is right. If no gradient goes into the last c, there is no array to spoil.",
        "arrays_handed_in_stay_as_they_are",
        changed_callers_array,
    ),
    Bug(
        "wrong_bias",
        "forward",
        "A gate gets another gate's bias",
        "The input gate and the forget gate add the output gate's bias.",
        "A library of machine learning in NumPy.",
        "As long as the three biases are equal, and most code starts with all of them at 0.",
        "outputs_equal_torch",
        wrong_bias,
    ),
    Bug(
        "gates_fed_c",
        "forward",
        "The gates read c in place of h",
        "The previous cell state goes into the pre-activations where the previous hidden state belongs.",
        "A post on features made by an LSTM.",
        "T = 1 with h0 = c0 = 0.",
        "outputs_equal_torch",
        gates_fed_c,
    ),
    Bug(
        "readout_never_updated",
        "around",
        "The readout is never updated",
        "The head's gradient is computed, and no line subtracts it from the head's weight.",
        "A post that builds an LSTM in NumPy.",
        "The loss falls all the same: the LSTM adapts to a random readout.",
        "one_update_changes_every_weight",
        readout_never_updated,
    ),
    Bug(
        "broadcasting_mse",
        "around",
        "The loss broadcasts",
        "One prediction is compared with every target of the batch, and no error is raised.",
        "A post that sums three numbers with a library's LSTM.",
        "With a batch of one.",
        "shapes_that_differ_are_refused",
        broadcasting_mse,
    ),
    Bug(
        "overflowing_tanh",
        "around",
        "tanh overflows",
        "tanh is written as a quotient of exponentials, which are infinite from about 710 on.",
        "A post that builds an LSTM in NumPy.",
        "Up to 709, which no input reaches before training has gone astray.",
        "large_numbers_give_no_nan",
        overflowing_tanh,
    ),
    Bug(
        "softmax_without_max",
        "around",
        "Softmax without the maximum",
        "The largest logit is not subtracted before the exponential.",
        "A post that builds an LSTM in NumPy.",
        "Up to logits of 709.",
        "large_numbers_give_no_nan",
        softmax_without_max,
    ),
    Bug(
        "overlapping_windows",
        "around",
        "Windows of the text overlap",
        "Window number b starts at character b where it should start at b times the window's length.",
        "A post that builds an LSTM in NumPy.",
        "On a text as periodic as the alphabet every window looks alike.",
        "every_character_is_read",
        overlapping_windows,
    ),
    Bug(
        "shared_weights",
        "around",
        "Gates share their weights at the start",
        "The function that draws a matrix sets the seed, so that all four gates are drawn alike.",
        "A repository with an LSTM in plain NumPy, copied into many others.",
        "Shapes are right, nothing fails, and training pulls the gates apart. Until then i, f and o are one gate.",
        "no_two_gates_start_alike",
        shared_weights,
    ),
)

BUGS = {bug.name: bug for bug in _EXHIBITS}
GRADIENT_BUGS = tuple(bug.name for bug in _EXHIBITS if bug.kind != "around")  # those that `backward_by_step` can run


# --- gradients, right and wrong, step by step ----------------------------------------------------


@dataclass(frozen=True, eq=False)
class GradientsByStep:
    """What each step adds to each gradient.

    Attributes
    ----------
    x : ndarray (T, N, D)
    weight_ih, weight_hh, bias : ndarray (T, 4H, D), (T, 4H, H), (T, 4H)
        The share of each step, summed over the batch; the gradient is their sum over T.
    h0, c0 : ndarray (N, H)
    """

    x: np.ndarray
    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias: np.ndarray
    h0: np.ndarray
    c0: np.ndarray

    def total(self):
        """The gradients of the whole sequence, as `lstm_backward` returns them."""
        sums = {name: getattr(self, name).sum(axis=0) for name in ("weight_ih", "weight_hh", "bias")}
        return Gradients(x=self.x, h0=self.h0, c0=self.c0, **sums)


@np.errstate(under="ignore")
def backward_by_step(trace, params, dh=None, dh_n=None, dc_n=None, *, bug=None):
    """Go back through a sequence with a mistake, or without one, and keep what each step adds.

    Parameters
    ----------
    trace, params, dh, dh_n, dc_n
        As in `lstm_backward`; every sequence of the batch has all T steps. A forward bug runs its
        own forward pass over ``trace.x``, from ``trace.h0`` and ``trace.c0``.
    bug : str, optional
        One of `GRADIENT_BUGS`; none if missing. "changed_callers_array" changes `dc_n`, as its
        original did.

    Returns
    -------
    GradientsByStep

    Raises
    ------
    ValueError
        If there is no such bug, a shape does not fit, or the sequences have different lengths.
    """
    if bug is not None and bug not in GRADIENT_BUGS:
        raise ValueError(f"bug is {bug!r}, wanted one of {', '.join(GRADIENT_BUGS)}")
    if (trace.lengths != trace.seq_len).any():
        raise ValueError(f"trace has lengths {trace.lengths.tolist()}, wanted {trace.seq_len} for every sequence")
    T, N, H = trace.h.shape
    like = ("h", trace.h.dtype)
    dh = np.zeros_like(trace.h) if dh is None else float_array("dh", dh, (T, N, H), like=like)
    dh_next = np.zeros_like(trace.h0) if dh_n is None else float_array("dh_n", dh_n, (N, H), like=like)
    dc_next = np.zeros_like(trace.c0) if dc_n is None else float_array("dc_n", dc_n, (N, H), like=like)

    kind = None if bug is None else BUGS[bug].kind
    steps = _steps_of(BUGS[bug].run, trace, params) if kind == "forward" else [trace.step(t) for t in range(T)]
    step_backward = BUGS[bug].run if kind == "backward" else right_step
    dz = np.empty((T, N, 4 * H), trace.h.dtype)
    for t in reversed(range(T)):
        dz[t], dh_next, dc_next = step_backward(steps[t], params, dh[t] + dh_next, dc_next)
    dz_columns = dz.transpose(0, 2, 1)
    return GradientsByStep(
        x=dz @ params.weight_ih,
        weight_ih=dz_columns @ trace.x,
        weight_hh=dz_columns @ np.stack([step.h_prev for step in steps]),
        bias=dz.sum(axis=1),
        h0=dh_next,
        c0=dc_next,
    )


def buggy_backward(bug, trace, params, dh=None, dh_n=None, dc_n=None):
    """`lstm_backward` with a mistake, one of `GRADIENT_BUGS`: see `backward_by_step`. Returns `Gradients`."""
    return backward_by_step(trace, params, dh, dh_n, dc_n, bug=bug).total()


def _steps_of(step_forward, trace, params):
    steps, h, c = [], trace.h0, trace.c0
    for x in trace.x:
        steps.append(step_forward(x, h, c, params))
        h, c = steps[-1].h, steps[-1].c
    return steps


# --- how far off ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Case:
    """An LSTM, what it did, and the gradients that arrive from the loss."""

    params: LSTMParams
    trace: Trace
    dh: np.ndarray
    dc_n: np.ndarray | None


LOSSES = ("every h and the last c", "every h", "the last h")


def awkward_case(seq_len, *, zero_start=False, zero_bias=False, loss=LOSSES[0], seed=0):
    """A small LSTM whose numbers hide nothing: no zeros, no equal sizes but the recurrent H by H, no symmetry.

    Parameters
    ----------
    seq_len : int
        T, at least 1. The other sizes are N = 3, D = 5, H = 4.
    zero_start, zero_bias : bool
        Whether h0 and c0, or all biases, are 0 after all: this is where some bugs hide.
    loss : str
        One of `LOSSES`: what the loss depends on, with random slopes.
    seed : int

    Returns
    -------
    Case
    """
    T, N, D, H = integer("seq_len", seq_len, 1), 3, 5, 4
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}, wanted one of {', '.join(LOSSES)}")
    rng = np.random.default_rng(seed)
    params = LSTMParams(
        0.6 * rng.standard_normal((4 * H, D)), 0.8 * rng.standard_normal((4 * H, H)), rng.standard_normal(4 * H)
    )
    h0, c0, dc_n = np.tanh(rng.standard_normal((N, H))), rng.standard_normal((N, H)), rng.standard_normal((N, H))
    params.bias[:] *= not zero_bias
    x, dh = rng.standard_normal((T, N, D)), rng.standard_normal((T, N, H))
    dh[:-1] *= loss != "the last h"
    trace = lstm_forward(x, params, h0 * (not zero_start), c0 * (not zero_start))
    return Case(params, trace, dh, dc_n if loss == LOSSES[0] else None)


PARTS = tuple(f"{name}[{gate}]" for name in ("weight_ih", "weight_hh", "bias") for gate in GATES) + ("x", "h0", "c0")


def error_report(bug, case):
    """The relative error of a buggy gradient, by parameter, gate and step.

    The buggy backward runs twice on the same arrays and the second result counts, since a mistake
    that changes its caller's array shows no earlier.

    Parameters
    ----------
    bug : str
        One of `GRADIENT_BUGS`.
    case : Case

    Returns
    -------
    dict of str to ndarray (T + 1,)
        For each of `PARTS`: the error of what each step adds, and last that of the whole gradient;
        the largest difference, relative to the largest right entry. NaN: there is nothing to
        compare (both gradients are 0, or, for x, h0 and c0, a step has no share). Infinity: the right one is 0.
    """
    right = backward_by_step(case.trace, case.params, case.dh, None, case.dc_n)
    dc_n = None if case.dc_n is None else case.dc_n.copy()
    for _ in range(2):
        wrong = backward_by_step(case.trace, case.params, case.dh, None, dc_n, bug=bug)
    T, report = case.trace.seq_len, {}
    for part in PARTS:
        errors = np.full(T + 1, np.nan)
        name, _, gate = part.rstrip("]").partition("[")
        got, wanted = getattr(wrong, name), getattr(right, name)
        if gate:
            rows = case.params.gate(gate)
            got, wanted = got[:, rows], wanted[:, rows]
            errors[T] = relative_error(got.sum(axis=0), wanted.sum(axis=0))
        else:
            errors[T] = relative_error(got, wanted)
        if name not in ("h0", "c0"):
            errors[:T] = [relative_error(got[t], wanted[t]) for t in range(T)]
        report[part] = errors
    return report


def relative_error(got, wanted):
    """The largest difference, relative to the largest wanted entry; NaN if both are all 0."""
    difference, scale = np.abs(got - wanted).max(), np.abs(wanted).max()
    if scale == 0:
        return np.nan if difference == 0 else np.inf
    return float(difference / scale)


def first_wrong_length(bug, *, longest=6, **options):
    """From which sequence length on each gradient is wrong.

    Parameters
    ----------
    bug : str
        One of `GRADIENT_BUGS`.
    longest : int
        How far to look.
    **options
        For `awkward_case`.

    Returns
    -------
    dict of str to (int or None)
        For "weight_ih", "weight_hh", "bias", "x", "h0", "c0": the smallest T with a relative error
        above 1e-6 in any gate; None if there is none up to `longest`.
    """
    first = dict.fromkeys(("weight_ih", "weight_hh", "bias", "x", "h0", "c0"))
    for T in range(1, longest + 1):
        for part, errors in error_report(bug, awkward_case(T, **options)).items():
            name = part.partition("[")[0]
            if first[name] is None and errors[-1] > 1e-6:
                first[name] = T
    return first
