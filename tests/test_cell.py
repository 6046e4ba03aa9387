"""The cell, forward: against torch, against fifty digits of mpmath, at the extremes, and with bad input."""

import re

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from oracles import (
    LAYOUTS,
    all_arrays,
    arrays,
    assert_dtype,
    assert_shape_refused,
    assert_untouched,
    in_layout,
    random_case,
    relative_error,
    searching,
    shapes,
    torch_answer,
)

from lstm_helpers.cell import GATES, LSTMParams, lstm_forward, lstm_step, sigmoid

T, N, D, H = 4, 3, 5, 2  # all different, none is 1
EPS = np.finfo(np.float64).eps
MAX = np.finfo(np.float64).max
NAMES = ("weight_ih", "weight_hh", "bias")


def random_params(rng, input_size=D, hidden_size=H, dtype=np.float64):
    """Weights that hide nothing: every gate has its own bias."""
    weights = {"weight_ih": (4 * hidden_size, input_size), "weight_hh": (4 * hidden_size, hidden_size)}
    return LSTMParams(
        **{name: rng.normal(size=shape).astype(dtype) for name, shape in weights.items()},
        bias=rng.normal(size=4 * hidden_size).astype(dtype),
    )


def random_inputs(seed=0, dtype=np.float64):
    """Parameters, and arguments for `lstm_forward` by name."""
    rng = np.random.default_rng(seed)
    params = random_params(rng, dtype=dtype)
    x, h0, c0 = (rng.normal(size=shape).astype(dtype) for shape in ((T, N, D), (N, H), (N, H)))
    return params, {"x": x, "h0": np.tanh(h0), "c0": c0, "lengths": np.array([2, 4, 1])}


def params_for_z(hidden_size, dtype=np.float64):
    """Weights that hand x on, unchanged, as the pre-activations: D is 4H."""
    eye = np.eye(4 * hidden_size, dtype=dtype)
    return LSTMParams(eye, np.zeros((4 * hidden_size, hidden_size), dtype), np.zeros(4 * hidden_size, dtype))


def exact_step(z, c_prev):
    """One cell, one unit, with 50 digits: from its four pre-activations, as floats, to i, f, g, o, c, h."""
    with mpmath.workdps(50):
        i, f, o = (1 / (1 + mpmath.exp(-mpmath.mpf(float(z[k])))) for k in (0, 1, 3))
        g = mpmath.tanh(mpmath.mpf(float(z[2])))
        kept, written = f * mpmath.mpf(float(c_prev)), i * g
        c = kept + written
        return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * mpmath.tanh(c)}, abs(kept) + abs(written)


# --- sigmoid ----------------------------------------------------------------------------------------

EDGES = [
    0,
    1e-300,
    1e-17,
    1e-8,
    1,
    20,
    36.7,
    37,
    40,
    88.72,
    88.73,
    103.9,
    709.78,
    709.79,
    745,
    745.13,
    746,
    1000,
    1e300,
]
GRID = np.concatenate([np.linspace(0, 760, 761), EDGES])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_is_right_to_the_last_digits(dtype):
    z = np.concatenate([GRID, -GRID])
    z = z[np.abs(z) <= np.finfo(dtype).max].astype(dtype)
    with np.errstate(all="raise"):
        got = sigmoid(z)
    assert got.dtype == dtype
    eps, tiniest = float(np.finfo(dtype).eps), float(np.finfo(dtype).smallest_subnormal)
    with mpmath.workdps(50):
        for value, s in zip(z, got, strict=True):
            wanted = 1 / (1 + mpmath.exp(-mpmath.mpf(float(value))))
            assert abs(mpmath.mpf(float(s)) - wanted) <= 3 * eps * wanted + tiniest, f"sigmoid({value}) is {s}"


