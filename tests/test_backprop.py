"""Going back: against autograd, finite differences, closed forms, and fifty digits where floats are far out."""

import re
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from oracles import (
    LAYOUTS,
    all_arrays,
    arrays,
    assert_close,
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

from lstm_helpers.backprop import forget_product, lstm_backward, lstm_step_backward, state_jacobian
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward, lstm_step
from lstm_helpers.gradcheck import gradcheck

T, N, D, H = 4, 3, 5, 2
NAMES = ("weight_ih", "weight_hh", "bias")
BY_GATE = dict.fromkeys(NAMES, GATES)


def random_run(seed=0, lengths=(2, 4, 1), dtype=np.float64, sizes=(T, N, D, H)):
    """Parameters, a trace, and upstream gradients by name: everything random, every size different."""
    rng = np.random.default_rng(seed)
    T, N, D, H = sizes

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    params = LSTMParams(normal(4 * H, D), normal(4 * H, H), normal(4 * H))
    trace = lstm_forward(normal(T, N, D), params, np.tanh(normal(N, H)), normal(N, H), lengths)
    return params, trace, {"dh": normal(T, N, H), "dh_n": normal(N, H), "dc_n": normal(N, H)}


def inputs_of(trace, params):
    return {"x": trace.x, "h0": trace.h0, "c0": trace.c0} | arrays(params)


# --- one step -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
@pytest.mark.parametrize("seed", range(40))
def test_step_backward_equals_autograd_through_lstm_cell(seed, dtype, tolerance):
    rng = np.random.default_rng(seed)
    sizes = (1, *rng.integers(1, 6, 3))
    params, trace, upstream = random_run(seed, None, dtype, sizes)
    step, dh, dc = trace.step(0), upstream["dh_n"], upstream["dc_n"]
    cell = torch.nn.LSTMCell(sizes[2], sizes[3]).to(torch.from_numpy(dh).dtype)
    for name, weight in cell.named_parameters():
        weight.data[:] = (
            torch.from_numpy(params.bias) / 2 if "bias" in name else torch.from_numpy(getattr(params, name))
        )
    leaves = {"x": step.x, "h": step.h_prev, "c": step.c_prev}
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in leaves.items()}
    results = cell(leaves["x"], (leaves["h"], leaves["c"]))
    leaves |= {"weight_ih": cell.weight_ih, "weight_hh": cell.weight_hh, "bias": cell.bias_ih}
    found = torch.autograd.grad(results, list(leaves.values()), [torch.from_numpy(dh), torch.from_numpy(dc)])
    wanted = {name: gradient.numpy() for name, gradient in zip(leaves, found, strict=True)}
    assert_close(arrays(lstm_step_backward(step, params, dh, dc)), wanted, tolerance)


def test_step_backward_equals_central_differences_gate_by_gate():
    params, trace, upstream = random_run()
    dh, dc = upstream["dh_n"], upstream["dc_n"]
    first = trace.step(0)

    def loss(values):
        step = lstm_step(values["x"], values["h"], values["c"], LSTMParams(*(values[name] for name in NAMES)))
        return (dh * step.h).sum() + (dc * step.c).sum()

    inputs = {"x": first.x, "h": first.h_prev, "c": first.c_prev} | arrays(params)
    gradients = arrays(lstm_step_backward(first, params, dh, dc))
    report = gradcheck(loss, inputs, gradients, blocks=BY_GATE, rtol=1e-8)
    assert len(report.rows) == 3 + 3 * 4
    assert {row.verdict for row in report.rows} == {"ok"}


