"""Feedback on the exercises: says what is wrong and what to look at; never raises on an empty stub.

Every check takes the reader's answer and returns a `Feedback`, which Jupyter shows as one line.
A section for each notebook, in order.
"""

import platform
import sys
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from lstm_helpers import tasks
from lstm_helpers.backprop import lstm_backward
from lstm_helpers.bugs import awkward_case, right_step
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward, lstm_step, sigmoid


@dataclass(frozen=True)
class Feedback:
    """What a check has to say.

    Attributes
    ----------
    status : str
        "not yet" (nothing was written), "wrong" or "right".
    message : str
        For "wrong": what is off, and where to look.
    """

    status: str
    message: str

    def __repr__(self):
        return {"not yet": "Not yet: ", "wrong": "Look here: ", "right": "Right: "}[self.status] + self.message


def not_yet(message):
    return Feedback("not yet", message)


def wrong(message):
    return Feedback("wrong", message)


def right(message):
    return Feedback("right", message)


def is_empty(answer):
    """Whether an answer is still the stub: `...` or None."""
    return answer is ... or answer is None


def call(function, *arguments):
    """Call the reader's function: returns (result, None), or (None, Feedback) if it is a stub or raises.

    A function whose body is still `...` returns None, which counts as not written yet.
    """
    if is_empty(function):
        return None, not_yet("write the function first.")
    try:
        result = function(*arguments)
    except Exception as error:  # the reader's code may fail in any way; the check must not
        return None, wrong(f"your function stops with {type(error).__name__}: {error}")
    if is_empty(result):
        return None, not_yet("your function returns nothing yet.")
    return result, None


def compare(name, got, wanted, *, tolerance=1e-9):
    """None if `got` equals `wanted`, else the Feedback that says what differs: type, shape, or the worst entry."""
    try:
        got = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        return wrong(f"{name} is {type(got).__name__}, wanted numbers.")
    wanted = np.asarray(wanted, dtype=float)
    if got.shape != wanted.shape:
        return wrong(f"{name} has shape {got.shape}, wanted {wanted.shape}.")
    error = np.abs(got - wanted)
    if not (error <= tolerance).all():
        worst = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
        where = f" at {tuple(map(int, worst))}" if worst else ""
        return wrong(f"{name}{where} is {got[worst]:.4g}, wanted {wanted[worst]:.4g}.")
    return None


def _same(a, b):
    """Whether `a` holds the numbers of `b`; False for whatever is not an array of numbers."""
    return compare("", a, b) is None


def _expect_number(answer, wanted, praise, traps, hint, *, tolerance=1e-6):
    """Feedback on one number: `traps` holds wrong numbers that have a reason, each with its message."""
    if is_empty(answer):
        return not_yet("write a number.")
    try:
        answer = float(answer)
    except (TypeError, ValueError):
        return wrong("write one number.")
    for number, message in traps.items():
        if abs(answer - number) <= tolerance:
            return wrong(message)
    return right(praise) if abs(answer - wanted) <= tolerance else wrong(f"not {answer:.4g}: {hint}")


def _expect_choice(answer, wanted, praise, messages):
    """Feedback on a letter: `messages` says for each wrong one why it is wrong."""
    if is_empty(answer):
        return not_yet("write a letter.")
    letter = str(answer).strip().lower()
    if letter == wanted:
        return right(praise)
    return wrong(messages.get(letter, f"choose one of {', '.join(sorted([*messages, wanted]))}."))


# --- notebook 00 -------------------------------------------------------------------------------


def installation():
    """Compare what is installed with what the project's own metadata asks for; nothing is imported for it.

    Returns
    -------
    Feedback
        "right", with words that are the same on every machine, or "wrong" with a line for each problem
        and the command that solves it.
    """
    from packaging.requirements import Requirement  # matplotlib and jupyterlab bring it
    from packaging.specifiers import SpecifierSet

    try:
        project = metadata.metadata("lstm-helpers")
    except metadata.PackageNotFoundError:
        return wrong(f"lstm-helpers is not installed. Run in the project's folder: {_install('-e .')}")
    problems = []
    if platform.python_version() not in SpecifierSet(project["Requires-Python"]):
        problems.append(f"Python is {platform.python_version()}, wanted {project['Requires-Python']}: see README.md.")
    for line in metadata.requires("lstm-helpers"):
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue  # for another system, or only for those who work on the project
        wanted, remedy = str(needed.specifier), _install(f'"{needed.name}{needed.specifier}"')
        try:
            found = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            problems.append(f"{needed.name} is not installed, wanted {wanted}. Run: {remedy}")
            continue
        if not needed.specifier.contains(found, prereleases=True):
            problems.append(f"{needed.name} is {found}, wanted {wanted}. Run: {remedy}")
    if problems:
        return wrong("\n".join([*problems, "Then restart the kernel (menu Kernel, Restart Kernel)."]))
    return right("everything this series needs is installed.")


def _install(what):
    return f'"{sys.executable}" -m pip install {what}'


def slow_fading(answer):
    """Exercise 1a: what a weight of 1 leaves of 0.5 after 100 silent steps."""
    return _expect_choice(
        answer,
        "b",
        "0.1187. tanh takes less and less the smaller h gets, so the fading slows down, but it does not stop.",
        {
            "a": "h · 1 is h, but then comes tanh, and tanh(0.5) is 0.4621. That happens a hundred times.",
            "c": "that needs a constant factor below 1 at each step. tanh(0.1) is 0.0997: near 0 it takes very little.",
            "d": "tanh never makes a number larger: |tanh(z)| is at most |z|, and w = 1 adds nothing to that.",
        },
    )


def plain_unit(function):
    """Exercise 1b: ``my_plain_unit(w, inputs)`` returns the hidden state after each step."""
    w, inputs = 0.7, [1.0, 0.0, -0.5, 0.3, 0.0]
    got, problem = call(function, w, list(inputs))
    if problem is not None:
        return problem
    wanted = _run_unit(w, inputs, lambda w, h, x: np.tanh(w * h + x))
    slips = {
        "the tanh is missing: h = tanh(w · h + x).": _run_unit(w, inputs, lambda w, h, x: w * h + x),
        "the weight multiplies the old state only; the input goes in as it is.": _run_unit(
            w, inputs, lambda w, h, x: np.tanh(w * (h + x))
        ),
        "the weight stands inside tanh, with the old state; the input belongs inside as well.": _run_unit(
            w, inputs, lambda w, h, x: w * np.tanh(h) + x
        ),
        "tanh squeezes the whole sum, w · h + x, not the old state alone.": _run_unit(
            w, inputs, lambda w, h, x: np.tanh(w * h) + x
        ),
        "each of your steps starts from 0 again. The h of a step is the old state of the next.": np.tanh(inputs),
        "only the first input gets in. At step t it is inputs[t] that is added.": _run_unit(
            w, [1, 0, 0, 0, 0], lambda w, h, x: np.tanh(w * h + x)
        ),
        "that is the last state. Wanted are all of them, one after each step.": wanted[-1],
        "the state before the first step is not asked for: five inputs, five states.": np.append(0, wanted),
    }
    for message, slip in slips.items():
        if _same(got, slip):
            return wrong(message)
    problem = compare("what your function returns", got, wanted)
    return problem or right("five states for five inputs, and each of them right.")


def _run_unit(w, inputs, update):
    states, h = [], 0.0
    for x in inputs:
        h = update(w, h, x)
        states.append(h)
    return np.array(states)


def larger_weight(answer):
    """Exercise 2a: whether the gradient of a unit at rest vanishes faster for w = 2 than for w = 1.5."""
    return _expect_choice(
        answer,
        "c",
        "at rest h is 0.9575 for w = 2, and a step multiplies by 2 · (1 − 0.9575²) = 0.17. A larger weight drives the "
        "unit so far into the flat part of tanh that the slope shrinks more than the weight grows.",
        {
            "a": "the weight is one factor. The other is the slope 1 − h², and h at rest depends on w. Work out both.",
            "b": "the factor is w · (1 − h²), with h at rest. Find that h for w = 2: apply h = tanh(2 · h) many times.",
        },
    )


def plain_gradient(function):
    """Exercise 2b: ``my_gradient(w, h)`` returns the derivative of the last state with respect to the first."""
    w = -0.8
    h = _run_unit(w, [0.9, -0.4, 0.6, 0.2, -0.7, 0.5], lambda w, h, x: np.tanh(w * h + x))
    got, problem = call(function, w, h.copy())
    if problem is not None:
        return problem
    wanted = np.prod(w * (1 - h[1:] ** 2))
    slips = {
        "there is a factor too many: h_1 depends on itself with a factor of 1, so the product starts at h_2.": np.prod(
            w * (1 - h**2)
        ),
        "the weight is missing. Each factor is w · (1 − h²).": np.prod(1 - h[1:] ** 2),
        "the weight is in it only once. It is a factor of every step.": w * np.prod(1 - h[1:] ** 2),
        "the slope of a step is taken at the state after it, h[1:], not at the one before.": np.prod(
            w * (1 - h[:-1] ** 2)
        ),
        "the slope of tanh is 1 − h², with a square.": np.prod(w * (1 - h[1:])),
        "you add the steps up. The chain rule multiplies them.": np.sum(w * (1 - h[1:] ** 2)),
        "the size is right, the sign is not: a negative weight turns it round at each step.": abs(wanted),
        "those are the factors. Their product is asked.": w * (1 - h[1:] ** 2),
        "those are the derivatives of every state. Asked is that of the last one alone.": np.cumprod(
            w * (1 - h[1:] ** 2)
        ),
    }
    for message, slip in slips.items():
        if _same(got, slip):
            return wrong(message)
    problem = compare("what your function returns", got, wanted)
    return problem or right(
        "it is the derivative, with its sign; the pictures of this notebook show its absolute value."
    )


