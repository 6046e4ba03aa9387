"""Feedback on the exercises of notebook 02."""

import numpy as np

from lstm_helpers import tasks
from lstm_helpers.cell import LSTMParams, lstm_forward, sigmoid
from lstm_helpers.checks.feedback import call, compare, is_empty, not_yet, right, wrong


def three_steps(answer_c, answer_h):
    """Exercise 1: c after each of three steps, and h after the last.

    The steps: c_prev = 2; f = 1, 0.5, 1; i = 0, 1, 0.5; g = 0.7, -1, 1; o = 1, 1, 0.

    Parameters
    ----------
    answer_c : sequence of 3 numbers
    answer_h : number
    """
    parts = list(answer_c) if isinstance(answer_c, (list, tuple)) else [answer_c]
    if any(map(is_empty, [*parts, answer_h])):
        return not_yet("write three numbers for c, and one for h after the third step.")
    c0, f, i, g = 2.0, (1, 0.5, 1), (0, 1, 0.5), (0.7, -1, 1)
    wanted = _run_cell(c0, f, i, g, lambda c, f, i, g: f * c + i * g)
    problem = compare("answer_c", answer_c, wanted, tolerance=0.01)
    if problem is not None:
        slips = {
            "you added i · g but never took the share f of the old c.": lambda c, f, i, g: c + i * g,
            "you added all of g: only the share i of it is written.": lambda c, f, i, g: f * c + g,
            "f and i have changed places: f belongs to the old c, i to the candidate g.": lambda c, f, i, g: (
                i * c + f * g
            ),
        }
        slips = {message: _run_cell(c0, f, i, g, slip) for message, slip in slips.items()}
        squashed = [2, 0.5 * np.tanh(2) - 1, np.tanh(0.5 * np.tanh(2) - 1) + 0.5]
        slips["you passed on tanh(c): the squashed value goes into h only, c itself goes to the next step."] = squashed
        slips["these are tanh(c), what an open output gate would show: c itself is asked for."] = np.tanh(wanted)
        for message, slip in slips.items():
            if compare("answer_c", answer_c, slip, tolerance=0.01) is None:
                return wrong(message)
        return problem
    if compare("answer_h", answer_h, 0.0, tolerance=0.01) is not None:
        if compare("answer_h", answer_h, np.tanh(0.5), tolerance=0.01) is None:
            return wrong("c is right, but tanh(0.5) is what an open output gate would show. At the third step o = 0.")
        return wrong("c is right. For h look at o at the third step: h = o · tanh(c).")
    return right("c is 2, 0, 0.5. h is 0 after the last step, because o = 0 hides c; c itself is still 0.5.")


def _run_cell(c, f, i, g, update):
    states = []
    for step in zip(f, i, g, strict=True):
        c = update(c, *step)
        states.append(c)
    return np.array(states)


def cell_update(function):
    """Exercise 2: ``cell_update(c_prev, i, f, g, o)`` returns c and h.

    Parameters
    ----------
    function : callable
        Takes five arrays of one shape, returns two.
    """
    rng = np.random.default_rng(2)
    c_prev, g = 2 * rng.standard_normal((3, 4)), rng.uniform(-1, 1, (3, 4))
    i, f, o = rng.uniform(0.1, 0.9, (3, 3, 4))
    given = [array.copy() for array in (c_prev, i, f, g, o)]
    result, problem = call(function, *given)
    if problem is not None:
        return problem
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        return wrong("your function should return two things: `return c, h`.")
    if any(is_empty(part) for part in result):
        return not_yet("c or h is still `...`.")
    for name, before, after in zip(("c_prev", "i", "f", "g", "o"), (c_prev, i, f, g, o), given, strict=True):
        if not np.array_equal(before, after):
            return wrong(f"your function changes its argument {name} (an in-place `*=` or `+=`): make a new array.")
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    if compare("c", result[0], h) is None and compare("h", result[1], c) is None:
        return wrong("c and h come back in the wrong order: `return c, h`.")
    problem = compare("c", result[0], c)
    if problem is not None:
        slips = {
            "c has the gates swapped: f belongs to c_prev, i to g.": i * c_prev + f * g,
            "c has all of the candidate in it: g must be multiplied by i.": f * c_prev + g,
            "c has all of the old state in it: c_prev must be multiplied by f.": c_prev + i * g,
            "c is squashed: no tanh belongs into c, only into h.": np.tanh(c),
            "c keeps the squashed old state: c_prev itself is multiplied by f, without tanh.": f * np.tanh(c_prev)
            + i * g,
            "c takes tanh of g a second time: g has been through tanh already.": f * c_prev + i * np.tanh(g),
        }
        for message, slip in slips.items():
            if compare("c", result[0], slip) is None:
                return wrong(message)
        return problem
    problem = compare("h", result[1], h)
    if problem is not None:
        slips = {
            "c is right; h lacks the tanh: c may be large, h must stay between -1 and 1.": o * c,
            "c is right; in h the tanh comes first, then the gate: o · tanh(c), not tanh(o · c).": np.tanh(o * c),
            "c is right; h lacks the output gate.": np.tanh(c),
            "c is right; h shows the old state: use the new c.": o * np.tanh(c_prev),
        }
        for message, slip in slips.items():
            if compare("h", result[1], slip) is None:
                return wrong(message)
        return problem
    return right("c and h agree with the equations on a batch of 3 sequences and 4 units, and no argument was changed.")