# --- a sequence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_backward_equals_autograd(seed):
    case = random_case(1000 + seed, num_layers=1, bidirectional=False, bias=True)
    bias = case.weights["bias_ih_l0"] + case.weights["bias_hh_l0"]
    params = LSTMParams(case.weights["weight_ih_l0"], case.weights["weight_hh_l0"], bias)
    h0, c0, dh_n, dc_n = (
        None if array is None else array[0]
        for array in (case.inputs["h0"], case.inputs["c0"], case.upstream["dh_n"], case.upstream["dc_n"])
    )
    trace = lstm_forward(case.inputs["x"], params, h0, c0, case.inputs["lengths"])
    got = arrays(lstm_backward(trace, params, case.upstream["doutput"], dh_n, dc_n))
    wanted = torch_answer(case)
    wanted = {name: wanted[name] for name in ("x", "h0", "c0")} | {name: wanted[name + "_l0"] for name in NAMES}
    wanted |= {name: wanted[name][0] for name in ("h0", "c0")}
    assert_close(got, wanted, 1e-12, case)


@pytest.mark.parametrize("lengths", [None, (2, 4, 1)])
def test_backward_equals_central_differences_gate_by_gate(lengths):
    params, trace, upstream = random_run(lengths=lengths)

    def loss(values):
        weights = LSTMParams(*(values[name] for name in NAMES))
        run = lstm_forward(values["x"], weights, values["h0"], values["c0"], lengths)
        return sum((upstream["d" + name] * getattr(run, name)).sum() for name in ("h", "h_n", "c_n"))

    gradients = arrays(lstm_backward(trace, params, **upstream))
    report = gradcheck(loss, inputs_of(trace, params), gradients, blocks=BY_GATE, rtol=1e-8)
    assert len(report.rows) == 3 + 3 * 4
    assert {row.verdict for row in report.rows} == {"ok"}


@pytest.mark.parametrize("lengths", [None, (2, 4, 1)])
def test_backward_equals_a_loop_of_steps(lengths):
    params, trace, upstream = random_run(lengths=lengths)
    dh, dc = np.zeros((N, H)), upstream["dc_n"]
    sums = {name: 0 for name in NAMES}
    dx = np.empty((T, N, D))
    for t in reversed(range(T)):
        dh = dh + upstream["dh"][t] + upstream["dh_n"] * (trace.lengths == t + 1)[:, None]
        grads = lstm_step_backward(trace.step(t), params, dh, dc)
        dx[t], dh, dc = grads.x, grads.h, grads.c
        for name in NAMES:
            sums[name] = sums[name] + getattr(grads, name)
    wanted = {"x": dx, "h0": dh, "c0": dc} | sums
    assert_close(arrays(lstm_backward(trace, params, **upstream)), wanted, 1e-14)


def test_a_missing_gradient_means_zeros():
    params, trace, upstream = random_run()
    zeros = {name: np.zeros_like(array) for name, array in upstream.items()}
    for mask in range(8):
        names = [name for k, name in enumerate(upstream) if mask >> k & 1]
        part = {name: upstream[name] for name in names}
        got = arrays(lstm_backward(trace, params, **part))
        for name, wanted in arrays(lstm_backward(trace, params, **zeros | part)).items():
            np.testing.assert_array_equal(got[name], wanted, err_msg=f"{name} from {names}")
        assert any(array.any() for array in got.values()) == bool(names)


def test_gradients_add_up():
    params, trace, upstream = random_run()
    parts = [arrays(lstm_backward(trace, params, **{name: array})) for name, array in upstream.items()]
    whole = arrays(lstm_backward(trace, params, **upstream))
    assert_close(whole, {name: sum(part[name] for part in parts) for name in whole}, 1e-14)


@pytest.mark.parametrize("noise", [1e6, np.finfo(np.float64).max, -1e300])
def test_what_dh_holds_in_the_padding_has_no_effect(noise):
    params, trace, upstream = random_run()
    noisy = upstream["dh"].copy()
    noisy[np.arange(T)[:, None] >= trace.lengths] = noise
    with np.errstate(all="raise"):
        got = arrays(lstm_backward(trace, params, **upstream | {"dh": noisy}))
    for name, wanted in arrays(lstm_backward(trace, params, **upstream)).items():
        np.testing.assert_array_equal(got[name], wanted, err_msg=name)


def test_the_padding_gets_no_gradient():
    params, trace, upstream = random_run()
    dx = lstm_backward(trace, params, **upstream).x
    padding = np.arange(T)[:, None] >= trace.lengths
    assert (dx[padding] == 0).all()
    assert (dx[~padding] != 0).all()