def steps_to_half(answer):
    """Exercise 3a: the first step after which less than half is left, with f = 0.9."""
    return _expect_number(
        answer,
        7,
        "0.9⁶ is 0.531 and 0.9⁷ is 0.478.",
        {
            5: "each step takes a tenth of what is left, not of what was there at the start: 0.9⁵ is 0.59.",
            6: "nearly: 0.9⁶ is 0.531, still more than half.",
            8: "half is gone one step earlier: 0.9⁷ is 0.478.",
            50: "0.9⁵⁰ is 0.005. Half is gone much earlier.",
        },
        "what is left after n steps is 0.9 to the power n. Find the first whole n for which it is below 0.5.",
    )


def gate_for_half_life(function):
    """Exercise 3b: the forget gate that leaves half after a given number of steps."""
    steps = np.array([1, 10, 100])
    got = []
    for n in steps:
        gate, problem = call(function, int(n))
        if problem is not None:
            return problem
        got.append(gate)
    wanted = 0.5 ** (1 / steps)
    slips = {
        "that loses an equal part of the start at each step. A gate multiplies: gate to the power steps must be 0.5.": 1
        - 0.5 / steps,
        "that is what a gate of 0.5 leaves after so many steps. Asked is the gate.": 0.5**steps,
        "that leaves 0.37 (1/e), not 0.5: e stands where 2 should be.": np.exp(-1 / steps),
        "that is the bias. Asked is the gate itself, between 0 and 1.": np.log(wanted / (1 - wanted)),
        "half divided by the steps is what could go at each step, not what stays.": 0.5 / steps,
    }
    for message, slip in slips.items():
        if compare("", got, slip, tolerance=1e-6) is None and not _same(slip, wanted):
            return wrong(message)
    for n, gate, exact in zip(steps, got, wanted, strict=True):
        if problem := compare(f"your gate for {n} steps", gate, exact, tolerance=1e-6):
            return wrong(f"{problem.message} Solve gate ** steps = 0.5 for the gate.")
    return right("gate = 0.5 to the power 1 / steps. For 100 steps it is 0.9931: what looks wide open is not quite.")


def set_the_doors(answer_f, answer_i, answer_o):
    """Exercise 4: write 0.8, keep it through a shout, read it aloud, erase it.

    Parameters
    ----------
    answer_f, answer_i, answer_o : sequence of 4 numbers from 0 to 1
    """
    doors = []
    for name, answer in (("answer_f", answer_f), ("answer_i", answer_i), ("answer_o", answer_o)):
        if is_empty(answer) or (isinstance(answer, (list, tuple)) and any(map(is_empty, answer))):
            return not_yet(f"{name} is still open: write four numbers from 0 to 1.")
        try:
            door = np.array(answer, dtype=float)
        except (TypeError, ValueError):
            door = None
        if door is None or door.shape != (4,):
            return wrong(f"{name} wants four numbers, one for each step: [1, 0, 0.5, 1], for example.")
        if not ((door >= 0) & (door <= 1)).all():
            return wrong(f"{name} holds a number outside 0 to 1: a door can be shut, open, or anything in between.")
        doors.append(door)
    f, i, o = doors
    page = _page(f, i)
    if not np.allclose(page, _PAGE, atol=0.01):
        if np.allclose(_page(1 - f, i), _PAGE, atol=0.01):
            return wrong("your forget door is the wrong way round: f = 1 keeps the page, f = 0 erases it.")
        if np.allclose(_page(i, f), _PAGE, atol=0.01):
            return wrong("f and i have changed places: f acts on the old page, i on the draft.")
        return wrong(_why_not_on_the_page(f, i, page))
    said, wanted = o * np.tanh(page), np.array([0, 0, np.tanh(0.8), 0])
    if not np.allclose(said, wanted, atol=0.01):
        k = int(np.argmax(np.abs(said - wanted) > 0.01))
        where = "Only at step 3 is the page read." if k != 2 else "In full means o = 1."
        return wrong(f"the page is right. At step {k + 1}, o = {o[k]:g} says {said[k]:.3f}. {where} Look at o.")
    return right(
        "written, kept, said, erased. f at the first step and o at the last could be anything: "
        "there was nothing to keep yet, and nothing left to say."
    )


def _why_not_on_the_page(f, i, page):
    """The first step at which the page is wrong, and the door to blame."""
    k = int(np.argmax(np.abs(page - _PAGE) > 0.01))
    old = page[k - 1] if k > 0 else 0.0
    if k == 0:
        blame = "The whole draft is to be written: look at i."
    elif i[k] > 0.01:
        blame = "Nothing of the draft is to get in here: look at i."
    else:
        blame = f"The page is to be {'kept as it is' if k < 3 else 'erased'}: look at f."
    return (
        f"after step {k + 1} the page says {page[k]:.3f}, wanted {_PAGE[k]:.3f}. f = {f[k]:g} keeps {f[k] * old:.3f} "
        f"of the old page, i = {i[k]:g} adds {i[k] * _DRAFT[k]:.3f} of the draft. {blame}"
    )


_DRAFT = (0.8, -1.0, 0.5, 0.5)
_PAGE = (0.8, 0.8, 0.8, 0.0)  # what is to be on it after each step


def _page(f, i):
    c, page = 0.0, []
    for k, draft in enumerate(_DRAFT):
        c = f[k] * c + i[k] * draft
        page.append(c)
    return np.array(page)


# --- notebook 01 -------------------------------------------------------------------------------


def opening(answer):
    """Exercise 1a: one gate with numbers for the head."""
    return _expect_number(
        answer,
        0.5,
        "z = 4 · 1 − 8 · 0.5 + 0 = 0, and σ(0) = 0.5.",
        {
            0.0: "that is z. The valve is open to σ(z).",
            sigmoid(4): "that is σ(4): what u · h_prev adds to z is missing.",
            sigmoid(8): "that is σ(8): u is −8, so the previous h closes the valve.",
            sigmoid(-4): "that is σ(−4): h_prev is 0.5, so u · h_prev is −4, not −8.",
        },
        "first z = w · x + u · h_prev + b, then σ(z).",
        tolerance=0.004,
    )


def bias_for_opening(function):
    """Exercise 1b: the inverse of the sigmoid."""
    openings = np.array([0.9, 0.5, 0.2, 0.99])
    got = []
    for one in openings:
        bias, feedback = call(function, float(one))
        if feedback:
            return feedback
        try:
            got.append(float(bias))
        except (TypeError, ValueError):
            return wrong(f"bias_for({one}) is not one number.")
    got, logit = np.array(got), np.log(openings / (1 - openings))
    for mistake, message in (
        (openings, "you return the opening itself, but σ(0.9) is 0.71. Which z has σ(z) = 0.9?"),
        (-logit, "the sign is the wrong way round: your bias for 0.9 opens the gate to 0.1."),
        (np.log(openings), "ln(opening) is never above 0, so this gate is never more than half open. Divide first."),
        (openings / (1 - openings), "opening / (1 − opening) is e to the power z. One step is missing to get z."),
        (sigmoid(openings), "that is σ(opening). Asked is the other way: from the opening back to z."),
    ):
        if np.allclose(got, mistake, atol=1e-9):
            return wrong(message)
    opened = sigmoid(got)
    if not np.allclose(got, logit, atol=1e-6):
        k = int(np.argmax(np.abs(opened - openings)))
        return wrong(f"your bias for {openings[k]} opens the gate to {opened[k]:.4g}. Solve σ(b) = opening for b.")
    return right("b = ln(opening / (1 − opening)); for 0.9 it is ln 9 = 2.197. This function is called the logit.")


def gate_shape(answer):
    """Exercise 2a: the shape of a gate."""
    if is_empty(answer):
        return not_yet("write the shape as a tuple, such as (2, 7).")
    try:
        answer = tuple(int(size) for size in answer)
    except (TypeError, ValueError):
        return wrong("write the shape as a tuple of two whole numbers, such as (2, 7).")
    messages = {
        (5, 3): "that is the shape of x. A gate has one opening for each unit, not for each feature.",
        (2,): "that is one row. Each of the 5 sequences of the batch gets its own.",
        (2, 3): "that is the shape of W. W is multiplied with x and does not stay.",
        (2, 5): "rows are the batch: in code, each sequence is a row. (2, 5) is the layout of the mathematics.",
        (5, 8): "that is all four gates side by side. Asked is one.",
        (5, 2): "5 sequences, 2 units: one opening for each, the same shape as c and h.",
    }
    if answer == (5, 2):
        return right(messages[answer])
    return wrong(messages.get(answer, "x is (N, D) = (5, 3) and h is (N, H) = (5, 2). A gate is multiplied with c."))


def one_gate(function):
    """Exercise 2b: a gate from x, the previous h and its three weights."""
    rng = np.random.default_rng(1)
    x, h = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    W, U, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 2)), rng.normal(size=2)
    got, feedback = call(function, x.copy(), h.copy(), W.copy(), U.copy(), b.copy())
    if feedback:
        return _with_shapes(feedback, x=x, h_prev=h, W=W, U=U, b=b)
    z = x @ W.T + h @ U.T + b
    for mistake, message in (
        (z, "that is z, the pre-activation. A gate is σ(z)."),
        (np.tanh(z), "tanh gives values from −1 to 1. That is for the candidate; a gate is σ(z)."),
        (sigmoid(x @ W.T + h @ U + b), "U is square, so h_prev @ U runs without an error, but rows want h_prev @ U.T."),
        (sigmoid(z - b), "the bias is missing."),
        (sigmoid(x @ W.T + b), "the previous h is missing: a gate sees x and h_prev."),
        (sigmoid(-z), "this gate shuts where it should open: exp wants −z, as in 1 / (1 + exp(−z))."),
    ):
        if _same(got, mistake):
            return wrong(message)
    return compare("your gate", got, sigmoid(z)) or right("one gate, in the form that all three share.")


