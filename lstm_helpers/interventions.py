"""What if: hold a gate, empty the cell, or change one input number, and run the same LSTM again.

An intervention is a change of the *input*, not of the mathematics: `intervene` gives new parameters
and a new x, and `lstm_forward` runs them as it runs anything else. A gate is held by one more input
feature, which is 1 or -1 where the gate is held and 0 elsewhere, with a weight into that gate that
outweighs all that its other inputs could say.
"""

import numpy as np

from lstm_helpers.cell import GATES, LSTMParams
from lstm_helpers.validate import check_shape, integer

# exp(-750) is 0 in float64, and so is every sigmoid below: a pre-activation beyond this is not nearly, but exactly
# 0 or 1 (for tanh, -1 or 1).
BEYOND_DOUBT = 800.0


def intervene(params, x, *, hold=None, steps=None, empty_step=None, edit=None, h0=None):
    """Parameters and input of the same run with a hand in it; neither `params` nor `x` is modified.

    Parameters
    ----------
    params : LSTMParams
    x : ndarray (T, N, D)
    hold : tuple (str, int), optional
        A gate and where to hold it, in all units: ("f", 0) or ("f", 1), likewise i and o;
        ("g", -1) or ("g", 1) for the candidate.
    steps : tuple (int, int), optional
        First and last step of the hold, both included; all steps if missing.
    empty_step : int, optional
        The step at which the cell is emptied: f and i are held at 0, so that c is 0 after it.
    edit : tuple (t, batch, feature, value), optional
        One number of the input to replace.
    h0 : ndarray (N, H), optional
        The hidden state that the run will start from, if it is not zeros: it has a say in how large
        the weight of a hold must be.

    Returns
    -------
    params : LSTMParams
        With one more input feature for each gate that is held somewhere.
    x : ndarray (T, N, D + features)

    Raises
    ------
    ValueError
        For an unknown gate, a value that the gate cannot be held at, and steps, sequences or
        features that x does not have.
    """
    check_shape("x", np.asarray(x), ("T", "N", params.input_size))
    T, N, D = x.shape
    x = x.copy()
    if edit is not None:
        t, batch, feature, value = edit
        place = integer("edit's t", t, 0, T - 1), integer("edit's batch", batch, 0, N - 1)
        x[*place, integer("edit's feature", feature, 0, D - 1)] = value
    held = {}  # gate -> (T,) of 1 where it is held high, -1 where it is held low, 0 where it is free
    if hold is not None:
        gate, value = hold
        first, last = (0, T - 1) if steps is None else steps
        first = integer("steps' first", first, 0, T - 1)
        last = integer("steps' last", last, first, T - 1)
        held[gate] = np.zeros(T, params.dtype)
        held[gate][first : last + 1] = _direction(gate, value)
    if empty_step is not None:
        empty_step = integer("empty_step", empty_step, 0, T - 1)
        for gate in ("i", "f"):
            held.setdefault(gate, np.zeros(T, params.dtype))[empty_step] = -1
    return _with_held_gates(params, x, held, h0)


def _direction(gate, value):
    if gate not in GATES:
        raise ValueError(f"hold names gate {gate!r}, wanted one of {', '.join(GATES)}")
    low = -1 if gate == "g" else 0
    if value not in (low, 1):
        hint = "; to write nothing, hold i at 0" if gate == "g" else ""
        raise ValueError(f"hold wants {gate} at {value!r}, wanted {low} or 1{hint}")
    return 1 if value == 1 else -1


def _with_held_gates(params, x, held, h0):
    largest_x = np.abs(x).max(axis=(0, 1))  # (D,)
    largest_h = 1.0 if h0 is None else max(1.0, np.abs(h0).max())  # |h| < 1 after every step
    # No pre-activation of this run can be larger than this, whatever h does: (4H,)
    bound = np.abs(params.weight_ih) @ largest_x + np.abs(params.bias)
    bound += np.abs(params.weight_hh).sum(axis=1) * largest_h
    columns, features = [params.weight_ih], [x]
    for gate, direction in held.items():
        weight = np.zeros((len(params.bias), 1), params.dtype)
        weight[params.gate(gate), 0] = bound[params.gate(gate)] + BEYOND_DOUBT
        columns.append(weight)
        features.append(np.broadcast_to(direction[:, None, None], (*x.shape[:2], 1)))
    wider = LSTMParams(np.concatenate(columns, axis=1), params.weight_hh, params.bias)
    return wider, np.concatenate(features, axis=2)
