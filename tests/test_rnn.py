"""The plain RNN: against torch.nn.RNN, central differences, a closed form, and with bad input."""

import re

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
    relative_error,
    searching,
    shapes,
)

from lstm_helpers.gradcheck import gradcheck
from lstm_helpers.rnn import RNNParams, rnn_backward, rnn_forward, rnn_state_jacobian

T, N, D, H = 4, 3, 5, 2
NAMES = ("weight_ih", "weight_hh", "bias")


def random_run(seed=0, dtype=np.float64, sizes=(T, N, D, H)):
    """Parameters, x and h0 by name, and upstream gradients by name."""
    rng = np.random.default_rng(seed)
    T, N, D, H = sizes

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    bound = 1 / np.sqrt(H)  # with larger weights the slopes 1 - h**2 have few digits in float32, in torch's as in ours
    params = RNNParams(*(rng.uniform(-bound, bound, shape).astype(dtype) for shape in ((H, D), (H, H), H)))
    given_inputs = {"x": normal(T, N, D), "h0": np.tanh(normal(N, H))}
    return params, given_inputs, {"dh": normal(T, N, H), "dh_n": normal(N, H)}


def torch_answer(params, given_inputs, upstream):
    """torch.nn.RNN's h, last h and gradients, under our names; a missing array means zeros."""
    H, D = params.weight_ih.shape
    module = torch.nn.RNN(D, H).to(torch.from_numpy(params.bias).dtype)
    values = {"weight_ih_l0": params.weight_ih, "weight_hh_l0": params.weight_hh}
    values |= {"bias_ih_l0": params.bias / 4, "bias_hh_l0": params.bias * 3 / 4}
    for name, weight in module.named_parameters():
        weight.data[:] = torch.from_numpy(values[name])
    x, h0 = (torch.tensor(given_inputs[name], requires_grad=True) for name in ("x", "h0"))
    output, h_n = module(x, h0[None])
    leaves = {"x": x, "h0": h0}
    leaves |= {"weight_ih": module.weight_ih_l0, "weight_hh": module.weight_hh_l0, "bias": module.bias_ih_l0}
    gradients = [torch.from_numpy(upstream["dh"]), torch.from_numpy(upstream["dh_n"])[None]]
    found = torch.autograd.grad([output, h_n], list(leaves.values()), gradients)
    answer = {name: gradient.numpy() for name, gradient in zip(leaves, found, strict=True)}
    return output.detach().numpy(), h_n[0].detach().numpy(), answer


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("seed", range(30))
def test_equals_torch(seed, dtype, tolerance):
    rng = np.random.default_rng(seed)
    sizes = (rng.choice([1, 2, 7, 50]), *rng.integers(1, 6, 3))
    params, given_inputs, upstream = random_run(seed, dtype, sizes)
    trace = rnn_forward(given_inputs["x"], params, given_inputs["h0"])
    output, h_n, gradients = torch_answer(params, given_inputs, upstream)
    assert relative_error(trace.h, output) <= tolerance
    assert relative_error(trace.h_n, h_n) <= tolerance
    assert_close(arrays(rnn_backward(trace, params, **upstream)), gradients, tolerance, sizes)


def test_equals_central_differences():
    params, given_inputs, upstream = random_run()

    def loss(values):
        run = rnn_forward(values["x"], RNNParams(*(values[name] for name in NAMES)), values["h0"])
        return (upstream["dh"] * run.h).sum() + (upstream["dh_n"] * run.h_n).sum()

    gradients = arrays(rnn_backward(rnn_forward(**given_inputs, params=params), params, **upstream))
    report = gradcheck(loss, given_inputs | arrays(params), gradients, rtol=1e-8)
    assert {row.verdict for row in report.rows} == {"ok"}