def test_a_sequence_does_not_feel_its_neighbours():
    params, trace, upstream = random_run()
    together = lstm_backward(trace, params, **upstream)
    sums = {name: 0 for name in NAMES}
    for n, length in enumerate(trace.lengths):
        alone = lstm_forward(trace.x[:length, [n]], params, trace.h0[[n]], trace.c0[[n]])
        grads = lstm_backward(alone, params, upstream["dh"][:length, [n]], upstream["dh_n"][[n]], upstream["dc_n"][[n]])
        wanted = {"x": together.x[:length, [n]], "h0": together.h0[[n]], "c0": together.c0[[n]]}
        assert_close(arrays(grads), wanted, 1e-13)
        sums = {name: sums[name] + getattr(grads, name) for name in NAMES}
    assert_close(arrays(together), sums, 1e-13)


# --- how much gradient is left ----------------------------------------------------------------------------


def torch_states(params, trace, start, stop, batch):
    """The function from the states number `start` to the states number `stop`, written in torch from the equations."""
    weight_ih, weight_hh, bias = (torch.tensor(getattr(params, name)) for name in NAMES)

    def run(state):
        h, c = state.split(trace.hidden_size)
        for t in range(start, stop):
            if t >= trace.lengths[batch]:
                h = 0 * h
                continue
            z = torch.tensor(trace.x[t, batch]) @ weight_ih.T + h @ weight_hh.T + bias
            i, f, g, o = z.split(trace.hidden_size)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return torch.cat([h, c])

    return run


def state_number(trace, t, batch):
    h, c = (trace.h0, trace.c0) if t == 0 else (trace.h[t - 1], trace.c[t - 1])
    return torch.tensor(np.concatenate([h[batch], c[batch]]))


@pytest.mark.parametrize("lengths", [None, (2, 4, 1)])
def test_state_jacobian_equals_autograd(lengths):
    params, trace, _ = random_run(lengths=lengths)
    for start in range(T + 1):
        for stop in range(start, T + 1):
            for batch in range(N):
                wanted = torch.autograd.functional.jacobian(
                    torch_states(params, trace, start, stop, batch), state_number(trace, start, batch)
                ).numpy()
                got = state_jacobian(trace, params, start, stop, batch)
                assert relative_error(got, wanted) <= 1e-13, (start, stop, batch)


def test_state_jacobian_by_default_is_that_of_the_whole_way_for_the_first_sequence():
    params, trace, _ = random_run()
    np.testing.assert_array_equal(state_jacobian(trace, params), state_jacobian(trace, params, 0, T, 0))
    np.testing.assert_array_equal(state_jacobian(trace, params, 2), state_jacobian(trace, params, 2, T, 0))
    np.testing.assert_array_equal(state_jacobian(trace, params, T), np.eye(2 * H))


def test_state_jacobian_gives_the_same_as_backward():
    params, trace, upstream = random_run(lengths=None)
    grads = lstm_backward(trace, params, dh_n=upstream["dh_n"], dc_n=upstream["dc_n"])
    for batch in range(N):
        row = np.concatenate([upstream["dh_n"][batch], upstream["dc_n"][batch]])
        wanted = np.concatenate([grads.h0[batch], grads.c0[batch]])
        assert relative_error(row @ state_jacobian(trace, params, batch=batch), wanted) <= 1e-13


def test_forget_product():
    params, trace, _ = random_run(lengths=None)
    for start in range(T + 1):
        for stop in range(start, T + 1):
            wanted = np.ones((N, H))
            for t in range(start, stop):  # from state t to state t + 1 leads step number t
                wanted = wanted * trace.f[t]
            np.testing.assert_allclose(forget_product(trace, start, stop), wanted, rtol=1e-14)
    np.testing.assert_array_equal(forget_product(trace), forget_product(trace, 0, T))
    np.testing.assert_array_equal(forget_product(trace, 1), forget_product(trace, 1, T))


