"""The feedback of notebook 03: a stub is "not yet", each plausible slip has its own message, the answer is right."""

import numpy as np
import pytest

from lstm_helpers import checks
from lstm_helpers.bugs import right_step
from lstm_helpers.cell import sigmoid
from lstm_helpers.gradcheck import numerical_gradient


def assert_wrong(feedback, *words):
    assert feedback.status == "wrong", feedback
    for word in words:
        assert word in feedback.message
    assert repr(feedback).startswith("Look here: ")


def stub(*arguments): ...


def raises(*arguments):
    return np.ones(3) @ np.ones(4)


# --- predictions -----------------------------------------------------------------------------------

PREDICTIONS = [
    (
        checks.shared_weight_prediction,
        "a",
        {"b": "two turns after", "c": "How many survive", "d": "every turn", "x": "choose"},
    ),
    (checks.broken_step_prediction, "b", {"a": "add up", "c": "rows of i, f and o", "d": "handed on"}),
    (
        checks.dc_prev_prediction,
        0.58,
        {
            0.5: "through h",
            2.32: "forget gate",
            2.08: "brackets",
            0.82: "brackets",
            0.575: "slope",
            1.0: "both its sources",
        },
    ),
    (
        checks.peephole_prediction,
        5,
        {2: "without peepholes", 3: "one peephole", 4: "step t + 1", 6: "candidate has no peephole", 7: "mark where"},
    ),
]


@pytest.mark.parametrize(("check", "answer"), [(check, answer) for check, answer, _ in PREDICTIONS])
def test_the_right_prediction(check, answer):
    assert check(answer).status == "right"
    assert check(...).status == check(None).status == "not yet"
    assert check([answer, answer]).status == "wrong"


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [(check, answer, words) for check, _, slips in PREDICTIONS for answer, words in slips.items()],
)
def test_each_wrong_prediction_has_its_own_message(check, answer, words):
    assert_wrong(check(answer), words)


def test_dc_prev_prediction_is_the_formula():
    dc = 2 + 1 * 0.5 * (1 - 0.6**2)
    assert checks.dc_prev_prediction(dc * 0.25).status == "right"


@pytest.mark.parametrize("answers", [(..., ..., ...), (3, ..., 3), (None, 2, 3)])
def test_museum_not_yet(answers):
    assert checks.museum_prediction(*answers).status == "not yet"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((1, 2, 3), ("missing_transpose, not 1", "h0")),
        ((2, 2, 3), ("missing_transpose, not 2", "h_prev is h0 = 0")),
        ((3, 1, 3), ("missing_forget_slope, not 1", "c0 = 0")),
        ((3, 3, 3), ("missing_forget_slope, not 3", "one less")),
        ((3, 2, 1), ("missing_brackets, not 1", "dc_next is 0")),
        ((3, 2, 2), ("missing_brackets, not 2", "h_prev there")),
        ((7, 2, 3), ("missing_transpose, not 7", "ask of each step")),
        (("three", 2, 3), ("write one number",)),
        ((True, 2, 3), ("write one number",)),
    ],
)
def test_museum_wrong(answers, words):
    assert_wrong(checks.museum_prediction(*answers), *words)


def test_museum_right():
    assert checks.museum_prediction(3, 2, 3).status == "right"


# --- functions: stubs, errors, shapes ----------------------------------------------------------------

FUNCTIONS = [checks.shared_weight, checks.dc_prev, checks.repaired_step, checks.peephole_dc_prev]


@pytest.mark.parametrize("check", FUNCTIONS)
def test_stubs_and_errors(check):
    assert check(stub).status == "not yet"
    assert check(...).status == "not yet"
    assert_wrong(check(raises), "your function stops with ValueError")
    assert check(lambda *arguments: "text").status == "wrong"


# --- exercise 1 --------------------------------------------------------------------------------------


def shared_weight_gradient(a, w, *, before=0, adds=True, passes=True, first=False):
    dw, da = 0.0, 1.0
    for t in reversed(range(len(a) - 1)):
        if first:
            da = da * w
        share = da * a[t + before]
        dw = dw + share if adds else share
        if passes and not first:
            da = da * w
    return dw