def test_what_is_missing_means_zeros():
    params, given_inputs, upstream = random_run()
    without = rnn_forward(given_inputs["x"], params)
    np.testing.assert_array_equal(without.h, rnn_forward(given_inputs["x"], params, np.zeros((N, H))).h)
    np.testing.assert_array_equal(without.h0, np.zeros((N, H)))
    zeros = {name: np.zeros_like(array) for name, array in upstream.items()}
    for names in ((), ("dh",), ("dh_n",)):
        part = {name: upstream[name] for name in names}
        wanted = arrays(rnn_backward(without, params, **zeros | part))
        for name, array in arrays(rnn_backward(without, params, **part)).items():
            np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def test_state_jacobian_equals_autograd():
    params, given_inputs, _ = random_run()
    trace = rnn_forward(**given_inputs, params=params)
    weight_ih, weight_hh, bias = (torch.tensor(getattr(params, name)) for name in NAMES)
    for start in range(T + 1):
        for stop in range(start, T + 1):
            for batch in range(N):

                def run(h, steps=range(start, stop), batch=batch):
                    for t in steps:
                        h = torch.tanh(torch.tensor(trace.x[t, batch]) @ weight_ih.T + h @ weight_hh.T + bias)
                    return h

                h = torch.tensor(trace.h0[batch] if start == 0 else trace.h[start - 1, batch])
                wanted = torch.autograd.functional.jacobian(run, h).numpy()
                got = rnn_state_jacobian(trace, params, start, stop, batch)
                assert relative_error(got, wanted) <= 1e-13, (start, stop, batch)
    np.testing.assert_array_equal(rnn_state_jacobian(trace, params), rnn_state_jacobian(trace, params, 0, T, 0))


# --- the extremes, with every floating-point warning an error -------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [20, 88.73, 709.79, 1000, 1e30])
def test_large_numbers_saturate(dtype, size):
    params, given_inputs, upstream = random_run(dtype=dtype)
    params.weight_ih *= dtype(size)
    with np.errstate(all="raise"):
        trace = rnn_forward(**given_inputs, params=params)
        grads = rnn_backward(trace, params, **upstream)
    for name, array in all_arrays([trace, grads]):
        assert np.isfinite(array).all(), name
    assert (np.abs(trace.h) <= 1).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_small_numbers_may_vanish_in_silence(dtype):
    tiny = np.finfo(dtype).tiny
    params = RNNParams(*(np.full(shape, tiny, dtype) for shape in ((H, D), (H, H), H)))
    with np.errstate(all="raise"):
        trace = rnn_forward(np.full((T, N, D), tiny, dtype), params, np.full((N, H), tiny, dtype))
        rnn_backward(trace, params, np.full((T, N, H), tiny, dtype))
    np.testing.assert_array_equal(trace.h, tiny)


@pytest.mark.parametrize(("steps", "about"), [(100, 1e-30), (1000, 1e-301), (1020, 1e-307), (1100, 0)])
def test_a_gradient_vanishes_as_its_closed_form_says(steps, about):
    """With h = 0 everywhere the slope is 1, and dh_n/dh0 is the weight to the power of T."""
    params = RNNParams(np.zeros((1, 1)), np.array([[0.5]]), np.zeros(1))
    with np.errstate(all="raise"):
        trace = rnn_forward(np.zeros((steps, 1, 1)), params)
        found = [rnn_backward(trace, params, dh_n=np.ones((1, 1))).h0, rnn_state_jacobian(trace, params)]
    wanted = 0.5**steps
    assert about / 10 <= wanted <= about * 10
    assert found == [wanted, wanted]


@pytest.mark.parametrize(
    ("weights", "x", "h0"),
    [
        ((1e308, 0, 0), 10, 0),
        ((0, 1e308, 0), 0, 10),
        ((1e308, -1e308, 0), 10, 10),
        ((1e308, -1.5e308, -1.5e308), 2, 1),  # -1e308, by way of +infinity
    ],
)
def test_pre_activations_that_overflow_are_refused(weights, x, h0):
    params = RNNParams(*(np.full(shape, float(w)) for w, shape in zip(weights, ((1, 1), (1, 1), 1), strict=True)))
    x = np.array([x, 0.0, 0.0]).reshape(3, 1, 1)
    message = "^x, h0 or the weights are so large that a pre-activation overflows float64$"
    with np.errstate(all="raise"), pytest.raises(ValueError, match=message):
        rnn_forward(x, params, np.full((1, 1), float(h0)))