def test_without_recurrent_weights_the_forget_product_is_the_whole_derivative_of_c():
    params, trace, _ = random_run(lengths=None)
    params.weight_hh[:] = 0
    trace = lstm_forward(trace.x, params, trace.h0, trace.c0)
    jacobian = state_jacobian(trace, params, 1, 3, batch=2)
    np.testing.assert_allclose(jacobian[H:, H:], np.diag(forget_product(trace, 1, 3)[2]), rtol=1e-14)
    assert (jacobian[:, :H] == 0).all()


def test_the_forget_product_of_a_short_sequence_stops_at_its_end():
    _, trace, _ = random_run(lengths=(2, 4, 1))
    np.testing.assert_array_equal(forget_product(trace)[0], forget_product(trace, 0, 2)[0])


# --- the extremes, with every floating-point warning an error -------------------------------------------


def one_unit(bias, c0, x=0.0, weight=0.0, seq_len=1):
    """One unit with biases for i, f, g, o, one feature, and all weights alike."""
    params = LSTMParams(np.full((4, 1), float(weight)), np.full((4, 1), float(weight)), np.array(bias, float))
    return params, lstm_forward(np.full((seq_len, 1, 1), float(x)), params, c0=np.array([[float(c0)]]))


@pytest.mark.parametrize("dc", [1.0, -3e-300, 1e8])
@pytest.mark.parametrize("c0", [0.0, 0.7, -20.0, 1e300, 1e-300])
@pytest.mark.parametrize("z", [(1, -2, 0.5, 1), (-40, -40, -20, -40), (-1000, 1000, 1000, -1000), (-1, -709.79, 0, 40)])
def test_one_step_against_fifty_digits(z, c0, dc):
    """For z at or below 0 a gate's slope has all its digits; near 1 a float cannot tell 1 - f to more than 1e-16."""
    dh, eps = 0.3, 2.3e-16
    params, trace = one_unit(z, c0)
    with np.errstate(all="raise"):
        got = lstm_backward(trace, params, dh_n=np.array([[dh]]), dc_n=np.array([[dc]]))
    with mpmath.workdps(50):
        i, f, o = (1 / (1 + mpmath.exp(-mpmath.mpf(z[k]))) for k in (0, 1, 3))
        g, c_prev = mpmath.tanh(z[2]), mpmath.mpf(c0)
        c = f * c_prev + i * g
        tanh_c = mpmath.tanh(c)
        dc_all = mpmath.mpf(dc) + dh * o * (1 - tanh_c**2)
        wanted = (
            dc_all * g * i * (1 - i),
            dc_all * c_prev * f * (1 - f),
            dc_all * i * (1 - g**2),
            dh * tanh_c * o * (1 - o),
        )
        tiniest = 5e-324 * max(1, abs(dc_all))  # a slope may be subnormal
        # What multiplies 1 - s and 1 - tanh^2, which floats know to about eps only.
        rounding_c = dh * o * eps * max(1, abs(tanh_c))
        room = (dc_all * g * i, dc_all * c_prev * f, dc_all * i, dh * tanh_c * o)
        slopes = (g * i * (1 - i), c_prev * f * (1 - f), i * (1 - g**2), 0)
        for k, name in enumerate(GATES):
            allowed = 8 * eps * (abs(wanted[k]) + abs(room[k])) + 4 * rounding_c * abs(slopes[k]) + tiniest
            assert abs(got.bias[k] - wanted[k]) <= allowed, f"{name}: {got.bias[k]} and {mpmath.nstr(wanted[k])}"
        assert abs(got.c0[0, 0] - dc_all * f) <= 8 * eps * abs(dc_all * f) + 4 * rounding_c * f + tiniest