def parameter_count(answer):
    """Exercise 3a: how many numbers one LSTM layer learns."""
    return _expect_number(
        answer,
        48,
        "4 (H D + H H + H) = 4 (6 + 4 + 2) = 48.",
        {
            12: "that is one of the four: H D + H H + H = 6 + 4 + 2.",
            36: "three gates make 36, but the candidate has weights of its own too.",
            40: "the biases are missing: H for each of the four.",
            24: "W alone for four gates. U and b are learned too.",
            56: "that counts two biases, as torch keeps them. Here there is one.",
            60: "U is (H, H), not (H, D): a gate sees the H numbers of the previous h.",
        },
        "count W (H, D), U (H, H) and b (H,) of one gate, then think how many there are.",
    )


def four_gates(function):
    """Exercise 3b: i, f, g, o from one 4H-wide product."""
    rng = np.random.default_rng(2)
    params = LSTMParams(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8))
    x, h = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    weights = params.weight_ih.copy(), params.weight_hh.copy(), params.bias.copy()
    got, feedback = call(function, x.copy(), h.copy(), *weights)
    if feedback and "equal division" in feedback.message:
        return wrong("np.split cuts rows here, and there are 5. The gates lie side by side: cut along axis=1.")
    if feedback:
        return _with_shapes(feedback, x=x, h_prev=h, weight_ih=weights[0], weight_hh=weights[1], bias=weights[2])
    try:
        got = tuple(got)
    except TypeError:
        got = ()
    if len(got) != 4:
        return wrong("return four arrays: i, f, g, o.")
    blocks = dict(zip(GATES, np.split(x @ weights[0].T + h @ weights[1].T + weights[2], 4, axis=1), strict=True))
    functions = {"σ": sigmoid, "tanh": np.tanh, "nothing": np.array}
    without_bias = np.split(x @ weights[0].T + h @ weights[1].T, 4, axis=1)
    for name, result in zip(GATES, got, strict=True):
        wanted = "tanh" if name == "g" else "σ"
        block, function = next(
            ((k, word) for k, z in blocks.items() for word, apply in functions.items() if _same(result, apply(z))),
            (name, wanted),
        )
        if block != name:
            return wrong(f"what you return as {name} is made from the block of {block}. The order is i, f, g, o.")
        if function == "nothing":
            return wrong(f"what you return as {name} is a pre-activation: it still has to go through {wanted}.")
        if function != wanted:
            why = "g must be able to be negative" if name == "g" else f"{name} is a gate, from 0 to 1"
            return wrong(f"{name} went through {function}, wanted {wanted}: {why}.")
        if _same(result, functions[wanted](without_bias[GATES.index(name)])):
            return wrong(f"{name} is what comes out without the bias: add it once to the whole 4H-wide product.")
        if problem := compare(name, result, functions[wanted](blocks[name])):
            return problem
    return right("one product, cut in four.")


def mystery_block():
    """An LSTM whose four blocks stand in another order, and one step of it with its gates in plain sight.

    Returns
    -------
    block : LSTMParams
        Its rows are in blocks of H = 2, but not in the order of `GATES`.
    step : Step
        What the LSTM computes when its blocks are read in their own order.
    """
    rng = np.random.default_rng(5)
    params = LSTMParams(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8))
    x, h, c = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    rows = np.concatenate([np.arange(8)[params.gate(name)] for name in _MYSTERY_ORDER])
    block = LSTMParams(params.weight_ih[rows], params.weight_hh[rows], params.bias[rows])
    return block, lstm_step(x, h, c, params)


_MYSTERY_ORDER = "iofg"  # as ONNX has it, with its c for our g


def permuted_block(answer):
    """Exercise 4a: what one sees when the blocks stand in the wrong order."""
    return _expect_choice(
        answer,
        "d",
        "the shapes fit, every gate is in (0, 1), and all the numbers are wrong. Only a comparison can tell.",
        {
            "a": "all four blocks have the same shape, so no shape can be wrong.",
            "b": "no number gets large or invalid: each block is as good a block as the others.",
            "c": "whatever stands in a gate's block goes through σ, so it comes out in (0, 1).",
        },
    )


def block_order(answer):
    """Exercise 4b: the order of the blocks of `mystery_block`."""
    if is_empty(answer):
        return not_yet('write four letters, such as "ifgo".')
    try:
        letters = "".join(answer)
    except TypeError:
        return wrong('write four letters, such as "ifgo".')
    if sorted(letters) != sorted(GATES):
        return wrong(f"{letters!r} does not name each of {', '.join(GATES)} once.")
    if letters == _MYSTERY_ORDER:
        return right("i, o, f, g: the order in which the ONNX format stores an LSTM (it calls g the cell gate).")
    if letters == "".join(GATES):
        return wrong("that is the order of this series. Compare each block's σ(z), or tanh(z), with the gates in seen.")
    if letters == "".join(GATES[_MYSTERY_ORDER.index(name)] for name in GATES):
        return wrong("you turned the question round. The first letter names the gate that stands in the first block.")
    k = next(k for k in range(4) if letters[k] != _MYSTERY_ORDER[k])
    return wrong(f"block {k} (counted from 0) is not {letters[k]}. Take σ of its z, and tanh for g, and compare.")


def slope_at(answer):
    """Exercise 5a: the slope of a gate that is open to 0.8."""
    return _expect_number(
        answer,
        0.16,
        "s (1 − s) = 0.8 · 0.2 = 0.16. The gate's own value is enough, nobody has to know z.",
        {
            0.8: "that is the gate itself.",
            0.2: "that is 1 − s, one of the two factors.",
            0.25: "that is the highest slope, at s = 0.5. At s = 0.8 it is less.",
            0.36: "1 − s² is the slope of tanh.",
            sigmoid(0.8) * sigmoid(-0.8): "0.8 is the gate s, not z: it has been through σ already.",
        },
        "the slope of the sigmoid is s (1 − s), where s is the gate.",
        tolerance=0.002,
    )


def slope_of_gate(function):
    """Exercise 5b: the slope of the sigmoid, from its value; of any shape."""
    gate = sigmoid(np.array([[-3.0, -1.0, 0.0], [0.5, 2.0, 6.0]]))
    got, feedback = call(function, gate.copy())
    if feedback:
        return feedback
    for mistake, message in (
        (1 - gate**2, "1 − s² is the slope of tanh. That one is for the candidate."),
        (sigmoid(gate) * (1 - sigmoid(gate)), "what comes in is the gate itself: it has been through σ already."),
        (gate * (gate - 1), "the sign is the wrong way round: the sigmoid never falls."),
        (1 - gate, "that is one factor of two."),
    ):
        if _same(got, mistake):
            return wrong(message)
    return compare("your slope", got, gate * (1 - gate)) or right("this line comes back in every backward pass.")


def late_gate(answer):
    """Exercise 6a: the step at which a gate opens that listens to another unit's h."""
    return _expect_number(
        answer,
        4,
        "the read is at t = 3 and makes h of unit 0 large; a gate sees the h of the step before, so it opens at t = 4.",
        {
            3: "t = 3 is where the token is read and h of unit 0 becomes large. Which h do its gates see?",
            5: "that is one too many: the first token is at t = 0.",
            1: "the token at t = 1 is write, but unit 2 has no weight on any token. What does it listen to?",
            10: "that is the second read. Asked is the first time, and the step at which the gate itself opens.",
            11: "the gate does open there, for the second time. Asked is the first.",
        },
        "find the step at which h of unit 0 is large: that is what feeds the input gate of unit 2.",
    )


def leak_left(answer):
    """Exercise 6b: what a forget gate at 0.9 leaves after four steps."""
    return _expect_number(
        answer,
        0.9**4,
        "0.9 · 0.9 · 0.9 · 0.9 = 0.6561. What is kept is a product of gates.",
        {
            0.9: "that is left after one step; from t = 1 to t = 5 there are four.",
            0.6: "that takes 0.1 away four times. A gate multiplies: each step keeps 0.9 of what is left.",
            0.9**5: "that is five steps. The forget gates at work are those of t = 2, 3, 4 and 5.",
            1 - 0.9**4: "that is the part that is lost. Asked is the part that is left.",
        },
        "multiply what is left by the forget gate once for each step after t = 1, up to t = 5. Give three digits.",
        tolerance=0.002,
    )


def _with_shapes(feedback, **arrays):
    """Add the shapes to what a failed product says, which names operands but not variables."""
    if "matmul" not in feedback.message and "broadcast" not in feedback.message:
        return feedback
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    return wrong(f"two shapes do not fit. Yours: {shapes}. The rows of a batch want the weights transposed (.T).")


# --- notebook 02 -------------------------------------------------------------------------------


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


# --- notebook 03 -------------------------------------------------------------------------------


def shared_weight_prediction(answer):
    """Exercise 1a: what is left when a loop assigns where it should add."""
    return _expect_choice(
        answer,
        "a",
        "each turn overwrites the one before, and the loop goes back: the last turn is the first step. dw = w² · a_0.",
        {
            "b": "that share is computed, in the first turn of the loop. What do the two turns after it do with dw?",
            "c": "w is used three times, so three shares have to be added. How many survive an `=`?",
            "d": "every turn writes something into dw. Which turn is the last one?",
        },
    )