def test_sigmoid_at_plain_numbers():
    assert sigmoid(0) == 0.5
    assert sigmoid(-1000) == 0
    assert sigmoid(1000) == 1
    assert f"{sigmoid(-40):.3e}" == "4.248e-18"  # the docstring's number
    np.testing.assert_allclose(sigmoid([[1, -1]]), [[1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64])
def test_sigmoid_of_whole_numbers_has_all_the_digits(dtype):
    z = np.array([0, 1], dtype)
    assert sigmoid(z).dtype == np.float64
    np.testing.assert_array_equal(sigmoid(z), sigmoid(np.array([0.0, 1.0])))


# --- one step against torch ---------------------------------------------------------------------------


def torch_cell(params):
    cell = torch.nn.LSTMCell(params.weight_ih.shape[1], params.weight_hh.shape[1]).to(
        torch.from_numpy(params.bias).dtype
    )
    with torch.no_grad():
        cell.weight_ih.copy_(torch.from_numpy(params.weight_ih))
        cell.weight_hh.copy_(torch.from_numpy(params.weight_hh))
        cell.bias_ih.copy_(torch.from_numpy(params.bias) / 4)  # torch adds the two up
        cell.bias_hh.copy_(torch.from_numpy(params.bias) * 3 / 4)
    return cell


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("seed", range(40))
def test_step_equals_lstm_cell(seed, dtype, tolerance):
    rng = np.random.default_rng(seed)
    batch_size, input_size, hidden_size = rng.integers(1, 6, 3)
    params = random_params(rng, input_size, hidden_size, dtype)
    x, h, c = (rng.normal(size=(batch_size, size)).astype(dtype) for size in (input_size, hidden_size, hidden_size))
    step = lstm_step(x, h, c, params)
    with torch.no_grad():
        h_next, c_next = torch_cell(params)(*(torch.from_numpy(x),), tuple(map(torch.from_numpy, (h, c))))
    assert relative_error(step.h, h_next.numpy()) <= tolerance
    assert relative_error(step.c, c_next.numpy()) <= tolerance
    for name, array in (("x", x), ("h_prev", h), ("c_prev", c)):
        np.testing.assert_array_equal(getattr(step, name), array)


def test_each_gate_is_made_of_its_own_rows():
    params, given_inputs = random_inputs()
    x, h, c = given_inputs["x"][0], given_inputs["h0"], given_inputs["c0"]
    step = lstm_step(x, h, c, params)
    squash = {"i": torch.sigmoid, "f": torch.sigmoid, "g": torch.tanh, "o": torch.sigmoid}
    assert tuple(squash) == GATES
    for k, (name, function) in enumerate(squash.items()):
        rows = slice(k * H, (k + 1) * H)
        assert params.gate(name) == rows
        z = x @ params.weight_ih[rows].T + h @ params.weight_hh[rows].T + params.bias[rows]
        assert relative_error(getattr(step, name), function(torch.from_numpy(z)).numpy()) <= 1e-14, name
    assert relative_error(step.c, step.f * c + step.i * step.g) <= 1e-15
    assert relative_error(step.h, step.o * np.tanh(step.c)) <= 1e-15


# --- a sequence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_forward_equals_torch(seed):
    case = random_case(seed, num_layers=1, bidirectional=False, bias=True)
    params = LSTMParams(
        case.weights["weight_ih_l0"],
        case.weights["weight_hh_l0"],
        case.weights["bias_ih_l0"] + case.weights["bias_hh_l0"],
    )
    h0, c0 = (None if case.inputs[name] is None else case.inputs[name][0] for name in ("h0", "c0"))
    trace = lstm_forward(case.inputs["x"], params, h0, c0, case.inputs["lengths"])
    wanted = torch_answer(case)
    for name, got in (("output", trace.h), ("h_n", trace.h_n[None]), ("c_n", trace.c_n[None])):
        assert relative_error(got, wanted[name]) <= 1e-12, (name, case)


@pytest.mark.parametrize("lengths", [None, [2, 4, 1], [4, 4, 4]])
def test_forward_equals_a_loop_of_steps(lengths):
    params, given_inputs = random_inputs()
    trace = lstm_forward(**given_inputs | {"lengths": lengths}, params=params)
    for n, length in enumerate(lengths or [T] * N):
        h, c = (given_inputs[name][[n]] for name in ("h0", "c0"))
        for t in range(length):
            step = lstm_step(given_inputs["x"][t, [n]], h, c, params)
            for name in ("x", "i", "f", "g", "o", "c", "h"):
                np.testing.assert_allclose(getattr(trace, name)[t, [n]], getattr(step, name), rtol=1e-13, atol=1e-15)
            h, c = step.h, step.c
        np.testing.assert_array_equal(trace.h_n[n], trace.h[length - 1, n])
        np.testing.assert_allclose(trace.c_n[[n]], c, rtol=1e-13, atol=1e-15)


def test_states_that_are_missing_are_zeros():
    params, given_inputs = random_inputs()
    zeros = np.zeros((N, H))
    for name in ("h0", "c0"):
        missing = lstm_forward(**given_inputs | {name: None}, params=params)
        given_zeros = lstm_forward(**given_inputs | {name: zeros}, params=params)
        assert_same(missing, given_zeros)
        np.testing.assert_array_equal(getattr(missing, name), zeros)


def assert_same(got, wanted):
    for name, array in arrays(wanted).items():
        np.testing.assert_array_equal(getattr(got, name), array, err_msg=name)


def test_a_trace_holds_each_step():
    params, given_inputs = random_inputs()
    trace = lstm_forward(**given_inputs, params=params)
    assert (trace.seq_len, trace.batch_size, trace.input_size, trace.hidden_size) == (T, N, D, H)
    h_prev, c_prev = given_inputs["h0"], given_inputs["c0"]
    for t in range(T):
        step = trace.step(t)
        np.testing.assert_array_equal(step.h_prev, h_prev)
        np.testing.assert_array_equal(step.c_prev, c_prev)
        for name in ("x", "i", "f", "g", "o", "c", "h"):
            np.testing.assert_array_equal(getattr(step, name), getattr(trace, name)[t])
        h_prev, c_prev = trace.h[t], trace.c[t]


@pytest.mark.parametrize("t", [-1, T, 1.0, True])
def test_a_trace_has_no_other_steps(t):
    params, given_inputs = random_inputs()
    with pytest.raises(ValueError, match="^t is "):
        lstm_forward(**given_inputs, params=params).step(t)


def test_where_a_sequence_has_ended_the_step_only_passes_c_on():
    params, given_inputs = random_inputs()
    trace = lstm_forward(**given_inputs, params=params)
    for n, length in enumerate(given_inputs["lengths"]):
        for name, value in (("x", 0), ("i", 0), ("g", 0), ("o", 0), ("h", 0), ("f", 1)):
            assert (getattr(trace, name)[length:, n] == value).all(), name
            assert (getattr(trace, name)[:length, n] != value).all(), name
        assert (trace.c[length:, n] == trace.c[length - 1, n]).all()
        np.testing.assert_array_equal(trace.h_n[n], trace.h[length - 1, n])
        np.testing.assert_array_equal(trace.c_n[n], trace.c[length - 1, n])


@pytest.mark.parametrize("noise", [1e6, MAX, np.nan, np.inf, -np.inf])
def test_what_stands_in_the_padding_has_no_effect(noise):
    params, given_inputs = random_inputs()
    noisy = given_inputs["x"].copy()
    noisy[np.arange(T)[:, None] >= given_inputs["lengths"]] = noise
    with np.errstate(all="raise"):
        assert_same(
            lstm_forward(**given_inputs | {"x": noisy}, params=params), lstm_forward(**given_inputs, params=params)
        )


def test_a_sequence_does_not_feel_its_neighbours():
    params, given_inputs = random_inputs()
    trace = lstm_forward(**given_inputs, params=params)
    for n, length in enumerate(given_inputs["lengths"]):
        x, h0, c0 = given_inputs["x"][:length, [n]], given_inputs["h0"][[n]], given_inputs["c0"][[n]]
        alone = lstm_forward(x, params, h0, c0)
        np.testing.assert_allclose(alone.h, trace.h[:length, [n]], rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(alone.c, trace.c[:length, [n]], rtol=1e-13, atol=1e-15)


# --- the extremes, with every floating-point warning an error -----------------------------------------

Z = [-1e300, -1000, -745.2, -709.79, -709.78, -40, -20, -1, -1e-300, 0, 1e-17, 0.5, 20, 40, 709.78, 709.79, 1000, 1e300]
C = [-1e300, -1000, -20, -1e-8, 0, 5e-324, 1e-300, 0.3, 1, 40, 1e17, 1e300, MAX]


@pytest.mark.parametrize("seed", range(6))
def test_step_has_all_its_digits_at_the_extremes(seed):
    rng = np.random.default_rng(seed)
    batch_size, hidden_size = 40, 3
    x = rng.choice(Z, (batch_size, 4 * hidden_size))
    c = rng.choice(C, (batch_size, hidden_size))
    with np.errstate(all="raise"):
        step = lstm_step(x, np.zeros_like(c), c, params_for_z(hidden_size))
        trace = lstm_forward(x[None], params_for_z(hidden_size), c0=c)
    tiniest = np.finfo(np.float64).smallest_subnormal
    for n, unit in np.ndindex(c.shape):
        z = x[n].reshape(4, hidden_size)[:, unit]
        exact, size_of_c = exact_step(z, c[n, unit])
        with mpmath.workdps(50):
            # c may be a difference: its digits count from the larger number, and so do those of a gate near 0 that
            # has few (a subnormal one). h feels c where tanh has a slope.
            room = dict.fromkeys("ifgo", 0) | {"c": 4 * EPS * size_of_c + tiniest * abs(mpmath.mpf(float(c[n, unit])))}
            room["h"] = exact["o"] * room["c"] * mpmath.sech(exact["c"]) ** 2
            for name, wanted in exact.items():
                for result in (getattr(step, name), getattr(trace, name)[0]):
                    difference = abs(mpmath.mpf(float(result[n, unit])) - wanted)
                    assert difference <= 4 * EPS * abs(wanted) + room[name] + tiniest, f"{name} at z={z} c={c[n, unit]}"


def test_step_has_fourteen_digits_for_any_weights():
    params, given_inputs = random_inputs()
    x, h, c = given_inputs["x"][0], given_inputs["h0"], given_inputs["c0"]
    step = lstm_step(x, h, c, params)
    found = {name: np.empty((N, H)) for name in ("i", "f", "g", "o", "c", "h")}
    with mpmath.workdps(50):
        for n in range(N):
            z = [
                mpmath.fdot([*params.weight_ih[row], *params.weight_hh[row], params.bias[row]], [*x[n], *h[n], 1.0])
                for row in range(4 * H)
            ]
            for unit in range(H):
                # exact_step would round z to floats: its formulas again, on the exact sums
                i, f, o = (1 / (1 + mpmath.exp(-z[k * H + unit])) for k in (0, 1, 3))
                g = mpmath.tanh(z[2 * H + unit])
                c_next = f * mpmath.mpf(float(c[n, unit])) + i * g
                exact = {"i": i, "f": f, "g": g, "o": o, "c": c_next, "h": o * mpmath.tanh(c_next)}
                for name, value in exact.items():
                    found[name][n, unit] = value
    for name, wanted in found.items():
        assert relative_error(getattr(step, name), wanted) <= 1e-14, name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [20, 40, 88.72, 88.73, 709.78, 709.79, 1000])
def test_long_runs_at_the_extremes_stay_finite(dtype, size):
    rng = np.random.default_rng(0)
    params = random_params(rng, dtype=dtype)
    signs = rng.choice([-1, 1], (4 * H, D))
    params = LSTMParams((size * signs).astype(dtype), (size * params.weight_hh).astype(dtype), params.bias)
    c0 = np.full((N, H), 1e300 if dtype == np.float64 else 1e38, dtype)
    c0[1:] = np.finfo(dtype).max, 0
    x = rng.choice([-1, 0, 1], (20, N, D)).astype(dtype)
    with np.errstate(all="raise"):
        trace = lstm_forward(x, params, c0=c0)
    for name, array in all_arrays(trace):
        assert np.isfinite(array).all(), name
    for gate in (trace.i, trace.f, trace.o):
        assert ((gate >= 0) & (gate <= 1)).all()
    assert (np.abs(trace.h) <= 1).all()
    assert_dtype(trace, dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_small_numbers_may_vanish_in_silence(dtype):
    tiny = np.finfo(dtype).tiny
    params = LSTMParams(*(np.full(shape, tiny, dtype) for shape in ((4 * H, D), (4 * H, H), (4 * H,))))
    x, states = np.full((T, N, D), tiny, dtype), np.full((N, H), tiny, dtype)
    with np.errstate(all="raise"):
        step = lstm_step(x[0], states, states, params)
        trace = lstm_forward(x, params, states, states)
    np.testing.assert_array_equal(step.i, dtype(0.5))
    np.testing.assert_array_equal(trace.f, dtype(0.5))


def test_ten_thousand_steps_with_the_forget_gate_at_one():
    bias = np.repeat([-1000.0, 1000.0, 1000.0, 1000.0], H)  # i = 0, f = g = o = 1
    params = LSTMParams(np.zeros((4 * H, D)), np.zeros((4 * H, H)), bias)
    c0 = np.array([[1e300, -0.1], [1e-300, 7.0]])
    x = np.random.default_rng(0).normal(size=(10_000, 2, D))
    with np.errstate(all="raise"):
        kept = lstm_forward(x, params, c0=c0)
        params.bias[params.gate("i")] = 1000.0
        counted = lstm_forward(x, params)
    assert (kept.c == c0).all()
    np.testing.assert_array_equal(counted.c[:, 0, 0], np.arange(1, 10_001))


def params_1(weight_ih, weight_hh, bias):
    """One unit, one feature: every gate alike."""
    return LSTMParams(np.full((4, 1), float(weight_ih)), np.full((4, 1), float(weight_hh)), np.full(4, float(bias)))


@pytest.mark.parametrize(
    ("params", "x", "h"),
    [
        (params_1(1e308, 0, 0), 10.0, 0.0),
        (params_1(0, 1e308, 0), 0.0, 10.0),
        (params_1(1e308, 0, 1e308), 1.0, 0.0),
        (params_1(1e308, -1e308, 0), 10.0, 10.0),  # infinity minus infinity
        (params_1(1e308, -1.5e308, -1.5e308), 2.0, 1.0),  # the sum is -1e308, but reaches +infinity on the way
    ],
)
def test_pre_activations_that_overflow_are_refused(params, x, h):
    x, h, c = np.full((1, 1), x), np.full((1, 1), h), np.zeros((1, 1))
    message = "^x, the states or the weights are so large that a pre-activation overflows float64$"
    with np.errstate(all="raise"):
        with pytest.raises(ValueError, match=message):
            lstm_step(x, h, c, params)
        with pytest.raises(ValueError, match=message):
            lstm_forward(np.stack([x, x]), params, h, c)


def test_an_overflow_in_the_middle_is_seen_at_the_end():
    params = params_1(1e308, 0, 0)
    x = np.zeros((5, 1, 1))
    x[2] = 10
    with pytest.raises(ValueError, match="overflows float64"):
        lstm_forward(x, params)
    with pytest.raises(ValueError, match="overflows float32"):
        lstm_forward(
            np.full((1, 1, 1), 1e30, np.float32),
            LSTMParams(*(np.float32(1e9) * np.ones(s, np.float32) for s in ((4, 1), (4, 1), 4))),
        )


# --- what goes in stays as it is, what comes out is new -----------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lengths", [None, np.array([2, 4, 1])])
def test_any_layout_gives_the_same_and_stays_as_it_is(layout, lengths):
    params, given_inputs = random_inputs()
    given_inputs["lengths"] = lengths
    laid_out = {name: in_layout(array, layout) for name, array in given_inputs.items()}
    odd_params = LSTMParams(**{name: in_layout(getattr(params, name), layout) for name in NAMES})
    for name in NAMES:  # the class copies: the layout has to be put back
        setattr(odd_params, name, in_layout(getattr(params, name), layout))
    trace = assert_untouched(lambda **everything: lstm_forward(**everything), laid_out | {"params": odd_params})
    wanted = lstm_forward(**given_inputs, params=params)
    for name, array in arrays(wanted).items():
        np.testing.assert_allclose(getattr(trace, name), array, rtol=1e-13, atol=1e-15)
    step_inputs = {"x": laid_out["x"][0], "h": laid_out["h0"], "c": laid_out["c0"], "params": odd_params}
    step = assert_untouched(lambda **everything: lstm_step(**everything), step_inputs)
    np.testing.assert_allclose(step.h, wanted.h[0], rtol=1e-13, atol=1e-15)


def test_results_are_read_only_and_do_not_share_memory():
    params, given_inputs = random_inputs()
    step = lstm_step(given_inputs["x"][0], given_inputs["h0"], given_inputs["c0"], params)
    missing_states = lstm_forward(given_inputs["x"], params)
    for result in (lstm_forward(**given_inputs, params=params), missing_states, step):
        found = list(all_arrays(result))
        for k, (path, array) in enumerate(found):
            assert not array.flags.writeable, path
            for other_path, other in found[:k]:
                assert not np.shares_memory(array, other), (path, other_path)


def test_a_trace_is_frozen():
    params, given_inputs = random_inputs()
    trace = lstm_forward(**given_inputs, params=params)
    with pytest.raises(AttributeError):
        trace.h = trace.c
    with pytest.raises(AttributeError):
        trace.step(0).h = trace.c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    params, given_inputs = random_inputs(dtype=dtype)
    assert params.dtype == dtype
    trace = lstm_forward(**given_inputs, params=params)
    assert_dtype([params, trace, trace.h_n, trace.c_n, trace.step(0)], dtype)
    assert_dtype(lstm_forward(given_inputs["x"], params), dtype)
    assert_dtype(lstm_step(given_inputs["x"][0], given_inputs["h0"], given_inputs["c0"], params), dtype)
    assert_dtype(LSTMParams.init(D, H, seed=0, dtype=dtype), dtype)


# --- parameters ---------------------------------------------------------------------------------------


def test_params_are_copies():
    rng = np.random.default_rng(0)
    given_weights = arrays(random_params(rng))
    params = LSTMParams(**given_weights)
    for name, array in given_weights.items():
        assert not np.shares_memory(getattr(params, name), array)
        np.testing.assert_array_equal(getattr(params, name), array)
        assert getattr(
            LSTMParams(**{k: in_layout(v, "read-only") for k, v in given_weights.items()}), name
        ).flags.writeable


def test_init():
    params = LSTMParams.init(D, 64, seed=3)
    assert (params.input_size, params.hidden_size, params.dtype) == (D, 64, np.float64)
    for weight, shape in ((params.weight_ih, (256, D)), (params.weight_hh, (256, 64))):
        assert weight.shape == shape
        assert np.abs(weight).max() <= 1 / 8
        assert np.abs(weight).max() > 0.99 / 8
        assert abs(weight.mean()) < 0.01
    assert not np.isin(params.weight_ih, params.weight_hh).any()
    for name in GATES:
        assert (params.bias[params.gate(name)] == (name == "f")).all()
    other = LSTMParams.init(D, 64, seed=3, forget_bias=-2)
    np.testing.assert_array_equal(other.weight_hh, params.weight_hh)
    assert (other.bias[other.gate("f")] == -2).all()
    assert (LSTMParams.init(D, 64, seed=4).weight_ih != params.weight_ih).any()
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(LSTMParams.init(D, 64, seed=rng).weight_ih, params.weight_ih)
    assert (LSTMParams.init(D, 64, seed=rng).weight_ih != params.weight_ih).any()  # a generator goes on


@pytest.mark.parametrize("name", ["x", "F", "", None, 0])
def test_there_are_four_gates(name):
    with pytest.raises(ValueError, match="^name is .*, wanted one of i, f, g, o$"):
        LSTMParams.init(D, H, seed=0).gate(name)


# --- bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 0}, "input_size is 0, wanted at least 1"),
        ({"input_size": 2.0}, "input_size is 2.0, wanted a whole number"),
        ({"hidden_size": -1}, "hidden_size is -1, wanted at least 1"),
        ({"hidden_size": True}, "hidden_size is True, wanted a whole number"),
        ({"dtype": int}, "dtype is int64, wanted float32 or float64"),
        ({"dtype": np.float16}, "dtype is float16, wanted float32 or float64"),
        ({"dtype": torch.float32}, "dtype is torch.float32, wanted NumPy's float32 or float64"),
        ({"forget_bias": np.nan}, "forget_bias is nan, wanted a finite number"),
        ({"forget_bias": np.inf}, "forget_bias is inf, wanted a finite number"),
    ],
)
def test_init_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LSTMParams.init(**{"input_size": D, "hidden_size": H, "seed": 0} | arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"weight_ih": np.ones((4 * H + 2, D))},
            "weight_ih has 10 rows, wanted a multiple of 4 (blocks for i, f, g, o)",
        ),
        ({"weight_ih": np.ones((3, D))}, "weight_ih has 3 rows, wanted a multiple of 4 (blocks for i, f, g, o)"),
        ({"weight_ih": np.ones((0, D))}, "weight_ih has shape (0, 5): it is empty, wanted at least 1 along each axis"),
        (
            {"weight_ih": np.ones((4 * H, 0))},
            "weight_ih has shape (8, 0): it is empty, wanted at least 1 along each axis",
        ),
        ({"weight_ih": np.ones(4 * H)}, "weight_ih has shape (8,), wanted (4H, D)"),
        ({"weight_ih": np.ones((4 * H, D), int)}, "weight_ih is int64, wanted float32 or float64"),
        (
            {"weight_ih": np.ones((4 * H, D), np.float32)},
            "weight_hh is float64, weight_ih is float32: wanted one dtype for both",
        ),
        ({"bias": np.ones(4 * H, np.float32)}, "bias is float32, weight_ih is float64: wanted one dtype for both"),
        ({"weight_hh": np.full((4 * H, H), np.nan)}, "weight_hh holds NaN, wanted finite numbers"),
        ({"bias": np.full(4 * H, -np.inf)}, "bias holds infinity, wanted finite numbers"),
    ],
)
def test_params_refuse(changes, message):
    weights = arrays(random_params(np.random.default_rng(0)))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LSTMParams(**weights | changes)
    params = LSTMParams(**weights)
    for name, array in changes.items():  # weights may go bad later, too
        setattr(params, name, array)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        lstm_forward(np.ones((T, N, D)), params)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        lstm_step(np.ones((N, D)), np.ones((N, H)), np.ones((N, H)), params)