def test_a_shut_forget_gate_keeps_a_huge_cell_state_out_of_the_gradient():
    params, trace = one_unit((0, 1000, 0, 0), c0=1e300)
    with np.errstate(all="raise"):
        grads = lstm_backward(trace, params, dc_n=np.array([[1e10]]))
        step_grads = lstm_step_backward(trace.step(0), params, np.zeros((1, 1)), np.array([[1e10]]))
    np.testing.assert_array_equal(grads.bias, [0, 0, 5e9, 0])
    np.testing.assert_array_equal(step_grads.bias, grads.bias)
    # A slope of 4e-18 brings 1e310 back into the range: 1e10 * 1e300 * sigmoid'(-40).
    params, trace = one_unit((0, -40, 0, 0), c0=1e300)
    with np.errstate(all="raise"):
        grads = lstm_backward(trace, params, dc_n=np.array([[1e10]]))
    np.testing.assert_allclose(grads.bias[1] / 1e292, float(mpmath.exp(-40) * 1e18), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [20, 40, 88.73, 709.79, 1000])
def test_long_ways_back_at_the_extremes_stay_finite(dtype, size):
    rng = np.random.default_rng(0)
    weights = (size * rng.choice([-1, 1], shape) for shape in ((4 * H, D), (4 * H, H), (4 * H,)))
    params = LSTMParams(*(weight.astype(dtype) for weight in weights))
    c0 = rng.choice([1e300, 0.1] if dtype == np.float64 else [1e35, 0.1], (N, H)).astype(dtype)
    x, dh = (rng.normal(size=(20, N, width)).astype(dtype) for width in (D, H))
    with np.errstate(all="raise"):
        trace = lstm_forward(x, params, c0=c0)
        grads = lstm_backward(trace, params, dh, dh[0], dh[1])
        jacobian = state_jacobian(trace, params)
    for name, array in all_arrays([grads, jacobian]):
        assert np.isfinite(array).all(), name


@pytest.mark.parametrize(("dtype", "huge"), [(np.float64, 1e300), (np.float32, 1e33)])
@pytest.mark.parametrize("seed", range(5))
def test_a_huge_cell_state_beside_ordinary_ones(seed, dtype, huge):
    params, trace, upstream = random_run(seed, None, dtype, (20, N, D, 4))
    c0 = np.where(np.arange(4) % 2, trace.c0, dtype(huge))
    with np.errstate(all="raise"):
        trace = lstm_forward(trace.x, params, trace.h0, c0)
        grads = lstm_backward(trace, params, **upstream)
    for name, array in all_arrays(grads):
        assert np.isfinite(array).all(), name


def test_ten_thousand_steps_back_with_the_forget_gate_at_one():
    params = LSTMParams(np.zeros((4 * H, D)), np.zeros((4 * H, H)), np.repeat([-1000.0, 1000.0, 0.5, 0.0], H))
    c0 = np.array([[0.3, -2.0]])
    dc_n = np.array([[1.7, -0.1]])
    with np.errstate(all="raise"):
        trace = lstm_forward(np.ones((10_000, 1, D)), params, c0=c0)
        grads = lstm_backward(trace, params, dc_n=dc_n)
        jacobian = state_jacobian(trace, params)
        product = forget_product(trace)
    np.testing.assert_array_equal(grads.c0, dc_n)
    np.testing.assert_array_equal(jacobian[H:, H:], np.eye(H))
    np.testing.assert_array_equal(product, 1)


@pytest.mark.parametrize(("steps", "about"), [(100, 1e-57), (527, 1e-300), (545, 1e-310), (600, 0)])
def test_a_gradient_vanishes_as_its_closed_form_says(steps, about):
    """Without weights, dc_n/dc0 is f to the power of T: to its last digits at 1e-300, and then 0, in silence."""
    params, trace = one_unit((0, -1, 0.5, 0), c0=0.2, seq_len=steps)
    with np.errstate(all="raise"):
        grads = lstm_backward(trace, params, dc_n=np.ones((1, 1)))
        found = [grads.c0[0, 0], forget_product(trace)[0, 0], state_jacobian(trace, params)[1, 1]]
    wanted = float((1 / (1 + mpmath.e)) ** steps)
    assert about / 10 <= wanted <= about * 10
    for value in found:
        assert abs(value - wanted) <= 4e-16 * steps * wanted + 600 * 5e-324
    if about == 0:
        assert found == [0, 0, 0]