def bias_that_keeps(answer):
    """Exercise 3: the smallest forget bias that leaves 99 % of c after 1000 steps.

    Parameters
    ----------
    answer : number
    """
    if is_empty(answer):
        return not_yet("write a number.")
    try:
        bias, steps = float(answer), 1000
    except (TypeError, ValueError):
        return wrong(f"your answer is {type(answer).__name__}, wanted one number.")
    if not np.isfinite(bias):
        return wrong(f"your answer is {bias}, wanted a finite number.")
    kept = sigmoid(bias) ** steps
    wanted = 0.99 ** (1 / steps)
    wanted = np.log(wanted / (1 - wanted))
    found = f"With a bias of {bias:.4g} the gate is f = {sigmoid(bias):.6g}, and f^{steps} = {kept:.3g} of c is left"
    if abs(bias - wanted) <= 0.06:
        return right(f"{found}. From the inside out: f = 0.99^(1/1000), bias = ln(f / (1 - f)).")
    if abs(bias + wanted) <= 0.06:
        return wrong(f"{found}. The size is right, the sign is not: a gate opens with a positive bias.")
    if abs(bias - np.log(0.99 / 0.01)) <= 0.06:
        return wrong(f"{found}. You have 0.99 left after one step; it is to be 0.99 after {steps} steps.")
    if 0 < bias < 1 and abs(bias - sigmoid(wanted)) < 1e-4:
        return wrong(f"{found}. Your number is the gate itself: which bias goes into the sigmoid to get it?")
    if bias > wanted:
        return wrong(f"{found}: more than 99 %, so this is not the smallest bias that does it.")
    return wrong(f"{found}: less than 99 %.")


def gate_that_loses(answer):
    """Exercise 4: which gate, shut for one step where nothing is written, loses the latch's value for ever.

    Parameters
    ----------
    answer : str
        One of i, f, g, o.
    """
    if is_empty(answer):
        return not_yet('write "i", "f", "g" or "o".')
    replies = {
        "i": wrong("at this step nothing is written: i is 0 already, and shutting a shut door changes nothing."),
        "g": wrong("g waits behind the input gate, which is shut at this step. What g is makes no difference."),
        "o": wrong("h is 0 at this one step, but c never passes through o: at the next step h shows it again."),
        "f": right("c = f · c_prev + i · g has nothing but f to carry the old c over. One step of f = 0 ends it."),
    }
    known = isinstance(answer, str) and answer in replies
    return replies[answer] if known else wrong(f'{answer!r} is not one of "i", "f", "g", "o".')


def asked_latch(weight_ih, bias):
    """Exercise 5: one unit that holds the value marked last, and shows it only when asked.

    Parameters
    ----------
    weight_ih : array_like (4, 3)
        Rows i, f, g, o; columns value, mark, ask.
    bias : array_like (4,)
        There is no weight_hh: it is 0.
    """
    params, problem = _one_unit(3, weight_ih, np.zeros((4, 1)), bias)
    if problem is not None:
        return problem
    for seq_len in (1, 5, 20, 100, 1000):
        x, target = tasks.asked_latch(seq_len, 50, seed=seq_len)
        trace = lstm_forward(x, params)
        h, c, held = trace.h[..., 0], trace.c[..., 0], tasks.latch_target(x)
        good = np.where(target == 0, np.abs(h) < 0.1, h * target > 0.5)
        if not good.all():
            # Where the cell state went wrong first is nearer to the cause than where h did.
            kept = np.where(held == 0, np.abs(c) < 0.3, c * held > 0.6)
            t, n = _first_failure(good if kept.all() else kept)
            cause = _why_not_shown(trace, t, n) if kept.all() else _why_not_kept(trace, t, n, held[t, n])
            return wrong(f"{_where(seq_len, t, n)} {cause}")
    return right("it holds the marked value and answers only when asked, on 250 sequences of 1 to 1000 steps.")


def _one_unit(input_size, weight_ih, weight_hh, bias):
    """The reader's numbers as an LSTM of one unit: returns (params, None), or (None, Feedback)."""
    arrays = []
    for name, answer, shape in (
        ("weight_ih", weight_ih, (4, input_size)),
        ("weight_hh", weight_hh, (4, 1)),
        ("bias", bias, (4,)),
    ):
        if is_empty(answer):
            return None, not_yet(f"{name} is still `...`: write an array of shape {shape}.")
        try:
            array = np.array(answer, dtype=float)
        except (TypeError, ValueError):
            return None, wrong(f"{name} is not an array of numbers.")
        if array.shape != shape:
            return None, wrong(f"{name} has shape {array.shape}, wanted {shape}: one row for each of i, f, g, o.")
        if not (np.abs(array) < 1e6).all():
            return None, wrong(f"{name} holds NaN or a number beyond a million: 20 is as good as infinite here.")
        arrays.append(array)
    return LSTMParams(*arrays), None