def shared_weight(function):
    """Exercise 1b: ``shared_weight_gradient(a, w)``, the gradient of the last a in a weight that is used T times."""
    for a, w in (([1.5, 2.35, 0.675, 1.46], 0.9), ([0.4, -1.2, 0.7, 0.3, 2.1, -0.6], -1.3)):
        a = np.array(a)
        got, feedback = call(function, a.copy(), w)
        if feedback:
            return feedback
        if np.ndim(got) != 0:
            return wrong(f"your function returns shape {np.shape(got)}. One weight has one gradient: add the shares.")
        passed = w ** np.arange(len(a) - 1)[::-1]  # the product of the slopes after each step
        before = a[:-1]
        for mistake, message in (
            (passed[0] * before[0], "that is the share of the first step alone. Start dw at 0 and use +=."),
            (before[-1], "that is the share of the last step alone. Go on: the steps before it use w as well."),
            ((passed * a[1:]).sum(), "w multiplies the a *before* the step: a[t], not a[t + 1]."),
            (before.sum(), "the shares are added, but da stays 1 on its way back: da = da * w is missing."),
            ((passed * w * before).sum(), "one w too many in each share: add to dw first, then multiply da by w."),
        ):
            if _same(got, mistake):
                return wrong(message)
        feedback = compare("the gradient", got, (passed * before).sum())
        if feedback:
            return wrong(f"for {len(before)} steps, {feedback.message} Go back with da = 1; each step adds da * a[t].")
    return right("T uses, T shares, one sum. A weight of an LSTM is used at each step and collects its gradient so.")


def dc_prev_prediction(answer):
    """Exercise 2a: one unit, with numbers."""
    return _expect_number(
        answer,
        0.58,
        "(2 + 1 · 0.5 · (1 − 0.6²)) · 0.25 = 2.32 · 0.25 = 0.58.",
        {
            0.5: "that is 2 · 0.25. c also acts on the loss through h: where is that part?",
            2.32: "that is dc, what arrives at c. On its way to the c before it passes the forget gate.",
            2.08: "both parts of dc pass the forget gate, not only the one through h. Mind the brackets.",
            0.82: "both parts of dc pass the forget gate, not only the one from later. Mind the brackets.",
            0.575: "0.6 is tanh(c). The slope of tanh there is 1 − 0.6².",
            0.625: "the path from h to c goes through tanh; its slope 1 − 0.6² is missing.",
            0.66: "the path from h to c goes through the output gate, too: times 0.5.",
            0.08: "that is the part through h only. What comes from later, dc_next, counts as well.",
            0.55: "the slope of tanh is 1 − tanh², not 1 − tanh.",
        },
        "first dc, with both its sources; then the forget gate.",
        tolerance=0.002,
    )


def dc_prev(function):
    """Exercise 2b: ``derived_dc_prev(dh, dc_next, o, c, f)``."""
    rng = np.random.default_rng(2)
    dh, dc_next, c = rng.normal(size=(3, 3, 4))
    o, f = rng.uniform(0.1, 0.9, size=(2, 3, 4))
    given = [array.copy() for array in (dh, dc_next, o, c, f)]
    got, feedback = call(function, *given)
    if feedback:
        return feedback
    through_h, slope = dh * o * (1 - np.tanh(c) ** 2), 1 - np.tanh(c) ** 2
    for mistake, message in (
        (dc_next * f, "the path through h is missing: c is used in h = o · tanh(c), so dh comes back to c."),
        (dc_next + through_h, "that is dc. On its way to the c before it passes the forget gate."),
        (dc_next + through_h * f, "both parts of dc pass the forget gate: brackets."),
        (dc_next * f + through_h, "both parts of dc pass the forget gate: brackets."),
        (through_h * f, "what comes from later, dc_next, counts as well."),
        ((dc_next + dh * slope) * f, "h = o · tanh(c): the output gate is missing on the path through h."),
        ((dc_next + dh * o) * f, "h = o · tanh(c): the slope of tanh is missing on the path through h."),
        ((dc_next + dh * o * np.tanh(c)) * f, "that is tanh(c). Its slope is 1 − tanh²(c)."),
        ((dc_next + dh * o * (1 - c**2)) * f, "the slope of tanh is 1 − tanh²(c): c itself is not squashed yet."),
        ((dc_next + through_h) * f * (1 - f), "f multiplies c_prev, so the slope is f. f (1 − f) belongs to z_f."),
    ):
        if _same(got, mistake):
            return wrong(message)
    feedback = compare("dc_prev", got, (dc_next + through_h) * f)
    if feedback:
        return wrong(f"{feedback.message} c_prev is used once in the step, in c = f · c_prev + i · g.")
    if not all(map(np.array_equal, given, (dh, dc_next, o, c, f))):
        return wrong("the result is right, but your function changes an array of its caller. Avoid += on arguments.")
    return right("dc_prev = (dc_next + dh · o · (1 − tanh²(c))) · f. This is the line that the LSTM was invented for.")


def museum_prediction(answer_transpose, answer_slope, answer_brackets):
    """Exercise 3: the smallest T at which the gradient of weight_hh is wrong, for three bugs."""
    answers = {
        "missing_transpose": (answer_transpose, 3),
        "missing_forget_slope": (answer_slope, 2),
        "missing_brackets": (answer_brackets, 3),
    }
    reasons = {
        ("missing_transpose", 1): "with one step, dh_prev goes to h0 and into no weight.",
        ("missing_transpose", 2): "with two steps, only the dz of the first step is wrong. Its h_prev is h0 = 0.",
        ("missing_forget_slope", 1): "with one step, c_prev is c0 = 0, so df is 0, with or without the slope.",
        ("missing_forget_slope", 3): "one less: the second step has a c_prev and an h_prev that are not 0.",
        ("missing_brackets", 1): "with one step and the loss on h, dc_next is 0: the part without brackets is 0.",
        ("missing_brackets", 2): "with two steps, dc_next is not 0 in the first step only. What is h_prev there?",
    }
    if any(is_empty(answer) for answer, _ in answers.values()):
        return not_yet("write a number for each of the three bugs.")
    for bug, (answer, wanted) in answers.items():
        if not isinstance(answer, (int, float, np.number)) or isinstance(answer, bool):
            return wrong(f"{bug}: write one number.")
        if answer != wanted:
            hint = reasons.get((bug, answer), "ask of each step: is its dz wrong, and is its h_prev other than 0?")
            return wrong(f"{bug}, not {answer}: {hint}")
    return right("3, 2 and 3. With a start at zero, a test of two steps would have passed two of these three.")


def broken_step_prediction(answer):
    """Exercise 4a: how far a wrong dz_g spreads within one step."""
    return _expect_choice(
        answer,
        "b",
        "dz_g goes into the g rows of all weights, and x and h0 add up all four gates, so they are wrong as a whole.",
        {
            "a": "what do dx = dz @ weight_ih and dh_prev = dz @ weight_hh add up?",
            "c": "the rows of i, f and o are made from dz_i, dz_f and dz_o. Does dz_g go into those?",
            "d": "that holds for mistakes in what is handed on. This one is in a gradient that the step itself uses.",
        },
    )


def repaired_step(function):
    """Exercise 4b: ``repaired_step(step, params, dh, dc)`` returns dz, dh_prev and dc_prev."""
    case = awkward_case(2)
    step, params = case.trace.step(1), case.params
    dh, dc = case.dh[1].copy(), case.dc_n.copy()
    got, feedback = call(function, step, params, dh, dc)
    if feedback:
        return feedback
    if not isinstance(got, tuple) or len(got) != 3:
        return wrong("return three things, as the broken one does: dz, dh_prev, dc_prev.")
    wanted = right_step(step, params, case.dh[1], case.dc_n)
    changed = not np.array_equal(dc, case.dc_n)
    for mine, right_one, name in zip(got, wanted, ("dz", "dh_prev", "dc_prev"), strict=True):
        feedback = compare(name, mine, right_one)
        if feedback is None:
            continue
        if name == "dz" and np.shape(mine) == right_one.shape:
            off = [gate for gate in GATES if not _same(mine[:, params.gate(gate)], right_one[:, params.gate(gate)])]
            if off == ["g"]:
                return wrong("the columns of dz that belong to g are off. Is g a sigmoid? What is the slope of a tanh?")
            lines = ", ".join(f"dz_{gate}" for gate in off)
            return wrong(f"dz is off for {', '.join(off)}: look at {lines}, and at dc, which goes into i, f and g.")
        return wrong(feedback.message)
    if changed:
        return wrong(
            "all numbers are right, the first time. But the array that the caller handed in as dc is changed, "
            "and a second call with it goes wrong. Which line adds into an argument?"
        )
    if not np.array_equal(dh, case.dh[1]):
        return wrong("all numbers are right, but the array that the caller handed in as dh is changed.")
    return right("dc = dc + … makes a new array, and the slope of the candidate, a tanh, is 1 − g².")


def peephole_prediction(answer):
    """Exercise 5a: paths into c_t with peepholes."""
    return _expect_number(
        answer,
        5,
        "h_t, c past the forget gate, and three peepholes: the output gate now, input and forget gate one step later.",
        {
            2: "those are the two of the LSTM without peepholes. Who else reads c_t now?",
            3: "that counts one peephole. Each of the three gates reads a cell state.",
            4: "one reader is missing. Input and forget gate read the old cell state: for c_t, those of step t + 1.",
            6: "one too many. The candidate has no peephole, and the loss does not look at c.",
            8: "paths into h are not counted: asked is who reads c_t.",
        },
        "go through the six equations and mark where c_t is read, at step t and at step t + 1.",
    )