def test_tiny_gradients_vanish_in_silence():
    params, trace, upstream = random_run()
    tiny = {name: array * 1e-308 for name, array in upstream.items()}
    with np.errstate(all="raise"):
        grads = lstm_backward(trace, params, **tiny)
        lstm_step_backward(trace.step(0), params, tiny["dh_n"], tiny["dc_n"])
    wanted = arrays(lstm_backward(trace, params, **upstream))
    for name, array in arrays(grads).items():
        np.testing.assert_allclose(array / 1e-308, wanted[name], rtol=1e-6, atol=1e-12)


# --- what goes in stays as it is, what comes out is new -------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lengths", [None, (2, 4, 1)])
def test_any_layout_gives_the_same_and_stays_as_it_is(layout, lengths):
    params, trace, upstream = random_run(lengths=lengths)
    wanted = arrays(lstm_backward(trace, params, **upstream))
    wanted_step = arrays(lstm_step_backward(trace.step(1), params, upstream["dh_n"], upstream["dc_n"]))
    for name in NAMES:
        setattr(params, name, in_layout(getattr(params, name), layout))
    laid_out = {name: in_layout(array, layout) for name, array in upstream.items()}
    got = assert_untouched(lstm_backward, {"trace": trace, "params": params} | laid_out)
    assert_close(arrays(got), wanted, 1e-14)
    step = {"step": trace.step(1), "params": params, "dh": laid_out["dh_n"], "dc": laid_out["dc_n"]}
    assert_close(arrays(assert_untouched(lstm_step_backward, step)), wanted_step, 1e-14)
    assert_untouched(state_jacobian, {"trace": trace, "params": params})
    assert_untouched(state_jacobian, {"trace": trace, "params": params, "start": 2, "stop": 2})
    assert_untouched(forget_product, {"trace": trace, "start": 1, "stop": 2})
    assert_untouched(lstm_backward, {"trace": trace, "params": params})


def test_gradients_do_not_share_memory_with_each_other():
    params, trace, upstream = random_run()
    step_grads = lstm_step_backward(trace.step(0), params, upstream["dh_n"], upstream["dc_n"])
    for result in (lstm_backward(trace, params, **upstream), step_grads):
        found = list(all_arrays(result))
        for k, (path, array) in enumerate(found):
            for other_path, other in found[:k]:
                assert not np.shares_memory(array, other), (path, other_path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    params, trace, upstream = random_run(dtype=dtype)
    step_grads = lstm_step_backward(trace.step(0), params, upstream["dh_n"], upstream["dc_n"])
    results = [lstm_backward(trace, params, **upstream), lstm_backward(trace, params), step_grads]
    assert_dtype([*results, state_jacobian(trace, params), forget_product(trace), forget_product(trace, 1, 1)], dtype)


# --- bad input ----------------------------------------------------------------------------------------


@given(shape=shapes)
@searching
def test_gradients_of_any_other_shape_are_refused(shape):
    params, trace, upstream = random_run()
    for name, array in upstream.items():
        if shape != array.shape:
            assert_shape_refused(
                lambda wrong, name=name: lstm_backward(trace, params, **upstream | {name: wrong}),
                name,
                shape,
                array.shape,
            )
    for name in ("dh", "dc"):
        given_gradients = {"dh": upstream["dh_n"], "dc": upstream["dc_n"]}
        if shape != (N, H):
            assert_shape_refused(
                lambda wrong, name=name, others=given_gradients: lstm_step_backward(
                    trace.step(0), params, **others | {name: wrong}
                ),
                name,
                shape,
                (N, H),
            )


@pytest.mark.parametrize("name", ["dh", "dh_n", "dc_n"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.astype(int), "{} is int64, wanted float32 or float64"),
        (lambda a: a.astype(object), "{} is object, wanted float32 or float64"),
        (lambda a: a.astype(np.float32), "{} is float32, {} is float64: wanted one dtype for both"),
        (lambda a: np.where(a == a.flat[0], np.nan, a), "{} holds NaN, wanted finite numbers"),
        (lambda a: np.where(a == a.flat[-1], np.inf, a), "{} holds infinity, wanted finite numbers"),
    ],
)
def test_backward_refuses(name, spoil, message):
    params, trace, upstream = random_run()
    with pytest.raises(ValueError, match="^" + re.escape(message.format(name, "h"))):
        lstm_backward(trace, params, **upstream | {name: spoil(upstream[name])})
    step_name = name.removesuffix("_n")
    given_gradients = {"dh": upstream["dh_n"], "dc": upstream["dc_n"]}
    spoilt = given_gradients | {step_name: spoil(given_gradients[step_name])}
    with pytest.raises(ValueError, match="^" + re.escape(message.format(step_name, step_name[1]))):
        lstm_step_backward(trace.step(0), params, **spoilt)