@given(shape=shapes)
@searching
def test_params_refuse_any_other_shape(shape):
    weights = arrays(random_params(np.random.default_rng(0)))
    for name, wanted in (("weight_hh", (4 * H, H)), ("bias", (4 * H,))):
        if shape != wanted:
            assert_shape_refused(lambda array, name=name: LSTMParams(**weights | {name: array}), name, shape, wanted)
    if len(shape) != 2 or shape[0] != 4 * H or 0 in shape:
        with pytest.raises(ValueError, match="^weight_(ih|hh) has "):
            LSTMParams(**weights | {"weight_ih": np.ones(shape)})


@given(shape=shapes)
@searching
def test_states_of_any_other_shape_are_refused(shape):
    params, given_inputs = random_inputs()
    if shape == (N, H):
        return
    step_inputs = {"x": given_inputs["x"][0], "h": given_inputs["h0"], "c": given_inputs["c0"]}
    for function, arguments, names in (
        (lstm_forward, given_inputs, ("h0", "c0")),
        (lstm_step, step_inputs, ("h", "c")),
    ):
        for name in names:
            assert_shape_refused(
                lambda array, f=function, a=arguments, name=name: f(**a | {name: array}, params=params),
                name,
                shape,
                (N, H),
            )


@given(shape=shapes)
@searching
def test_x_of_any_other_shape_is_refused(shape):
    params, given_inputs = random_inputs()
    calls = {
        ("T", "N", "D"): lambda x: lstm_forward(x, params),
        ("N", "D"): lambda x: lstm_step(x, given_inputs["h0"], given_inputs["c0"], params),
    }
    for wanted, call in calls.items():
        if len(shape) == len(wanted) and 0 not in shape:
            if shape[-1] != D:
                with pytest.raises(ValueError, match=f"^x has {shape[-1]} features, weight_ih wants {D}$"):
                    call(np.ones(shape))
        else:
            assert_shape_refused(call, "x", shape, wanted)