def peephole_dc_prev(function):
    """Exercise 5b: the whole way back to c_prev in a cell with peepholes."""
    rng = np.random.default_rng(5)
    i, f, o = rng.uniform(0.1, 0.9, size=(3, 3, 4))
    g = rng.uniform(-0.9, 0.9, size=(3, 4))
    dh, dc_next, c_prev = rng.normal(size=(3, 3, 4))
    p_i, p_f, p_o = rng.normal(size=(3, 4))
    c = f * c_prev + i * g
    given = [dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o]
    got, feedback = call(function, *[array.copy() for array in given])
    if feedback:
        return feedback

    dz_o = dh * np.tanh(c) * o * (1 - o)
    through_h = dh * o * (1 - np.tanh(c) ** 2)

    def back(dc, peep_i=p_i, peep_f=p_f):
        return dc * f + dc * g * i * (1 - i) * peep_i + dc * c_prev * f * (1 - f) * peep_f

    dc = dc_next + through_h + dz_o * p_o
    plain = dc_next + through_h
    for mistake, message in (
        (plain * f, "that is the LSTM without peepholes. Three gates read a cell state now."),
        (back(plain), "the output gate reads c_t before h is made: dz_o · p_o belongs into dc."),
        (dc * f, "c_prev is read by the input gate and by the forget gate as well: two more summands."),
        (back(dc, peep_i=0), "the input gate reads c_prev, too: its dz_i comes back through p_i."),
        (back(dc, peep_f=0), "the forget gate reads c_prev, too: its dz_f comes back through p_f."),
        (back(plain) + dz_o * p_o, "the output gate reads c_t, not c_prev: dz_o · p_o belongs into dc."),
        (back(plain + dh * np.tanh(c) * p_o), "on the way from o to c lies the slope o (1 − o) of the gate."),
        (dc * f + dc * g * p_i + dc * c_prev * p_f, "between a gate and its z lies the slope, as in i (1 − i)."),
        (back(dc_next + dz_o * p_o), "the path from h to c through tanh is missing in dc."),
    ):
        if _same(got, mistake):
            return wrong(message)
    feedback = compare("dc_prev", got, back(dc))
    if feedback:
        return wrong(
            f"{feedback.message} First dz_o from dh; then dc from dc_next, dh, dz_o; then dz_i and dz_f; then dc_prev."
        )
    return right("five paths into c, in the right order. You can derive a cell that nobody has derived for you.")


# --- notebook 04 -------------------------------------------------------------------------------


def clip_prediction(answer):
    """Exercise 1a: two gradients of length 6 and 8, clipped together to 5: how long is the first one then?"""
    return _expect_number(
        answer,
        3,
        "together they are sqrt(6² + 8²) = 10 long, twice too long. Both are halved.",
        {
            5: "that clips the first gradient by itself. All gradients count as one long vector: how long is it?",
            6: "6 is above 5, and both together are longer still. They are clipped.",
            2.5: "nothing is shared out evenly: the direction must stay, so the first stays 6/8 of the second.",
            4: "that is the length of the second one, or you shared 5 out some other way. Both get the same factor.",
            30 / 14: "lengths at right angles do not add up as 6 + 8. Square, add, take the root.",
            10: "that is the length of both together, before clipping.",
            0.5: "that is the factor. By how much is the first one shortened, from 6?",
        },
        "all gradients are one long vector; find its length, then the one factor that makes it 5.",
        tolerance=0.01,
    )


def clip(function):
    """Exercise 1b: ``my_clip(gradients, max_norm)``, a dict of arrays in, a dict of arrays out."""
    rng = np.random.default_rng(4)
    gradients = {"weight": rng.normal(size=(4, 3)), "bias": rng.normal(size=4), "head": 3 * rng.normal(size=(2, 2))}
    norm = np.sqrt(sum((array**2).sum() for array in gradients.values()))
    for max_norm in (norm / 4, 5 * norm):
        given = {name: array.copy() for name, array in gradients.items()}
        got, feedback = call(function, given, max_norm)
        if feedback:
            return feedback
        if not isinstance(got, dict) or got.keys() != gradients.keys():
            return wrong("return a dict with the same names as `gradients`, and an array for each.")
        if any(not np.array_equal(given[name], array) for name, array in gradients.items()):
            return wrong("your function changes the arrays that it was given. Make new ones: factor * gradient.")
        wanted = {name: array * min(1, max_norm / norm) for name, array in gradients.items()}
        slips = {
            "each array is clipped by itself, which turns the direction. Find one length for all of them.": {
                name: array * min(1, max_norm / np.linalg.norm(array)) for name, array in gradients.items()
            },
            "each number is clipped by itself, which turns the direction. Shorten all by one common factor.": {
                name: np.clip(array, -max_norm, max_norm) for name, array in gradients.items()
            },
            "short gradients are made longer. Clipping leaves them alone: the factor is at most 1.": {
                name: array * max_norm / norm for name, array in gradients.items()
            },
            "the root is missing: the length is the square root of the sum of all squares.": {
                name: array * min(1, max_norm / norm**2) for name, array in gradients.items()
            },
            "together they are 1 long now. Wanted is max_norm, at most.": {
                name: array / norm for name, array in gradients.items()
            },
        }
        for message, slip in slips.items():
            if _close(got, slip) and not _close(slip, wanted):
                return wrong(message)
        for name, array in wanted.items():
            feedback = compare(name, got[name], array, tolerance=1e-5)  # with or without torch's 1e-6
            if feedback:
                return wrong(f"for gradients of length {norm:.3g} and max_norm {max_norm:.3g}: {feedback.message}")
    return right("one length, one factor, never above 1. A step into the same direction, and not too far.")


def _close(got, wanted):
    return all(compare("", got[name], wanted[name], tolerance=1e-5) is None for name in wanted)


def adam_prediction(answer):
    """Exercise 2a: how far Adam's first update goes with lr = 0.1 and a gradient of 0.001."""
    return _expect_number(
        answer,
        0.1,
        "at t = 1, m divided by 0.1 is the gradient, v divided by 0.001 is its square; gradient / |gradient| is 1. "
        "The first update is lr, whatever the gradient's size.",
        {
            0.0001: "that is plain SGD, lr · gradient. Adam divides by the root of v: what is it at t = 1?",
            0.00001: "that is lr · m with m not yet divided by 1 − beta1, and without the division by the root of v.",
            0.3162277: "nearly: that leaves out both divisors. m is 0.1 · gradient, v is 0.001 · gradient².",
            0.001: "the gradient's size drops out: it stands above and below the line. Put t = 1 in.",
            1: "gradient / |gradient| is 1, right. And then it is multiplied by lr.",
            0.01: "m / (1 − beta1) is the whole gradient at t = 1, not a tenth of it.",
        },
        "put t = 1 into the four lines: m and v start at 0.",
        tolerance=1e-6,
    )


def adam(function):
    """Exercise 2b: ``my_adam(parameter, gradient, m, v, t)`` returns the three new arrays; three updates in a row."""
    lr, beta1, beta2, eps = 0.1, 0.9, 0.999, 1e-8
    slips = {
        "the two divisors are missing: m / (1 − beta1**t) and v / (1 − beta2**t).": {"corrected": False},
        "v collects the squares of the gradients: gradient**2.": {"square": False},
        "the root is missing: divide by the square root of v, plus eps.": {"root": False},
        "the sign: the parameter goes *against* m.": {"sign": -1},
        "0.9 belongs to m and 0.999 to v; yours have changed places.": {"beta1": beta2, "beta2": beta1},
        "the first update is t = 1, and your divisors use t + 1.": {"late": 1},
    }

    def adam_update(p, g, m, v, t, *, corrected=True, square=True, root=True, sign=1, late=0, beta1=beta1, beta2=beta2):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g**2 if square else np.abs(g))
        up, down = (m / (1 - beta1 ** (t + late)), v / (1 - beta2 ** (t + late))) if corrected else (m, v)
        return p - sign * lr * up / ((np.sqrt(down) if root else down) + eps), m, v

    rng = np.random.default_rng(3)
    parameter, m, v = rng.normal(size=4), np.zeros(4), np.zeros(4)
    for t in (1, 2, 3):
        gradient = rng.normal(size=4) * 10.0 ** np.arange(-2, 2)
        given = [array.copy() for array in (parameter, gradient, m, v)]
        got, feedback = call(function, *given, t)
        if feedback:
            return feedback
        if not isinstance(got, tuple) or len(got) != 3:
            return wrong("return three arrays: the new parameter, the new m, the new v.")
        if not all(map(np.array_equal, given, (parameter, gradient, m, v))):
            return wrong("your function changes an array that it was given. Avoid += and -= on arguments here.")
        wanted = adam_update(parameter, gradient, m, v, t)
        for message, slip in slips.items():
            mistake = adam_update(parameter, gradient, m, v, t, **slip)
            if all(map(_same, got, mistake)) and not all(map(_same, mistake, wanted)):
                return wrong(message)
        for k, name in ((1, "m"), (2, "v"), (0, "parameter")):
            feedback = compare(f"{name} after update {t}", got[k], wanted[k])
            if feedback:
                return wrong(f"{feedback.message} Compare with the four lines above.")
        parameter, m, v = wanted
    return right("the same three updates as torch's, to the last digits. The first went by 0.1 in every direction.")