# --- what goes in stays as it is, what comes out is new -------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_and_stays_as_it_is(layout):
    params, given_inputs, upstream = random_run()
    wanted_trace = rnn_forward(**given_inputs, params=params)
    wanted = arrays(rnn_backward(wanted_trace, params, **upstream))
    for name in NAMES:
        setattr(params, name, in_layout(getattr(params, name), layout))
    laid_out = {name: in_layout(array, layout) for name, array in (given_inputs | upstream).items()}
    trace = assert_untouched(rnn_forward, {"params": params, "x": laid_out["x"], "h0": laid_out["h0"]})
    assert relative_error(trace.h, wanted_trace.h) <= 1e-14
    backward = {"trace": trace, "params": params, "dh": laid_out["dh"], "dh_n": laid_out["dh_n"]}
    assert_close(arrays(assert_untouched(rnn_backward, backward)), wanted, 1e-13)
    assert_untouched(rnn_state_jacobian, {"trace": trace, "params": params})
    assert_untouched(rnn_backward, {"trace": trace, "params": params})


def test_results_do_not_share_memory_and_the_trace_is_read_only():
    params, given_inputs, upstream = random_run()
    trace = rnn_forward(**given_inputs, params=params)
    assert not any(array.flags.writeable for _, array in all_arrays(trace))
    for result in (trace, rnn_backward(trace, params, **upstream)):
        found = list(all_arrays(result))
        for k, (path, array) in enumerate(found):
            for other_path, other in found[:k]:
                assert not np.shares_memory(array, other), (path, other_path)
    given_weights = arrays(params)
    copied = RNNParams(**given_weights)
    assert not any(np.shares_memory(getattr(copied, name), array) for name, array in given_weights.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    params, given_inputs, upstream = random_run(dtype=dtype)
    trace = rnn_forward(**given_inputs, params=params)
    results = [params, trace, trace.h_n, rnn_backward(trace, params, **upstream), rnn_backward(trace, params)]
    results += [rnn_state_jacobian(trace, params), rnn_state_jacobian(trace, params, 1, 1)]
    assert_dtype([*results, RNNParams.init(D, H, seed=0, dtype=dtype), rnn_forward(given_inputs["x"], params)], dtype)


# --- parameters and bad input ---------------------------------------------------------------------------


def test_init():
    params = RNNParams.init(D, 64, seed=3)
    for weight, shape in ((params.weight_ih, (64, D)), (params.weight_hh, (64, 64))):
        assert weight.shape == shape
        assert 0.99 / 8 < np.abs(weight).max() <= 1 / 8
        assert abs(weight.mean()) < 0.01
    np.testing.assert_array_equal(params.bias, np.zeros(64))
    np.testing.assert_array_equal(RNNParams.init(D, 64, seed=3).weight_hh, params.weight_hh)
    assert (RNNParams.init(D, 64, seed=4).weight_hh != params.weight_hh).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 0}, "input_size is 0, wanted at least 1"),
        ({"hidden_size": 2.0}, "hidden_size is 2.0, wanted a whole number"),
        ({"dtype": int}, "dtype is int64, wanted float32 or float64"),
        ({"dtype": torch.float32}, "dtype is torch.float32, wanted NumPy's float32 or float64"),
    ],
)
def test_init_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RNNParams.init(**{"input_size": D, "hidden_size": H, "seed": 0} | arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_hh": np.ones((H, H + 1))}, "weight_hh has shape (2, 3), wanted (2, 2)"),
        ({"weight_hh": np.ones(H)}, "weight_hh has shape (2,), wanted (H, H)"),
        ({"weight_ih": np.ones((H + 1, D))}, "weight_ih has shape (3, 5), wanted (2, D)"),
        ({"weight_ih": np.ones((H, 0))}, "weight_ih has shape (2, 0): it is empty, wanted at least 1 along each axis"),
        ({"bias": np.ones((H, 1))}, "bias has shape (2, 1), wanted (2,)"),
        ({"bias": np.ones(H, int)}, "bias is int64, wanted float32 or float64"),
        ({"bias": np.ones(H, np.float32)}, "bias is float32, weight_hh is float64: wanted one dtype for both"),
        ({"weight_ih": np.full((H, D), np.nan)}, "weight_ih holds NaN, wanted finite numbers"),
    ],
)
def test_params_refuse(changes, message):
    params, given_inputs, _ = random_run()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RNNParams(**arrays(params) | changes)
    for name, array in changes.items():
        setattr(params, name, array)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        rnn_forward(**given_inputs, params=params)