@pytest.mark.parametrize("name", ["x", "h0", "c0"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.astype(int), "{} is int64, wanted float32 or float64"),
        (lambda a: a > 0, "{} is bool, wanted float32 or float64"),
        (lambda a: a.astype(np.float16), "{} is float16, wanted float32 or float64"),
        (lambda a: a.astype(complex), "{} is complex128, wanted float32 or float64"),
        (lambda a: a.astype(object), "{} is object, wanted float32 or float64"),
        (lambda a: a.astype(np.float32), "{} is float32, weight_ih is float64: wanted one dtype for both"),
        (lambda a: np.where(a == a.flat[-1], np.nan, a), "{} holds NaN, wanted finite numbers"),
        (lambda a: np.where(a == a.flat[0], -np.inf, a), "{} holds infinity, wanted finite numbers"),
        (lambda a: torch.from_numpy(a).requires_grad_(), "{} cannot be read as an array: "),
    ],
)
def test_forward_and_step_refuse(name, spoil, message):
    params, given_inputs = random_inputs()
    given_inputs["lengths"] = None
    with pytest.raises(ValueError, match="^" + re.escape(message.format(name))):
        lstm_forward(**given_inputs | {name: spoil(given_inputs[name])}, params=params)
    step_inputs = {"x": given_inputs["x"][0], "h": given_inputs["h0"], "c": given_inputs["c0"]}
    name = name.removesuffix("0")
    with pytest.raises(ValueError, match="^" + re.escape(message.format(name))):
        lstm_step(**step_inputs | {name: spoil(step_inputs[name])}, params=params)