def pair_table_prediction(answer):
    """Exercise 3a: the share that the best table of pairs gets right on "abac" again and again."""
    return _expect_number(
        answer,
        0.75,
        "after b and after c always comes a: right. After a, which is every second character, comes b or c, half each.",
        {
            1: "what does the table say for a? Both b and c come after it, and it has one answer only.",
            0.5: "the characters after b and after c are right as well. How many of four is that?",
            0.25: "that is a guess among four. Go through the four places one by one.",
            2 / 3: "not every letter counts the same: a comes twice as often as b or c.",
            5 / 6: "that is the mean over the three letters. a comes twice as often as b or c.",
        },
        "take four characters in a row, and for each the one that comes most often after it.",
        tolerance=0.005,
    )


def pair_table(function):
    """Exercise 3b: ``best_pair_table(text)``, the share of all characters but the first that the best table knows."""
    rng = np.random.default_rng(5)
    texts = (tasks.ALPHABET * 3, "abac" * 10 + "a", "".join(rng.choice(list("xyz"), 300, p=[0.6, 0.3, 0.1])) + "xq")
    for text in texts:
        got, feedback = call(function, text)
        if feedback:
            return feedback
        pairs = list(zip(text, text[1:], strict=False))
        after = {now: [b for a, b in pairs if a == now] for now, _ in pairs}
        best = {now: max(set(then), key=then.count) for now, then in after.items()}
        share = sum(best[now] == then for now, then in pairs) / len(pairs)
        last = {now: then[-1] for now, then in after.items()}
        most = max(set(text[1:]), key=text[1:].count)
        for mistake, message in (
            (share * len(pairs), "that is how many are right. Asked is the share, from 0 to 1."),
            (
                sum(last[now] == then for now, then in pairs) / len(pairs),
                "your table keeps the follower seen last. Keep the one that came most often.",
            ),
            (
                np.mean([then.count(best[now]) / len(then) for now, then in after.items()]),
                "that is the mean over letters. A letter that comes more often counts more: count characters.",
            ),
            (
                text[1:].count(most) / len(pairs),
                "that says the commonest character every time. The table looks at the current character first.",
            ),
            (share * len(pairs) / len(text), "the first character is not predicted: divide by len(text) - 1."),
        ):
            if _same(got, mistake) and not _same(mistake, share):
                return wrong(message)
        feedback = compare(f"for {text[:8]!r}…, your share", got, share)
        if feedback:
            return wrong(f"{feedback.message} For each character: which one comes after it most often, and how often?")
    return right("this is the number to beat before anyone speaks of memory.")


def temperature_prediction(answer):
    """Exercise 4a: logits 2 and 0 at temperature 0.5: how many times as likely is the first?"""
    return _expect_number(
        answer,
        np.exp(4),
        "e to the power (2 − 0) / 0.5 = 4. At temperature 1 it is 7.4 times, at 0.5 its square.",
        {
            np.exp(2): "that is temperature 1. At 0.5 the logits are divided by 0.5 first.",
            np.exp(1): "that multiplies by the temperature. Divide: 2 / 0.5.",
            4: "4 is the difference of the logits after the division. Then comes exp.",
            1 / (1 + np.exp(-4)): "that is the probability of the first. How many times that of the second is it?",
            2 * np.exp(2): "the division stands inside the exponential: exp(2 / 0.5), not exp(2) / 0.5.",
        },
        "divide both logits by 0.5, take exp of each, and divide the first by the second.",
        tolerance=0.6,
    )


def temperature(function):
    """Exercise 4b: ``my_softmax(logits, temperature)`` for logits (N, C)."""
    logits = np.random.default_rng(6).normal(size=(4, 3)) * 3

    def soft(z, axis=-1):
        return np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)

    for at in (1.0, 0.5, 3.0):
        got, feedback = call(function, logits.copy(), at)
        if feedback:
            return feedback
        wanted = soft(logits / at)
        for mistake, message in (
            (soft(logits * at), "a high temperature makes the likely symbol surer here. Divide by it."),
            (soft(logits) / at, "the division comes before exp, not after: these do not sum to 1."),
            (soft(logits), "your function leaves the temperature out."),
            (soft(logits / at, axis=0), "each *row* sums to 1: sum over the last axis, axis=-1."),
            (np.exp(logits / at) / np.exp(logits / at).sum(), "each *row* sums to 1: axis=-1, keepdims=True."),
            (np.exp(logits / at), "divide by the sum of the row, so that it is a row of probabilities."),
        ):
            if _same(got, mistake) and not _same(mistake, wanted):
                return wrong(message)
        feedback = compare(f"at temperature {at:g}, the probability", got, wanted)
        if feedback:
            return feedback
    with np.errstate(all="ignore"):
        large, feedback = call(function, np.array([[1000.0, 0.0]]), 0.5)
    if feedback:
        return feedback
    if not _same(large, [[1, 0]]):
        return wrong("right, but logits of 1000 overflow: subtract the largest logit of each row before exp.")
    return right("divide by the temperature, subtract the largest, exp, divide by the sum.")


# --- notebook 05 -------------------------------------------------------------------------------


def lstm_shapes(answer_output, answer_h_n):
    """Exercise 1a: the shapes that a bidirectional, batch-first nn.LSTM of three layers gives."""
    if any(is_empty(answer) for answer in (answer_output, answer_h_n)):
        return not_yet("write both shapes.")
    traps_output = {
        (4, 50, 20): "each direction has an h of 20 numbers, and output joins the two.",
        (50, 4, 40): "with batch_first, output has the batch first as well.",
        (50, 4, 20): "batch_first puts the batch first in output, and two directions are joined.",
        (4, 50, 120): "output is that of the last layer alone, not of all three.",
        (4, 50, 60): "output is that of the last layer alone, in its two directions.",
        (4, 40): "output has h at every step, not only at the last.",
    }
    traps_h_n = {
        (4, 6, 20): "batch_first leaves h_n alone: layers and directions come first there, always.",
        (3, 4, 20): "each layer has two last states, one for each direction.",
        (3, 4, 40): "output joins the two directions along the last axis, h_n stacks them along the first.",
        (2, 4, 20): "h_n holds the last states of every layer, not only of the last one.",
        (1, 4, 40): "h_n holds the last states of every layer, and does not join the directions.",
        (6, 50, 20): "h_n has no steps: it is what is left after the last one.",
    }
    for name, answer, wanted, traps in (
        ("output", answer_output, (4, 50, 40), traps_output),
        ("h_n", answer_h_n, (6, 4, 20), traps_h_n),
    ):
        shape = _as_shape(answer)
        if shape is None:
            return wrong(f"{name}: write a shape, such as (2, 3, 4).")
        if shape != wanted:
            return wrong(f"{name}, not {shape}: {traps.get(shape, 'find the row of the table that is most like it.')}")
    return right("output has the batch first and both directions side by side; h_n has neither.")


def _as_shape(answer):
    """A tuple of ints from a tuple, list or torch.Size; None from anything else."""
    try:
        shape = tuple(answer)
    except TypeError:
        return None
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in shape)
    return tuple(map(int, shape)) if whole else None


def shape_rule(function):
    """Exercise 1b: ``my_shapes(T, N, H, num_layers, bidirectional, batch_first)``, the shapes of output and h_n."""
    for T, N, H, num_layers, bidirectional, batch_first in (
        (7, 3, 6, 1, False, False),
        (7, 3, 6, 2, False, False),
        (7, 3, 6, 1, True, False),
        (7, 3, 6, 1, False, True),
        (5, 4, 8, 3, True, True),
        (5, 4, 8, 3, True, False),
    ):
        got, feedback = call(function, T, N, H, num_layers, bidirectional, batch_first)
        if feedback:
            return feedback
        if not isinstance(got, tuple) or len(got) != 2:
            return wrong("return two shapes: that of output, then that of h_n.")
        if any(is_empty(shape) for shape in got):
            return not_yet("your function does not return both shapes yet.")
        directions = 2 if bidirectional else 1
        first = (N, T) if batch_first else (T, N)
        which = f"num_layers={num_layers}, bidirectional={bidirectional}, batch_first={batch_first}"
        output, h_n = map(_as_shape, got)
        if output != (*first, directions * H):
            hint = "Mind the order of its axes." if output == (*first[::-1], directions * H) else ""
            hint = hint or ("It joins the directions." if output == (*first, H) else "It is the last layer's.")
            return wrong(f"output is {got[0]}, wanted {(*first, directions * H)} for {which}. {hint}")
        if h_n != (num_layers * directions, N, H):
            hint = "One state for each layer and direction."
            if h_n == (N, num_layers * directions, H):
                hint = "batch_first leaves h_n alone."
            elif h_n == (num_layers, N, directions * H):
                hint = "h_n stacks the directions, it does not join them."
            return wrong(f"h_n is {got[1]}, wanted {(num_layers * directions, N, H)} for {which}. {hint}")
    return right("these two lines are what people look up most often about nn.LSTM.")


def projection_prediction(answer):
    """Exercise 2a: how many parameters a projection costs or saves."""
    return _expect_choice(
        answer,
        "c",
        "299,008 against 1,183,744. The new matrix has 64 · 512 entries; weight_hh goes from 2048 · 512 to 2048 · 64.",
        {
            "a": "there is a new matrix, weight_hr. But what does weight_hh read now: 512 numbers, or 64?",
            "b": "count the columns of weight_hh in both cases: it reads h, and h has 64 entries now.",
        },
    )