def test_a_step_wants_both_gradients():
    params, trace, upstream = random_run()
    with pytest.raises(ValueError, match="^dc is object, wanted float32 or float64$"):
        lstm_step_backward(trace.step(0), params, upstream["dh_n"], None)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (LSTMParams.init(D + 1, H, seed=0), "weight_ih has shape (8, 6), wanted (8, 5)"),
        (LSTMParams.init(D, H + 1, seed=0), "weight_ih has shape (12, 5), wanted (8, 5)"),
        (
            LSTMParams.init(D, H, seed=0, dtype=np.float32),
            "weight_ih is float32, h is float64: wanted one dtype for both",
        ),
    ],
)
def test_a_trace_of_other_params_is_refused(params, message):
    _, trace, upstream = random_run()
    calls = (
        lambda: lstm_backward(trace, params),
        lambda: lstm_step_backward(trace.step(0), params, upstream["dh_n"], upstream["dc_n"]),
        lambda: state_jacobian(trace, params),
    )
    for call in calls:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            call()


def test_weights_that_went_bad_are_refused():
    params, trace, _ = random_run()
    params.weight_hh = params.weight_hh[:, :1]
    with pytest.raises(ValueError, match=r"^weight_hh has shape \(8, 1\), wanted \(8, 2\)$"):
        lstm_backward(trace, params)
    params, trace, _ = random_run()
    params.weight_hh[0, 0] = np.nan
    with pytest.raises(ValueError, match="^weight_hh holds NaN, wanted finite numbers$"):
        lstm_backward(trace, params)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": -1}, "start is -1, wanted 0 to 4"),
        ({"start": 5}, "start is 5, wanted 0 to 4"),
        ({"start": 1.0}, "start is 1.0, wanted a whole number"),
        ({"stop": 5}, "stop is 5, wanted 0 to 4"),
        ({"start": 3, "stop": 2}, "stop is 2, wanted 3 to 4"),
        ({"stop": -1}, "stop is -1, wanted 0 to 4"),
        ({"stop": True}, "stop is True, wanted a whole number"),
        ({"batch": 3}, "batch is 3, wanted 0 to 2"),
        ({"batch": -1}, "batch is -1, wanted 0 to 2"),
    ],
)
def test_states_and_sequences_that_are_not_there_are_refused(arguments, message):
    params, trace, _ = random_run()
    with pytest.raises(ValueError, match=f"^{message}$"):
        state_jacobian(trace, params, **arguments)
    if "batch" not in arguments:
        with pytest.raises(ValueError, match=f"^{message}$"):
            forget_product(trace, **arguments)


def test_a_trace_with_one_array_changed_gives_other_gradients():
    """Every array of a trace is used: none of them could hold anything."""
    params, trace, upstream = random_run()
    wanted = arrays(lstm_backward(trace, params, **upstream))
    for name in ("x", "h0", "c0", "i", "f", "g", "o", "c", "h"):
        changed = replace(trace, **{name: getattr(trace, name) + 0.1})
        got = arrays(lstm_backward(changed, params, **upstream))
        assert any(relative_error(got[part], wanted[part]) > 1e-3 for part in wanted), name