def test_a_step_wants_its_states():
    params, given_inputs = random_inputs()
    with pytest.raises(ValueError, match="^h is object, wanted float32 or float64$"):
        lstm_step(given_inputs["x"][0], None, given_inputs["c0"], params)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_within_a_sequence_nan_is_refused_also_with_lengths(value):
    params, given_inputs = random_inputs()
    given_inputs["x"][1, 0, 0] = value  # the last step of a sequence of two
    with pytest.raises(ValueError, match="^x holds (NaN|infinity), wanted finite numbers$"):
        lstm_forward(**given_inputs, params=params)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([2, 4, 0], "lengths holds 0, wanted 1 to 4 (the steps that x has)"),
        ([2, 5, 1], "lengths holds 5, wanted 1 to 4 (the steps that x has)"),
        ([2, -1, 1], "lengths holds -1, wanted 1 to 4 (the steps that x has)"),
        ([2.0, 4.0, 1.0], "lengths is float64, wanted whole numbers"),
        ([2, 4], "lengths has shape (2,), wanted (3,): one for each sequence of the batch"),
    ],
)
def test_lengths_are_checked(lengths, message):
    params, given_inputs = random_inputs()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        lstm_forward(**given_inputs | {"lengths": lengths}, params=params)


def test_no_steps_and_no_sequences_are_refused():
    params, _ = random_inputs()
    for shape in ((0, N, D), (T, 0, D)):
        message = f"x has shape {shape}: it is empty, wanted at least 1 along each axis"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            lstm_forward(np.ones(shape), params)