def _first_failure(good):
    """The earliest step at which any sequence goes wrong, and the first such sequence."""
    t = int(np.argmin(good.all(axis=1)))
    return t, int(np.argmin(good[t]))


def _where(seq_len, t, n):
    return f"of 50 random sequences of {seq_len} steps, number {n} is the first to go wrong, at step t = {t}."


def _why_not_shown(trace, t, n):
    o, h, asked = trace.o[t, n, 0], trace.h[t, n, 0], trace.x[t, n, 2] == 1
    if asked:
        return (
            f"c = {trace.c[t, n, 0]:.2f} is right and ask is 1, but o = {o:.2f} shows only h = {h:.2f}. Look at row o."
        )
    return f"ask is 0, yet o = {o:.2f} shows h = {h:.2f}. Look at row o: without ask it must be shut."


def _why_not_kept(trace, t, n, held):
    """The row to blame when c is not the value it should hold."""
    i, f, g, c = (getattr(trace, name)[t, n, 0] for name in "ifgc")
    value, mark, ask = trace.x[t, n]
    before = trace.step(t).c_prev[n, 0]
    seen = f"There i = {i:.2f}, f = {f:.2f}, g = {g:.2f}, and c goes from {before:.2f} to {c:.2f}."
    if mark == 1:
        if i < 0.7:
            return f"{seen} The mark is on, so the input gate must open. Look at row i."
        if g * value < 0.7:
            return f"{seen} The value is {value:.0f}, and g should be the same. Look at row g."
        return f"{seen} A new value is written, so the old one must go: f near 0. Look at row f."
    if i > 0.1:
        return f"{seen} The mark is off, so nothing may be written. Look at row i."
    if f < 0.9:
        also = " ask is on: being asked must not empty the cell." if ask == 1 else ""
        return f"{seen} The mark is off, so c must be kept, f near 1.{also} Look at row f."
    return (
        f"{seen} c should still be near {held:.0f}, but it has leaked away step by step: "
        f"f = {f:.6f} and i = {i:.6f} are not close enough to 1 and 0."
    )


def toggle(weight_ih, weight_hh, bias):
    """Exercise 6: a lamp with one button; h above 0.5 means that it is on.

    Parameters
    ----------
    weight_ih, weight_hh : array_like (4, 1)
        Rows i, f, g, o; the one input is the button.
    bias : array_like (4,)
    """
    params, problem = _one_unit(1, weight_ih, weight_hh, bias)
    if problem is not None:
        return problem
    for seq_len in (1, 5, 20, 100, 1000):
        x, lamp = tasks.toggle(seq_len, 50, seed=seq_len)
        trace = lstm_forward(x, params)
        good = (trace.h[..., 0] > 0.5) == (lamp == 1)
        if not good.all():
            t, n = _first_failure(good)
            return wrong(f"{_where(seq_len, t, n)} {_why_not_toggled(trace, params, lamp, t, n)}")
    return right("the lamp is right on 250 sequences of 1 to 1000 steps. This unit reads its own h: c alone is unseen.")


def _why_not_toggled(trace, params, lamp, t, n):
    i, f, g, o, c, h = (getattr(trace, name)[t, n, 0] for name in "ifgoch")
    presses, before = int(trace.x[: t + 1, n, 0].sum()), trace.step(t).c_prev[n, 0]
    wanted = "on" if lamp[t, n] else "off"
    seen = (
        f"After {presses} press{'es' * (presses != 1)} the lamp should be {wanted}, but h = {h:.2f}. "
        f"There i = {i:.2f}, f = {f:.2f}, g = {g:.2f}, o = {o:.2f}, and c goes from {before:.2f} to {c:.2f}."
    )
    if o < 0.5 and np.tanh(c) > 0.5:
        return f"{seen} The lamp is on inside, but the output gate hides it. Look at row o."
    if trace.x[t, n, 0] == 0:
        row = "i" if i > 0.1 else "f"
        return f"{seen} Nobody pressed, so c must stay as it is: f near 1 and i near 0. Look at row {row}."
    if i < 0.7:
        return f"{seen} The button is pressed, so something must be written. Look at row i."
    if not params.weight_hh.any():
        return (
            f"{seen} Every press does the same: no gate can tell whether the lamp is on. "
            "c goes into no gate, h does: which entry of weight_hh do you need?"
        )
    if g > 0 and not lamp[t, n]:
        return f"{seen} The lamp was on, so g should be negative now. Look at the sign and size of row g in weight_hh."
    if g < 0.9 and lamp[t, n]:
        return f"{seen} The lamp was off, so g should be near 1. At the start h is 0: what does row g see then?"
    return f"{seen} Follow this one step by hand: which of the four is not as you planned?"
