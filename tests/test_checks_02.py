"""The feedback of notebook 02: a stub is "not yet", each plausible slip has its own message, the answer is right."""

import numpy as np
import pytest

from lstm_helpers import checks


def assert_wrong(feedback, *words):
    assert feedback.status == "wrong", feedback
    for word in words:
        assert word in feedback.message
    assert repr(feedback).startswith("Look here: ")


# --- exercise 1 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers", [(..., ...), ([..., ..., ...], 0), ([2, 0, 0.5], ...), (None, None), ([2, 0, ...], 0)]
)
def test_three_steps_not_yet(answers):
    assert checks.three_steps(*answers).status == "not yet"


@pytest.mark.parametrize(
    ("c", "h", "words"),
    [
        ([2, 1, 1.5], 0, "never took the share f"),
        ([2.7, 0.35, 1.35], 0, "only the share i"),
        ([0.7, 0.2, 1.1], 0, "changed places"),
        ([0.964, 0, 0.462], 0, "c itself is asked for"),
        ([2, -0.518, 0.0239], 0, "squashed value goes into h only"),
        ([2, 0, 0.7], 0, "answer_c at (2,) is 0.7, wanted 0.5"),
        ([2, 0], 0, "has shape (2,), wanted (3,)"),
        ("2 0 0.5", 0, "wanted numbers"),
        ([2, 0, 0.5], 0.462, "an open output gate would show"),
        ([2, 0, 0.5], 0.5, "h = o · tanh(c)"),
        ([2, 0, np.nan], 0, "wanted 0.5"),
    ],
)
def test_three_steps_wrong(c, h, words):
    assert_wrong(checks.three_steps(c, h), words)


@pytest.mark.parametrize("c", [[2, 0, 0.5], (2.0, 0.0, 0.5), np.array([2, 0, 0.5])])
def test_three_steps_right(c):
    assert checks.three_steps(c, 0).status == "right"


# --- exercise 2 ----------------------------------------------------------------------------------


def right_update(c_prev, i, f, g, o):
    c = f * c_prev + i * g
    return c, o * np.tanh(c)


def stub(c_prev, i, f, g, o): ...


def half_a_stub(c_prev, i, f, g, o):
    return f * c_prev + i * g, ...


@pytest.mark.parametrize("function", [stub, half_a_stub, ..., None])
def test_cell_update_not_yet(function):
    assert checks.cell_update(function).status == "not yet"


def in_place(c_prev, i, f, g, o):
    c_prev *= f
    c_prev += i * g
    return c_prev, o * np.tanh(c_prev)


def raises(c_prev, i, f, g, o):
    return c_prev @ f


def with_c(formula):
    return lambda c_prev, i, f, g, o: (formula(c_prev, i, f, g), o * np.tanh(formula(c_prev, i, f, g)))


def with_h(formula):
    return lambda c_prev, i, f, g, o: (f * c_prev + i * g, formula(c_prev, f * c_prev + i * g, o))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (in_place, "changes its argument c_prev"),
        (raises, "stops with ValueError"),
        (lambda c_prev, i, f, g, o: f * c_prev + i * g, "two things"),
        (lambda c_prev, i, f, g, o: right_update(c_prev, i, f, g, o)[::-1], "wrong order"),
        (with_c(lambda c_prev, i, f, g: i * c_prev + f * g), "gates swapped"),
        (with_c(lambda c_prev, i, f, g: f * c_prev + g), "g must be multiplied by i"),
        (with_c(lambda c_prev, i, f, g: c_prev + i * g), "c_prev must be multiplied by f"),
        (with_c(lambda c_prev, i, f, g: np.tanh(f * c_prev + i * g)), "c is squashed"),
        (with_c(lambda c_prev, i, f, g: f * np.tanh(c_prev) + i * g), "squashed old state"),
        (with_c(lambda c_prev, i, f, g: f * c_prev + i * np.tanh(g)), "a second time"),
        (with_c(lambda c_prev, i, f, g: f * c_prev - i * g), "wanted"),
        (with_c(lambda c_prev, i, f, g: (f * c_prev + i * g)[0]), "c has shape (4,), wanted (3, 4)"),
        (with_h(lambda c_prev, c, o: o * c), "lacks the tanh"),
        (with_h(lambda c_prev, c, o: np.tanh(o * c)), "tanh comes first"),
        (with_h(lambda c_prev, c, o: np.tanh(c)), "lacks the output gate"),
        (with_h(lambda c_prev, c, o: o * np.tanh(c_prev)), "use the new c"),
        (with_h(lambda c_prev, c, o: -o * np.tanh(c)), "h at"),
    ],
)
def test_cell_update_wrong(function, words):
    assert_wrong(checks.cell_update(function), words)