def parameter_formula(function):
    """Exercise 2b: ``count_parameters(D, H, num_layers, directions, proj_size)`` as nn.LSTM has them."""

    def count(D, H, L, directions, P, *, hh=None, up=None, join=True, biases=2, hr=True):
        R = P or H
        total = 0
        for k in range(L):
            reads = D if k == 0 else (directions if join else 1) * (up or R)
            total += directions * (4 * H * (reads + (hh or R) + biases) + (P * H if hr else 0))
        return total

    plain = ((5, 6, 1, 1, 0), (5, 6, 1, 2, 0), (5, 7, 3, 1, 0), (5, 6, 3, 2, 0))
    for sizes in (*plain, (9, 8, 1, 1, 3), (9, 8, 2, 1, 3), (9, 8, 3, 2, 3), (64, 512, 2, 2, 64)):
        got, feedback = call(function, *sizes)
        feedback = feedback or _count_feedback(got, count, sizes)
        if feedback:
            return feedback
    return right("you can now say how large any nn.LSTM is before you make one.")


def _count_feedback(got, count, sizes):
    D, H, L, directions, P = sizes
    wanted = count(*sizes)
    if isinstance(got, (int, float, np.number)) and not isinstance(got, bool) and got == wanted:
        return None
    if not isinstance(got, (int, float, np.number)) or isinstance(got, bool):
        return wrong(f"your function returns {type(got).__name__}, wanted a number.")
    which = f"D={D}, H={H}, num_layers={L}, directions={directions}, proj_size={P}"
    for mistake, message in (
        (count(*sizes, biases=1), "torch has two biases for each gate, not one."),
        (count(*sizes, biases=0), "the biases are missing, two of 4H each."),
        (count(*sizes, join=False), "from layer 1 on, a layer reads both directions of the one below, side by side."),
        (directions * count(D, H, L, 1, P), "an upper layer reads both directions of the one below, side by side."),
        (count(D, H, L, 1, P), "each direction has weights of its own."),
        (count(D, H, 1, directions, P) * L, "the upper layers read h, not x: their weight_ih has other columns."),
        (count(D, H, L, directions, 0), "with proj_size, h has P entries, and there is a weight_hr (P, H)."),
        (count(*sizes, hr=False), "weight_hr (P, H) is missing, in each layer and direction."),
        (count(*sizes, hh=H), "weight_hh reads h, and h has P entries now."),
        (count(*sizes, up=H), "an upper layer reads h, and h has P entries now."),
        (count(*sizes, hh=H, up=H), "whoever reads h reads P entries now: weight_hh, and the layer above."),
        (count(*sizes) // 4, "there are four gates: 4H rows."),
    ):
        if got == mistake:
            return wrong(f"not {got:,.0f} for {which}: {message}")
    return wrong(f"{got:,.0f} for {which}, torch has {wanted:,}. Count matrix by matrix: rows times columns.")


def copied_bias_prediction(answer):
    """Exercise 3a: what happens when the +1 of the old TensorFlow cell is forgotten."""
    return _expect_choice(
        answer,
        "b",
        "every shape fits. At a pre-activation of 0, σ(1) = 0.73 has become σ(0) = 0.5, at each step of each sequence.",
        {
            "a": "does a 1 that is not added change the shape of anything?",
            "c": "then the bias would be right again after more training. But here a trained network is carried over.",
        },
    )


def old_tensorflow_weights(function):
    """Exercise 3b: ``from_old_tensorflow(kernel, bias)`` gives an `LSTMParams`."""
    D, H = 5, 3
    rng = np.random.default_rng(5)
    kernel, bias = rng.normal(size=(D + H, 4 * H)), rng.normal(size=4 * H)
    given = kernel.copy(), bias.copy()
    got, feedback = call(function, *given)
    if feedback:
        return feedback
    if not isinstance(got, LSTMParams):
        return wrong(f"your function returns {type(got).__name__}, wanted LSTMParams(weight_ih, weight_hh, bias).")
    W, U = kernel[:D].T, kernel[D:].T
    order = np.concatenate([np.arange(H) + k * H for k in (0, 2, 1, 3)])  # theirs: i, j, f, o
    one = np.repeat([0.0, 1.0, 0.0, 0.0], H)  # for the forget gate, in our order
    for name, mine, wanted, traps in (
        (
            "weight_ih",
            got.weight_ih,
            W[order],
            {
                "its rows are in their order still: i, j, f, o. Ours is i, f, g, o, and j is g.": W,
                "those are rows of the other matrix: they write [x, h], x first.": kernel[H:].T[order],
            },
        ),
        ("weight_hh", got.weight_hh, U[order], {"its rows are in their order still: i, j, f, o.": U}),
        (
            "bias",
            got.bias,
            bias[order] + one,
            {
                "the 1 is missing, which their step adds to the forget gate.": bias[order],
                "it is in their order still: i, j, f, o.": bias,
                "the 1 is in the wrong block: it belongs to f, not to g.": bias[order] + one[order],
                "it is in their order still, with the 1 in the second block.": bias + one,
                "it is in their order still, with the 1 in the third block.": bias + one[order],
                "the 1 is for the forget gate alone.": bias[order] + 1,
            },
        ),
    ):
        for message, trap in traps.items():
            if _same(mine, trap):
                return wrong(f"{name}: {message}")
        feedback = compare(name, mine, wanted)
        if feedback:
            return wrong(f"{feedback.message} Convert one gate, and compare it with their step.")
    if not (np.array_equal(given[0], kernel) and np.array_equal(given[1], bias)):
        return wrong("the result is right, but your function changes an array of its caller. Add the 1 to a copy.")
    return right("every gate of their step is ours now. Old checkpoints can be read.")


def perfect_loss(answer):
    """Exercise 4a: the loss of perfect predictions (4, 1) against the same numbers as (4,)."""
    return _expect_number(
        answer,
        7.0,
        "every prediction meets every target: the mean of 16 squares, which is twice the variance. Perfect is not 0.",
        {
            0: "that is the loss for equal shapes. What is the shape of (4, 1) minus (4,)?",
            3.5: "that is the variance, the loss of four times the mean. Here the predictions are 1, 2, 3 and 6.",
            112: "that is the sum of all 16 squares. The loss is their mean.",
            28: "that is the sum of 16 squares divided by 4. There are 16 of them.",
            14: "that is the sum of squares around the mean. Write the table of the 16 differences.",
        },
        "write the 4 by 4 table of the differences, square each, and take the mean.",
        tolerance=0.01,
    )


def strict_loss(function, tensor):
    """Exercise 4b: ``strict_mse(prediction, target)``; `tensor` makes a tensor, such as ``torch.tensor``."""
    prediction = tensor([[1.0], [2.0], [4.0], [7.0]], requires_grad=True)
    target = tensor([[1.0], [3.0], [2.0], [6.5]])
    squares, wanted = [0.0, 1.0, 4.0, 0.25], [[0.0], [-0.5], [1.0], [0.25]]
    got, feedback = call(function, prediction, target)
    if feedback:
        return wrong(f"{feedback.message} The shapes were equal, (4, 1).") if feedback.status == "wrong" else feedback
    if not hasattr(got, "backward"):
        return wrong(f"your loss is a {type(got).__name__}, and nothing can be learned from it. Leave it a tensor.")
    if tuple(got.shape) != ():
        return wrong(f"your loss has shape {tuple(got.shape)}, wanted one number: the mean.")
    value = got.item()
    for mistake, message in (
        (sum(squares), "that is the sum. The M in MSE is for mean."),
        (np.sqrt(np.mean(squares)), "that is the root of the mean. Leave it squared."),
        (np.mean(np.sqrt(squares)), "that is the mean of the distances. They are to be squared."),
    ):
        if np.isclose(value, mistake, rtol=1e-5):
            return wrong(message)
    if not np.isclose(value, np.mean(squares), rtol=1e-5):
        return wrong(f"your loss is {value:.4g}, wanted {np.mean(squares):.4g}.")
    try:
        got.backward()
    except RuntimeError:
        return wrong("nothing flows back through your loss. Compute it from the tensors, with no detach and no item.")
    feedback = compare("the gradient of the prediction", prediction.grad.tolist(), wanted, tolerance=1e-5)
    if feedback:
        return feedback
    four, column, row = [1.0, 2.0, 3.0, 6.0], [[1.0], [2.0], [3.0], [6.0]], [[1.0, 2.0, 3.0, 6.0]]
    for a, b in ((column, four), (four, column), ([1.0], column), ([[1.0]], column), (column, row)):
        shapes = f"{np.shape(a)} against {np.shape(b)}"
        try:
            value = np.asarray(function(tensor(a), tensor(b)), dtype=float)
        except (ValueError, AssertionError) as error:
            if not str(error):
                return wrong(f"{shapes}: your error says nothing. Let it say both shapes; its reader will be you.")
            continue
        except Exception as error:
            return wrong(f"{shapes}: stops with {type(error).__name__}: {error} Raise a ValueError of your own.")
        if (abs(value) < 1e-6).all():
            return wrong(f"{shapes}: your loss bends one to the other and says 0. Which was meant? Raise instead.")
        return wrong(f"{shapes}: your loss lets it pass. Compare the whole shapes, not their lengths or sizes.")
    return right("four words, `if a.shape != b.shape`, and this trap is shut for good.")


# --- notebook 06 -------------------------------------------------------------------------------


def padded_reading(answer):
    """Exercise 1a: when padding first changes the state of a reader that meets it first."""
    return _expect_choice(
        answer,
        "b",
        "reversed, the two steps of padding come first. x is 0 there, but the biases are not: the gates open, a "
        "candidate is written, and h and c have moved before the first letter comes.",
        {
            "a": "y comes at step 2. The padding stood at the end, so after x[::-1] it stands at the beginning.",
            "c": "zeros leave out W x, not the biases: c = f · 0 + i · g, and i and g come from the biases.",
            "d": "s is the first letter of the word. Read from the end, it comes last.",
        },
    )


def turn_round(function):
    """Exercise 1b: ``turn_round(x, lengths)`` turns each sequence round within its own length."""
    x = np.arange(1.0, 41.0).reshape(5, 4, 2)
    lengths = np.array([3, 5, 1, 2])
    ended = np.arange(5)[:, None] >= lengths
    x[ended] *= -1  # noise in the padding
    given, given_lengths = x.copy(), lengths.copy()
    got, problem = call(function, given, given_lengths)
    if problem is not None:
        return problem
    if not (np.array_equal(given, x) and np.array_equal(given_lengths, lengths)):
        return wrong("your function changes an array that it was given. Work on x.copy().")
    wanted = x.copy()
    for n, length in enumerate(lengths):
        wanted[:length, n] = x[:length, n][::-1]
    without_padding = np.where(ended[..., None], 0, wanted)
    end_first = np.stack([np.roll(x[::-1, n], -(5 - length), axis=0) for n, length in enumerate(lengths)], axis=1)
    slips = {
        "that turns the whole array round: padding first, then the words. Only x[:length, n] is to be turned.": x[::-1],
        "you turn the batch round, not the time. Time is the first axis of (T, N, D).": x[:, ::-1],
        "you turn the features round. Time is the first axis of (T, N, D).": x[:, :, ::-1],
        "all sequences are turned within the same length. Each has its own: lengths[n].": _turned(x, lengths[[0] * 4]),
        "one step too few is turned: x[:length, n] has the steps 0 to length - 1.": _turned(x, lengths - 1),
        "the sequences are right, and the padding is gone. Let what stands there stay.": without_padding,
        "the sequences are right, but the padding is turned round as well. Let it stay as it is.": end_first,
        "that is x as it came.": x,
    }
    for message, slip in slips.items():
        if _same(got, slip):
            return wrong(message)
    return compare("turn_round(x, lengths)", got, wanted) or right(
        "each sequence is turned within its own length, and the padding stays at the end. Turning twice gives x back, "
        "so the same function serves on the way in and on the way out."
    )


def _turned(x, lengths):
    turned = x.copy()
    for n, length in enumerate(lengths):
        turned[:length, n] = x[:length, n][::-1]
    return turned


def summary_rows(answer):
    """Exercise 2a: which rows of h_n belong to the last layer."""
    return _expect_choice(
        answer,
        "c",
        "the order is layer 0 forward, layer 0 backward, layer 1 forward, layer 1 backward. h_n[-2] and h_n[-1] are "
        "the last two, for any number of layers.",
        {
            "a": "those are both directions of layer 0. The rows go layer by layer, so the last layer comes last.",
            "b": "those are the backward directions of both layers. The rows go layer by layer, not direction by "
            "direction.",
            "d": "that is the backward direction of the last layer. The forward one has read everything too.",
        },
    )


def summary_from_output(function):
    """Exercise 2b: ``summary(output, lengths)`` takes each direction where it has read everything."""
    T, N, H = 6, 4, 3
    lengths = np.array([6, 2, 4, 1])
    output = np.arange(1.0, T * N * 2 * H + 1).reshape(T, N, 2 * H)
    output[np.arange(T)[:, None] >= lengths] = 0
    got, problem = call(function, output.copy(), lengths.copy())
    if problem is not None:
        return problem
    rows = np.arange(N)
    ends = output[lengths - 1, rows]
    wanted = np.concatenate([ends[:, :H], output[0, :, H:]], axis=1)
    slips = {
        "output[-1] is 0 where a sequence is shorter than T, and its backward half has read one step.": output[-1],
        "the forward half is right. The backward half of a sequence's last step has read that one step; it has read "
        "everything at step 0.": ends,
        "the backward half is right. The forward half of step 0 has read that one step; it has read everything at "
        "the sequence's own end.": output[0],
        "the backward half is right. The forward half must come from each sequence's own end, lengths - 1, not from "
        "the end of the array.": np.concatenate([output[-1, :, :H], output[0, :, H:]], axis=1),
        "both halves are right, in the other order. The forward one comes first.": np.roll(wanted, H, axis=1),
        "the halves are changed: the forward one has read everything at the end, the backward one at the "
        "beginning.": np.concatenate([output[0, :, :H], ends[:, H:]], axis=1),
        "that is the last sequence, not the last step. Time is the first axis of (T, N, 2H).": output[:, -1],
    }
    for message, slip in slips.items():
        if _same(got, slip):
            return wrong(message)
    return compare("summary(output, lengths)", got, wanted) or right(
        "forwards from each sequence's own last step, backwards from step 0: the numbers of h_n[-2] and h_n[-1]."
    )


def silent_weights(answer):
    """Exercise 3a: which weights get no gradient from the first position."""
    forward = "at position 0 the forward LSTM has made a step, from x[0] with weight_ih."
    return _expect_choice(
        answer,
        "b",
        "at position 0 the forward LSTM has made one step, from h0 = 0, and a gradient of weight_hh is always "
        "dz times the h before. The backward LSTM has made ten steps by then, so both its matrices have a part in it.",
        {
            "a": f"{forward} The gradient of weight_ih is dz times x, which is not 0.",
            "c": "the backward LSTM comes to position 0 last, after it has read all ten letters with weight_ih.",
            "d": "position 0 is the backward LSTM's tenth step. Nine of them had an h before them to multiply.",
            "e": f"{forward} What stood before this step? h0, which is 0, and weight_hh multiplies it.",
        },
    )


def summed_backward(function):
    """Exercise 3b: ``summed_backward(left, right, forwards, backwards, doutput)`` for added directions gives dx."""
    rng = np.random.default_rng(6)
    T, N, D, H = 5, 2, 3, 4
    forwards, backwards = (LSTMParams.init(D, H, seed=rng) for _ in range(2))
    x, doutput = rng.standard_normal((T, N, D)), rng.standard_normal((T, N, H))
    left, right_trace = lstm_forward(x, forwards), lstm_forward(x[::-1], backwards)
    got, problem = call(function, left, right_trace, forwards, backwards, doutput.copy())
    if problem is not None:
        if "has 2 features" in problem.message or "(5, 2, 2)" in problem.message:
            return wrong("nothing was joined here, so nothing is to be cut: each direction gets the whole of doutput.")
        return problem
    dleft = lstm_backward(left, forwards, dh=doutput).x
    dright = lstm_backward(right_trace, backwards, dh=doutput[::-1]).x
    not_turned = lstm_backward(right_trace, backwards, dh=doutput).x
    slips = {
        "the backward LSTM's dx is in its reading order: reverse it before you add it.": dleft + dright,
        "the backward LSTM read in the other order, so its dh must be reversed too: doutput[::-1].": (
            dleft + not_turned[::-1]
        ),
        "the backward LSTM's order is nowhere accounted for: reverse its dh on the way in and its dx on the way "
        "out.": dleft + not_turned,
        "that is the forward LSTM's part alone. Both have read x: two uses, two gradients, one sum.": dleft,
        "that is the backward LSTM's part alone. Both have read x: two uses, two gradients, one sum.": dright[::-1],
        "a sum hands its gradient on whole, to each of its terms. Nothing is to be halved.": (dleft + dright[::-1]) / 2,
    }
    for message, slip in slips.items():
        if _same(got, slip):
            return wrong(message)
    return compare("dx", got, dleft + dright[::-1]) or right(
        "a sum hands its whole gradient to both. The rest is as for joined directions: reverse, go back, reverse, add."
    )


def one_step_late(answer):
    """Exercise 4a: a delay of one step where two are needed."""
    return _expect_choice(
        answer,
        "a",
        "with a delay of one it has read letter t + 1 when it tags t. Letter t + 2 is still a toss of a coin: 0.6, "
        "not a bit more. With a delay of two it is 1.",
        {
            "b": "what would it know more than before? Letter t + 1 says nothing about letter t + 2: all are drawn "
            "independently.",
            "c": "the tag of t needs letter t + 2. One step late, t + 1 is the last letter that has been read.",
        },
    )


def delayed(function):
    """Exercise 4b: ``delayed(x, target, delay)`` gives x with empty steps at the end and targets that come later."""
    x, target = tasks.look_ahead(6, 3, ahead=2, seed=1)
    target = target + 4  # no target is 0, so that what stands in the empty places can be told apart
    delay = 2
    result, problem = call(function, x.copy(), target.copy(), delay)
    if problem is not None:
        return problem
    if not isinstance(result, tuple) or len(result) != 2:
        return wrong("return two arrays: x_late, target_late.")
    if any(is_empty(array) for array in result):
        return not_yet("return both arrays, x_late and target_late.")
    empty, nothing = np.zeros((delay, *x.shape[1:])), np.zeros((delay, target.shape[1]))
    for message, which, slip in (
        ("x is late and the target is not. The network reads x at once: the empty steps come after it.", 0, [empty, x]),
        ("x has its old length. It needs `delay` empty steps more, or the last answers never come.", 0, [x]),
        ("the last steps repeat x. They should be empty: zeros.", 0, [x, x[-delay:]]),
        ("target comes no later: the zeros belong before it, not after it.", 1, [target, nothing]),
        ("np.roll brings the last targets round to the front, where nothing is asked.", 1, [np.roll(target, delay, 0)]),
        ("target lost its last steps: they come later, after the end of x.", 1, [nothing, target[:-delay]]),
        ("target has its old length. It begins with `delay` rows of zeros.", 1, [target]),
    ):
        if _same(result[which], np.concatenate(slip)):
            return wrong(message)
    problem = compare("x_late", result[0], np.concatenate([x, empty]))
    problem = problem or compare("target_late", result[1], np.concatenate([nothing, target]))
    return problem or right(
        "the answer for t comes at step t + delay. The solutions train an LSTM on this: with a delay of two it gets "
        "every tag right, with one direction."
    )