def test_shared_weight_right():
    assert checks.shared_weight(shared_weight_gradient).status == "right"
    b, w = np.array([0.3, -1.0, 0.7]), np.array(0.9)

    def run(w):
        a = [1.5]
        for b_t in b:
            a.append(b_t + w * a[-1])
        return a

    mine = shared_weight_gradient(run(w), w)
    np.testing.assert_allclose(mine, numerical_gradient(lambda moved: run(moved)[-1], w), rtol=1e-9)


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        ({"adds": False}, "use +="),
        ({"before": 1}, "*before* the step"),
        ({"passes": False}, "da = da * w is missing"),
        ({"first": True}, "one w too many"),
    ],
)
def test_shared_weight_wrong(slip, words):
    assert_wrong(checks.shared_weight(lambda a, w: shared_weight_gradient(a, w, **slip)), words)


def test_shared_weight_other_wrong():
    assert_wrong(checks.shared_weight(lambda a, w: a[-2]), "last step alone")
    assert_wrong(checks.shared_weight(lambda a, w: a), "add the shares")
    assert_wrong(checks.shared_weight(lambda a, w: 17.0), "for 3 steps")


# --- exercise 2 --------------------------------------------------------------------------------------


def test_dc_prev_right():
    assert checks.dc_prev(lambda dh, dc_next, o, c, f: (dc_next + dh * o * (1 - np.tanh(c) ** 2)) * f).status == "right"


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        (lambda dh, dc_next, o, c, f: dc_next * f, "path through h is missing"),
        (lambda dh, dc_next, o, c, f: dc_next + dh * o * (1 - np.tanh(c) ** 2), "that is dc"),
        (lambda dh, dc_next, o, c, f: dc_next + dh * o * (1 - np.tanh(c) ** 2) * f, "brackets"),
        (lambda dh, dc_next, o, c, f: dc_next * f + dh * o * (1 - np.tanh(c) ** 2), "brackets"),
        (lambda dh, dc_next, o, c, f: dh * o * (1 - np.tanh(c) ** 2) * f, "dc_next, counts as well"),
        (lambda dh, dc_next, o, c, f: (dc_next + dh * (1 - np.tanh(c) ** 2)) * f, "output gate is missing"),
        (lambda dh, dc_next, o, c, f: (dc_next + dh * o) * f, "slope of tanh is missing"),
        (lambda dh, dc_next, o, c, f: (dc_next + dh * o * np.tanh(c)) * f, "that is tanh(c)"),
        (lambda dh, dc_next, o, c, f: (dc_next + dh * o * (1 - c**2)) * f, "not squashed yet"),
        (lambda dh, dc_next, o, c, f: (dc_next + dh * o * (1 - np.tanh(c) ** 2)) * f * (1 - f), "belongs to z_f"),
        (lambda dh, dc_next, o, c, f: f + o, "c_prev is used once"),
        (lambda dh, dc_next, o, c, f: f[0], "has shape"),
    ],
)
def test_dc_prev_wrong(slip, words):
    assert_wrong(checks.dc_prev(slip), words)


def test_dc_prev_that_changes_its_callers_array():
    def adds_in_place(dh, dc_next, o, c, f):
        dc_next += dh * o * (1 - np.tanh(c) ** 2)
        return dc_next * f

    assert_wrong(checks.dc_prev(adds_in_place), "changes an array of its caller")


# --- exercise 4 --------------------------------------------------------------------------------------


def a_step(step, params, dh, dc, *, in_place=False, slope_of_g=lambda g: 1 - g**2, slope_of_o=lambda o: o * (1 - o)):
    i, f, g, o, tanh_c = step.i, step.f, step.g, step.o, np.tanh(step.c)
    through_h = dh * o * (1 - tanh_c**2)
    if in_place:
        dc += through_h
    else:
        dc = dc + through_h
    dz_i, dz_f = dc * g * i * (1 - i), dc * step.c_prev * f * (1 - f)
    dz_g, dz_o = dc * i * slope_of_g(g), dh * tanh_c * slope_of_o(o)
    dz = np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1)
    return dz, dz @ params.weight_hh, dc * f


def slip_of(**options):
    return lambda step, params, dh, dc: a_step(step, params, dh, dc, **options)


def test_repaired_step_right():
    assert checks.repaired_step(a_step).status == "right"
    assert checks.repaired_step(right_step).status == "right"


def test_repaired_step_wrong():
    sigmoids_slope = {"slope_of_g": lambda g: g * (1 - g)}
    assert_wrong(checks.repaired_step(slip_of(in_place=True, **sigmoids_slope)), "columns of dz that belong to g")
    assert_wrong(checks.repaired_step(slip_of(**sigmoids_slope)), "columns of dz that belong to g")
    assert_wrong(checks.repaired_step(slip_of(in_place=True)), "Which line adds into an argument?")
    assert_wrong(checks.repaired_step(slip_of(slope_of_o=lambda o: 1 - o**2)), "dz is off for o")
    assert_wrong(checks.repaired_step(lambda *given: right_step(*given)[0]), "return three things")
    assert_wrong(checks.repaired_step(lambda *given: (*right_step(*given)[:2], 0.0)), "dc_prev has shape")
    wrong_way = checks.repaired_step(lambda *given: (right_step(*given)[0], *right_step(*given)[:0:-1]))
    assert_wrong(wrong_way, "dh_prev at")