def test_cell_update_right():
    assert checks.cell_update(right_update).status == "right"


# --- exercise 3 ----------------------------------------------------------------------------------

KEEPING_BIAS = 11.508  # ln(f / (1 - f)) for f = 0.99 ** (1 / 1000)


@pytest.mark.parametrize("answer", [..., None])
def test_bias_that_keeps_not_yet(answer):
    assert checks.bias_that_keeps(answer).status == "not yet"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (-KEEPING_BIAS, "a gate opens with a positive bias"),
        (4.595, "0.99 left after one step"),
        (0.99999, "Your number is the gate itself"),
        (20, "not the smallest"),
        (1, "less than 99 %"),
        (-1e9, "less than 99 %"),
        (np.inf, "wanted a finite number"),
        ("eleven", "wanted one number"),
        ([11.5, 11.5], "wanted one number"),
    ],
)
def test_bias_that_keeps_wrong(answer, words):
    assert_wrong(checks.bias_that_keeps(answer), words)


@pytest.mark.parametrize("answer", [11.5, KEEPING_BIAS, np.float64(11.51)])
def test_bias_that_keeps_right(answer):
    assert checks.bias_that_keeps(answer).status == "right"


def test_the_bias_that_keeps_does_keep():
    f = 1 / (1 + np.exp(-KEEPING_BIAS))
    assert f**1000 == pytest.approx(0.99, abs=1e-5)


# --- exercise 4 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [..., None])
def test_gate_that_loses_not_yet(answer):
    assert checks.gate_that_loses(answer).status == "not yet"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("i", "shutting a shut door"),
        ("g", "behind the input gate"),
        ("o", "at the next step h shows it again"),
        ("forget", 'not one of "i"'),
        (["f"], 'not one of "i"'),
    ],
)
def test_gate_that_loses_wrong(answer, words):
    assert_wrong(checks.gate_that_loses(answer), words)


def test_gate_that_loses_right():
    assert checks.gate_that_loses("f").status == "right"


# --- exercise 5 ----------------------------------------------------------------------------------


def asked(strength=20.0, **rows):
    """Right weights for the latch that answers when asked, but for the rows given: three weights and a bias each."""
    s = strength
    table = {"i": (0, 2 * s, 0, -s), "f": (0, -2 * s, 0, s), "g": (s, 0, 0, 0), "o": (0, 0, 2 * s, -s)} | rows
    table = np.array([table[gate] for gate in "ifgo"])
    return table[:, :3], table[:, 3]


