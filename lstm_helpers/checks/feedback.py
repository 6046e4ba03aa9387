"""What a check says, and the tools that all checks share."""

from dataclasses import dataclass

import numpy as np


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


def same(a, b):
    """Whether `a` holds the numbers of `b`; False for whatever is not an array of numbers."""
    return compare("", a, b) is None


def expect_number(answer, wanted, praise, traps, hint, *, tolerance=1e-6):
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


def expect_choice(answer, wanted, praise, messages):
    """Feedback on a letter: `messages` says for each wrong one why it is wrong."""
    if is_empty(answer):
        return not_yet("write a letter.")
    letter = str(answer).strip().lower()
    if letter == wanted:
        return right(praise)
    return wrong(messages.get(letter, f"choose one of {', '.join(sorted([*messages, wanted]))}."))
