"""The judge is judged: it finds what is wrong, names it, and does not cry wolf."""

import re
import tracemalloc

import numpy as np
import pytest

from lstm_helpers.backprop import lstm_backward
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward
from lstm_helpers.gradcheck import GradientError, gradcheck, numerical_gradient
from lstm_helpers.network import LSTM

T, N, D, H = 4, 3, 5, 2
NAMES = ("weight_ih", "weight_hh", "bias")
BY_GATE = dict.fromkeys(NAMES, GATES)


def problem(seed=0, dtype=np.float64):
    """An LSTM's loss, where its gradient is taken, and the right gradients."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    values = {"weight_ih": normal(4 * H, D), "weight_hh": normal(4 * H, H), "bias": normal(4 * H)}
    values |= {"x": normal(T, N, D), "h0": normal(N, H), "c0": normal(N, H)}
    dh, dc_n = normal(T, N, H), normal(N, H)

    def run(values):
        params = LSTMParams(*(values[name] for name in NAMES))
        return lstm_forward(values["x"], params, values["h0"], values["c0"]), params

    def loss(values):
        trace = run(values)[0]
        return float((dh * trace.h).sum() + (dc_n * trace.c_n).sum())

    gradients = lstm_backward(*run(values), dh, dc_n=dc_n)
    return loss, values, {name: getattr(gradients, name).copy() for name in values}


def verdicts(report):
    return {row.name: row.verdict for row in report.rows}


# --- what is right passes -------------------------------------------------------------------------------


@pytest.mark.parametrize("directions", [None, 5])
@pytest.mark.parametrize("seed", range(5))
def test_right_gradients_are_ok(seed, directions):
    loss, values, gradients = problem(seed)
    report = gradcheck(loss, values, gradients, blocks=BY_GATE, directions=directions)
    assert set(verdicts(report).values()) == {"ok"}
    assert list(verdicts(report)) == [f"{name}[{gate}]" for name in NAMES for gate in GATES] + ["x", "h0", "c0"]
    assert max(row.error for row in report.rows) < 1e-8


@pytest.mark.parametrize("directions", [None, 5])
@pytest.mark.parametrize("seed", range(20))
def test_right_gradients_in_float32_are_not_called_wrong(seed, directions):
    """Also where the loss bends sharply (2, 4) and where it is a small difference of large numbers (9)."""
    loss, values, gradients = problem(seed, np.float32)
    report = gradcheck(loss, values, gradients, blocks=BY_GATE, directions=directions)
    assert set(verdicts(report).values()) <= {"ok", "limit"}
    assert max(row.error for row in report.rows) < 0.05


def test_numerical_gradient_has_ten_digits():
    loss, values, gradients = problem()
    for name, wanted in gradients.items():
        array = values[name].copy()
        array.flags.writeable = False
        got = numerical_gradient(lambda array, name=name: loss(values | {name: array}), array)
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, wanted, atol=1e-10 * np.abs(wanted).max(), rtol=0)
    number = numerical_gradient(lambda array: float(array**3), np.array(2.0))
    assert number.shape == ()
    assert number == pytest.approx(12, rel=1e-10)


def test_numerical_gradient_in_float32():
    got = numerical_gradient(lambda array: float((array**2).sum()), np.array([1, -2, 3], np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [2, -4, 6], rtol=1e-3)


def test_large_and_small_numbers_have_steps_of_their_size():
    for scale in (1e-6, 1.0, 1e6):
        array = scale * np.array([1.0, -2.0, 3.0])
        report = gradcheck(
            lambda v, s=scale: float(((v["a"] / s) ** 3).sum()), {"a": array}, {"a": 3 * array**2 / scale**3}
        )
        assert verdicts(report) == {"a": "ok"}, scale


# --- what is wrong is found -----------------------------------------------------------------------------

ERRORS = {
    "one entry off by a millionth of the largest": (lambda g: g + _single(g, 1e-6 * np.abs(g).max()), 1e-6),
    "the wrong sign": (lambda g: -g, 2),
    "a factor of two": (lambda g: 2 * g, 0.5),
    "all zeros": (lambda g: 0 * g, 1),
    "everything one place on": (lambda g: np.roll(g, 1), None),
    "one entry missing": (lambda g: g * (1 - _single(g, 1)), None),
}


def _single(array, value):
    """`value` at the largest entry, 0 elsewhere."""
    one = np.zeros_like(array)
    one.flat[np.abs(array).argmax()] = value
    return one


@pytest.mark.parametrize("directions", [None, 5])
@pytest.mark.parametrize("part", [f"{name}[{gate}]" for name in NAMES for gate in GATES] + ["x", "h0", "c0"])
@pytest.mark.parametrize("error", ERRORS)
def test_a_planted_error_is_found_and_named(error, part, directions):
    loss, values, gradients = problem()
    name, _, gate = part.rstrip("]").partition("[")
    k = GATES.index(gate) if gate else 0
    rows = slice(k * H, (k + 1) * H) if gate else slice(None)
    spoil, about = ERRORS[error]
    gradients[name][rows] = spoil(gradients[name][rows])
    with pytest.raises(GradientError, match=f"^gradient of {re.escape(part)} is wrong: ") as caught:
        gradcheck(loss, values, {name: gradients[name]}, blocks=BY_GATE, directions=directions)
    found = verdicts(caught.value.report)
    assert found.pop(part) == "wrong"
    assert set(found.values()) <= {"ok"}  # the other gates are as right as before
    if about is not None and directions is None:
        worst = next(row for row in caught.value.report.rows if row.name == part)
        assert worst.error == pytest.approx(about, rel=1e-2)


def test_the_entry_is_named_with_both_numbers():
    loss, values, gradients = problem()
    wanted = gradients["weight_ih"][3, 4]  # a row of the forget gate
    gradients["weight_ih"][3, 4] += 1
    with pytest.raises(GradientError) as caught:
        gradcheck(loss, values, gradients, blocks=BY_GATE)
    row = next(row for row in caught.value.report.rows if row.verdict == "wrong")
    assert (row.name, row.where) == ("weight_ih[f]", "entry (3, 4)")
    assert row.got == pytest.approx(wanted + 1, rel=1e-12)
    assert row.wanted == pytest.approx(wanted, rel=1e-8)
    message = str(caught.value)
    assert f"{row.got:.6g} where central differences give {row.wanted:.6g} (entry (3, 4))" in message
    assert repr(caught.value.report) in message
    assert isinstance(caught.value, AssertionError)


def test_the_worst_of_several_is_named():
    loss, values, gradients = problem()
    gradients["weight_hh"] *= 1.01
    gradients["bias"][2 * H : 3 * H] *= -1
    gradients["x"] *= 1.1
    with pytest.raises(GradientError, match=re.escape("gradient of bias[g] is wrong")) as caught:
        gradcheck(loss, values, gradients, blocks=BY_GATE)
    wrong = {name for name, verdict in verdicts(caught.value.report).items() if verdict == "wrong"}
    assert wrong == {*(f"weight_hh[{gate}]" for gate in GATES), "bias[g]", "x"}
    table = {line.split()[0]: line.split()[-1] for line in str(caught.value).splitlines()[2:]}
    assert table == verdicts(caught.value.report)


@pytest.mark.parametrize("directions", [None, 5])
def test_three_percent_are_found_in_float32(directions):
    for seed in range(5):
        loss, values, gradients = problem(seed, np.float32)
        gradients["weight_hh"] *= np.float32(1.03)
        with pytest.raises(GradientError, match="gradient of weight_hh is wrong"):
            gradcheck(loss, values, gradients, directions=directions)


def test_a_gradient_that_should_be_zero():
    arrays, right = {"a": np.ones(3), "unused": np.ones(2)}, {"a": 2 * np.ones(3), "unused": np.zeros(2)}

    def loss(values):
        return float((values["a"] ** 2).sum())

    assert verdicts(gradcheck(loss, arrays, right)) == {"a": "ok", "unused": "ok"}
    with pytest.raises(GradientError, match="gradient of unused is wrong: 0.001 where central differences give"):
        gradcheck(loss, arrays, right | {"unused": np.array([0, 1e-3])})


# --- what cannot be told is not called wrong --------------------------------------------------------------


def test_below_the_resolution_the_verdict_is_limit():
    """The gradient 1e-12 of a loss of 1e6: its central difference is rounding, and says nothing."""
    arrays = {"a": np.ones(3)}

    def loss(values):
        return 1e6 + 1e-12 * float(values["a"].sum())

    assert verdicts(gradcheck(loss, arrays, {"a": np.full(3, 1e-12)})) == {"a": "limit"}
    assert verdicts(gradcheck(loss, arrays, {"a": np.full(3, 5e-12)})) == {"a": "limit"}
    with pytest.raises(GradientError):
        gradcheck(loss, arrays, {"a": np.full(3, 1e-3)})


def test_rtol_is_what_divides_ok_from_the_rest():
    arrays, gradients = {"a": np.arange(1.0, 4)}, {"a": 2 * np.arange(1.0, 4) * (1 + 1e-6)}

    def loss(values):
        return float((values["a"] ** 2).sum())

    assert verdicts(gradcheck(loss, arrays, gradients, rtol=1e-5)) == {"a": "ok"}
    with pytest.raises(GradientError, match="relative error 1e-06"):
        gradcheck(loss, arrays, gradients, rtol=1e-7)


def test_random_directions_depend_on_the_seed_alone():
    loss, values, gradients = problem()
    one, same, other = (gradcheck(loss, values, gradients, directions=2, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other
    assert {row.where for row in one.rows} <= {"direction 0", "direction 1"}


# --- the report, and what the check costs -------------------------------------------------------------------


def test_a_report_is_a_table():
    loss, values, gradients = problem()
    report = gradcheck(loss, values, {"bias": gradients["bias"]}, blocks=BY_GATE)
    lines = repr(report).splitlines()
    assert lines[0].split() == ["gradient", "of", "relative", "error", "verdict"]
    assert [line.split()[0] for line in lines[1:]] == [f"bias[{gate}]" for gate in GATES]
    for line, row in zip(lines[1:], report.rows, strict=True):
        assert line.split()[1:] == [f"{row.error:.1e}", "ok"]


def test_names_without_a_gradient_are_not_checked():
    loss, values, gradients = problem()
    assert list(verdicts(gradcheck(loss, values, {"h0": gradients["h0"]}))) == ["h0"]


@pytest.mark.parametrize("directions", [None, 2])
def test_arrays_stay_as_they_are(directions):
    loss, values, gradients = problem()
    for array in [*values.values(), *gradients.values()]:
        array.flags.writeable = False
    before = {name: array.tobytes() for name, array in values.items()}
    gradcheck(loss, values, gradients, blocks=BY_GATE, directions=directions)
    assert {name: array.tobytes() for name, array in values.items()} == before


def test_a_big_array_does_not_fill_the_memory():
    array = np.linspace(0, 1, 1500)
    tracemalloc.start()
    gradcheck(lambda values: float((values["a"] ** 2).sum()), {"a": array}, {"a": 2 * array})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * array.nbytes + 1_000_000  # not 1500 times


def test_a_network_is_checked_through_its_live_parameters():
    net = LSTM(3, 2, seed=0)
    x = np.random.default_rng(0).normal(size=(4, 2, 3))

    def loss(values):
        for name, array in net.parameters().items():
            array[:] = values[name]
        return float(net.forward(x).output.sum())

    values = {name: array.copy() for name, array in net.parameters().items()}
    trace = net.forward(x)
    gradients = net.backward(trace, np.ones_like(trace.output))
    gradients = {name: gradients[name] for name in values}
    gradcheck(loss, values, gradients, blocks=dict.fromkeys(values, GATES), directions=3)


# --- bad input ----------------------------------------------------------------------------------------------

ONES = {"a": np.ones((4, 2))}


@pytest.mark.parametrize(
    ("arrays", "gradients", "options", "message"),
    [
        (ONES, {}, {}, "gradients is empty, wanted at least one array"),
        (ONES, {"b": np.ones(3)}, {}, "gradients has 'b', which arrays does not have: a"),
        (ONES, {"a": np.ones((2, 4))}, {}, "gradients['a'] has shape (2, 4), wanted (4, 2)"),
        (ONES, {"a": np.ones(4)}, {}, "gradients['a'] has shape (4,), wanted (4, 2)"),
        (ONES, {"a": np.ones((4, 2), int)}, {}, "gradients['a'] is int64, wanted float32 or float64"),
        (ONES, {"a": np.full((4, 2), np.nan)}, {}, "gradients['a'] holds NaN, wanted finite numbers"),
        ({"a": np.ones((4, 2), int)}, ONES, {}, "a is int64, wanted float32 or float64"),
        ({"a": np.full((4, 2), np.inf)}, ONES, {}, "a holds infinity, wanted finite numbers"),
        ({"a": np.ones((0, 2))}, {"a": np.ones((0, 2))}, {}, "gradients['a'] has shape (0, 2): it is empty"),
        (ONES, ONES, {"directions": 0}, "directions is 0, wanted at least 1"),
        (ONES, ONES, {"directions": 2.5}, "directions is 2.5, wanted a whole number"),
        (ONES, ONES, {"blocks": {"a": "ifg"}}, "blocks['a'] has 3 labels, which do not divide the shape (4, 2)"),
        (ONES, ONES, {"blocks": {"a": ()}}, "blocks['a'] has 0 labels, which do not divide the shape (4, 2)"),
        (ONES, ONES, {"blocks": {"typo": GATES}}, "blocks has 'typo', which arrays does not have: a"),
        (
            {"a": np.array(1.0)},
            {"a": np.array(2.0)},
            {"blocks": {"a": GATES}},
            "blocks['a'] has 4 labels, which do not",
        ),
    ],
)
def test_gradcheck_refuses(arrays, gradients, options, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        gradcheck(lambda values: float((values["a"] ** 2).sum()), arrays, gradients, **options)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=f"^loss is {value} next to the given a, wanted a finite number$"):
        gradcheck(lambda values: value, ONES, ONES)
    with pytest.raises(ValueError, match=f"^loss is {value} next to the given array, wanted a finite number$"):
        numerical_gradient(lambda array: value, np.ones(2))


@pytest.mark.parametrize(("array", "message"), [([1, 2], "array is int64"), ([np.nan], "array holds NaN")])
def test_numerical_gradient_refuses(array, message):
    with pytest.raises(ValueError, match=f"^{message}, wanted "):
        numerical_gradient(lambda array: 0.0, array)