@given(shape=shapes)
@searching
def test_any_other_shape_is_refused(shape):
    params, given_inputs, upstream = random_run()
    trace = rnn_forward(**given_inputs, params=params)
    if shape != (N, H):
        assert_shape_refused(lambda h0: rnn_forward(given_inputs["x"], params, h0), "h0", shape, (N, H))
        assert_shape_refused(lambda dh_n: rnn_backward(trace, params, dh_n=dh_n), "dh_n", shape, (N, H))
    if shape != (T, N, H):
        assert_shape_refused(lambda dh: rnn_backward(trace, params, dh, upstream["dh_n"]), "dh", shape, (T, N, H))
    if len(shape) == 3 and 0 not in shape:
        if shape[2] != D:
            with pytest.raises(ValueError, match=f"^x has {shape[2]} features, weight_ih wants {D}$"):
                rnn_forward(np.ones(shape), params)
    else:
        assert_shape_refused(lambda x: rnn_forward(x, params), "x", shape, ("T", "N", "D"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.astype(int), "{} is int64, wanted float32 or float64"),
        (lambda a: a.astype(np.float32), "{} is float32, .* is float64: wanted one dtype for both"),
        (lambda a: np.where(a == a.flat[0], np.nan, a), "{} holds NaN, wanted finite numbers"),
        (lambda a: np.where(a == a.flat[-1], np.inf, a), "{} holds infinity, wanted finite numbers"),
    ],
)
def test_forward_and_backward_refuse(spoil, message):
    params, given_inputs, upstream = random_run()
    trace = rnn_forward(**given_inputs, params=params)
    for name, array in given_inputs.items():
        with pytest.raises(ValueError, match=f"^{message.format(name)}$"):
            rnn_forward(**given_inputs | {name: spoil(array)}, params=params)
    for name, array in upstream.items():
        with pytest.raises(ValueError, match=f"^{message.format(name)}$"):
            rnn_backward(trace, params, **upstream | {name: spoil(array)})


def test_a_trace_of_other_params_is_refused():
    params, given_inputs, _ = random_run()
    trace = rnn_forward(**given_inputs, params=params)
    other = RNNParams.init(D + 1, H, seed=0)
    for function in (rnn_backward, rnn_state_jacobian):
        with pytest.raises(ValueError, match=r"^weight_ih has shape \(2, 6\), wanted \(2, 5\)$"):
            function(trace, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 5}, "start is 5, wanted 0 to 4"),
        ({"start": 3, "stop": 2}, "stop is 2, wanted 3 to 4"),
        ({"stop": 5}, "stop is 5, wanted 0 to 4"),
        ({"batch": 3}, "batch is 3, wanted 0 to 2"),
        ({"batch": 0.0}, "batch is 0.0, wanted a whole number"),
    ],
)
def test_states_that_are_not_there_are_refused(arguments, message):
    params, given_inputs, _ = random_run()
    with pytest.raises(ValueError, match=f"^{message}$"):
        rnn_state_jacobian(rnn_forward(**given_inputs, params=params), params, **arguments)