@pytest.mark.parametrize("answers", [(..., ...), (asked()[0], ...), (..., asked()[1]), (None, None)])
def test_asked_latch_not_yet(answers):
    assert checks.asked_latch(*answers).status == "not yet"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (asked(o=(0, 0, 0, 20)), "ask is 0, yet o = 1.00"),  # shows always
        (asked(o=(0, 0, -40, 20)), "Look at row o"),  # the other way round
        (asked(o=(0, 0, 0, -20)), "o = 0.00 shows only h"),  # never shows
        (asked(o=(0, 40, 0, -20)), "Look at row o"),  # shows when it writes
        (asked(f=(0, -40, -40, 20)), "being asked must not empty the cell. Look at row f"),
        (asked(i=(0, 40, 40, -20)), "nothing may be written. Look at row i"),  # writes when asked
        (asked(i=(0, -40, 0, 20)), "Look at row i"),
        (asked(i=(0, 40, 0, -40)), "so the input gate must open. Look at row i"),  # bias and weight cancel
        (asked(f=(0, 40, 0, -20)), "Look at row f"),  # the sign of f
        (asked(f=(0, 0, 0, 20)), "the old one must go: f near 0. Look at row f"),  # adds up instead
        (asked(g=(-20, 0, 0, 0)), "g should be the same. Look at row g"),
        (asked(g=(0, 0, 0, 20)), "g should be the same. Look at row g"),
        (asked(f=(0, -8, 0, 4)), "leaked away step by step: f = 0.98"),
        (asked(2.0), "Look at row"),
        ((asked()[0].T, asked()[1]), "weight_ih has shape (3, 4), wanted (4, 3)"),
        ((asked()[0], asked()[1][:, None]), "bias has shape (4, 1), wanted (4,)"),
        (([[0, 0]], "none"), "weight_ih has shape"),
        ((asked()[0], "none"), "bias is not an array of numbers"),
        ((np.full((4, 3), np.nan), asked()[1]), "holds NaN"),
        ((asked()[0] * 1e300, asked()[1]), "beyond a million"),
        ((np.zeros((4, 3)), np.zeros(4)), "Look at row i"),
    ],
)
def test_asked_latch_wrong(answers, words):
    assert_wrong(checks.asked_latch(*answers), words)


def test_asked_latch_names_sequence_and_step():
    feedback = checks.asked_latch(*asked(g=(-20, 0, 0, 0)))
    assert feedback.message.startswith("of 50 random sequences of 1 steps, number ")
    assert "is the first to go wrong, at step t = 0." in feedback.message


@pytest.mark.parametrize(
    "answers", [asked(), asked(30.0), asked(12.0, i=(0, 30, 0, -15)), [a.tolist() for a in asked()]]
)
def test_asked_latch_right(answers):
    assert checks.asked_latch(*answers).status == "right"


# --- exercise 6 ----------------------------------------------------------------------------------


def lamp(**rows):
    """Right weights for the lamp with one button, but for the rows given: from x, from h, bias."""
    table = {"i": (40, 0, -20), "f": (-40, 0, 20), "g": (0, -40, 10), "o": (0, 0, 20)} | rows
    table = np.array([table[gate] for gate in "ifgo"])
    return table[:, :1], table[:, 1:2], table[:, 2]


@pytest.mark.parametrize("answers", [(..., ..., ...), (lamp()[0], ..., lamp()[2]), (None, None, None)])
def test_toggle_not_yet(answers):
    assert checks.toggle(*answers).status == "not yet"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (lamp(g=(0, 0, 20)), "which entry of weight_hh"),
        (lamp(g=(0, 40, 10)), "Look at the sign and size of row g"),
        (lamp(g=(0, -40, 0)), "At the start h is 0"),
        (lamp(g=(0, -40, -10)), "At the start h is 0"),
        (lamp(o=(0, 0, -20)), "the output gate hides it. Look at row o"),
        (lamp(i=(-40, 0, 20)), "Look at row"),
        (lamp(i=(40, 0, -40)), "something must be written. Look at row i"),
        (lamp(i=(0, 0, 20)), "Nobody pressed"),
        (lamp(f=(0, 0, -20)), "Nobody pressed, so c must stay as it is"),
        (lamp(g=(0, -40, 40)), "h = "),
        ((lamp()[0], lamp()[1].T, lamp()[2]), "weight_hh has shape (1, 4), wanted (4, 1)"),
    ],
)
def test_toggle_wrong(answers, words):
    assert_wrong(checks.toggle(*answers), words)


# Two ways: overwrite c with +1 and -1, or add 1 and take it away again.
@pytest.mark.parametrize("answers", [lamp(), lamp(f=(0, 0, 20), g=(0, -20, 5))])
def test_toggle_right(answers):
    assert checks.toggle(*answers).status == "right"
