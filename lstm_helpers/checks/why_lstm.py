"""Feedback on the exercises of notebook 00."""

import platform
import sys
from importlib import metadata

import numpy as np

from lstm_helpers.checks.feedback import (
    call,
    compare,
    expect_choice,
    expect_number,
    is_empty,
    not_yet,
    right,
    same,
    wrong,
)


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
    return expect_choice(
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
        if same(got, slip):
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
    return expect_choice(
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
        if same(got, slip):
            return wrong(message)
    problem = compare("what your function returns", got, wanted)
    return problem or right(
        "it is the derivative, with its sign; the pictures of this notebook show its absolute value."
    )


def steps_to_half(answer):
    """Exercise 3a: the first step after which less than half is left, with f = 0.9."""
    return expect_number(
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
        if compare("", got, slip, tolerance=1e-6) is None and not same(slip, wanted):
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