def test_repaired_step_that_changes_dh():
    def spoils(step, params, dh, dc):
        result = right_step(step, params, dh, dc)
        dh += 1
        return result

    assert_wrong(checks.repaired_step(spoils), "handed in as dh")


# --- exercise 5 --------------------------------------------------------------------------------------


def peephole(dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o, *, slopes=True):
    dz_o = dh * np.tanh(c) * (o * (1 - o) if slopes else 1)
    dc = dc_next + dh * o * (1 - np.tanh(c) ** 2) + dz_o * p_o
    dz_i = dc * g * (i * (1 - i) if slopes else 1)
    dz_f = dc * c_prev * (f * (1 - f) if slopes else 1)
    return dc * f + dz_i * p_i + dz_f * p_f


def test_peephole_right():
    assert checks.peephole_dc_prev(peephole).status == "right"


def test_peephole_is_what_finite_differences_say():
    rng = np.random.default_rng(0)
    rest_i, rest_f, rest_o, g, c_prev, dh, dc_next = rng.normal(size=(7, 2, 4))
    p_i, p_f, p_o = rng.normal(size=(3, 4))

    def forward(c_prev):
        i, f = sigmoid(rest_i + p_i * c_prev), sigmoid(rest_f + p_f * c_prev)
        c = f * c_prev + i * np.tanh(g)
        return i, f, np.tanh(g), sigmoid(rest_o + p_o * c), c

    def loss(c_prev):
        *_, o, c = forward(c_prev)
        return (dh * o * np.tanh(c)).sum() + (dc_next * c).sum()

    mine = peephole(dh, dc_next, *forward(c_prev), c_prev, p_i, p_f, p_o)
    np.testing.assert_allclose(mine, numerical_gradient(loss, c_prev), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("zero", "words"),
    [
        (("p_i", "p_f", "p_o"), "without peepholes"),
        (("p_o",), "dz_o · p_o belongs into dc"),
        (("p_i", "p_f"), "two more summands"),
        (("p_i",), "the input gate reads c_prev, too"),
        (("p_f",), "the forget gate reads c_prev, too"),
    ],
)
def test_a_peephole_left_out(zero, words):
    names = ["dh", "dc_next", "i", "f", "g", "o", "c", "c_prev", "p_i", "p_f", "p_o"]

    def without(*given):
        return peephole(
            **{name: 0 * value if name in zero else value for name, value in zip(names, given, strict=True)}
        )

    assert_wrong(checks.peephole_dc_prev(without), words)


def test_other_slips_with_peepholes():
    def late(dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o):  # the output gate's peephole on the wrong cell state
        plain = peephole(dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, 0 * p_o)
        return plain + dh * np.tanh(c) * o * (1 - o) * p_o

    def without_h(dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o):
        dc = dc_next + dh * np.tanh(c) * o * (1 - o) * p_o
        return dc * f + dc * g * i * (1 - i) * p_i + dc * c_prev * f * (1 - f) * p_f

    def no_slope_at_o(dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o):
        dc = dc_next + dh * o * (1 - np.tanh(c) ** 2) + dh * np.tanh(c) * p_o
        return dc * f + dc * g * i * (1 - i) * p_i + dc * c_prev * f * (1 - f) * p_f

    def no_slope_at_i_and_f(dh, dc_next, i, f, g, o, c, c_prev, p_i, p_f, p_o):
        dc = dc_next + dh * o * (1 - np.tanh(c) ** 2) + dh * np.tanh(c) * o * (1 - o) * p_o
        return dc * f + dc * g * p_i + dc * c_prev * p_f

    assert_wrong(checks.peephole_dc_prev(late), "reads c_t, not c_prev")
    assert_wrong(checks.peephole_dc_prev(without_h), "through tanh is missing")
    assert_wrong(checks.peephole_dc_prev(no_slope_at_o), "slope o (1 − o)")
    assert_wrong(checks.peephole_dc_prev(no_slope_at_i_and_f), "between a gate and its z")
    assert_wrong(checks.peephole_dc_prev(lambda *given: given[0]), "First dz_o from dh")
