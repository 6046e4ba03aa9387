"""The bridge to torch: weights and runs, both ways, held against torch without the bridge."""

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
    random_case,
    relative_error,
    searching,
    shapes,
    torch_answer,
    torch_module,
)

from lstm_helpers.cell import LSTMParams, lstm_step
from lstm_helpers.network import LSTM
from lstm_helpers.torch_bridge import cell_from_torch, cell_to_torch, from_torch, run_torch, to_torch, torch_trace

SIZES = {"seq_len": 5, "batch_size": 3, "input_size": 4, "hidden_size": 2, "num_layers": 2, "bidirectional": True}
GIVEN = dict.fromkeys(("lengths", "h0", "c0", "doutput", "dh_n", "dc_n"), True)
T, N, D, H = 5, 3, 4, 2
STATES = (4, N, H)


def awkward(dtype=np.float64, **changes):
    return random_case(0, dtype=dtype, **SIZES | GIVEN | {"bias": True} | changes)


def everything(case):
    """What `run_torch` takes, by name."""
    return case.inputs | case.upstream


# --- weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_there_and_back(num_layers, bidirectional, bias, dtype):
    case = awkward(dtype, num_layers=num_layers, bidirectional=bidirectional, bias=bias)
    net = LSTM.from_state_dict(case.weights)
    module = to_torch(net)
    assert type(module) is torch.nn.LSTM
    assert not module.batch_first
    sizes = (module.input_size, module.hidden_size, module.num_layers, module.bidirectional, module.bias)
    assert sizes == (D, H, num_layers, bidirectional, bias)
    x = np.random.default_rng(0).normal(size=(T, N, D)).astype(dtype)
    with torch.no_grad():
        wanted = torch_module(case)(torch.from_numpy(x))[0].numpy()
        got = module(torch.from_numpy(x))[0].numpy()
    assert got.dtype == dtype
    assert relative_error(got, wanted) <= (1e-14 if dtype == np.float64 else 1e-6)
    again = from_torch(module)
    assert (again.num_layers, again.bidirectional, again.bias) == (num_layers, bidirectional, bias)
    assert_dtype(again.parameters(), dtype)
    assert again.parameters().keys() == net.parameters().keys()
    for name, array in net.parameters().items():
        np.testing.assert_array_equal(again.parameters()[name], array)


def test_weights_are_copied_on_the_way():
    net = LSTM(D, H, 2, True, seed=0)
    before = {name: array.copy() for name, array in net.parameters().items()}
    module = to_torch(net)
    back = from_torch(module)
    with torch.no_grad():
        for weight in module.parameters():
            weight += 1
    for name, array in before.items():
        np.testing.assert_array_equal(net.parameters()[name], array)
        np.testing.assert_array_equal(back.parameters()[name], array)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_cell_there_and_back(dtype):
    rng = np.random.default_rng(0)
    params = LSTMParams(*(rng.normal(size=shape).astype(dtype) for shape in ((4 * H, D), (4 * H, H), (4 * H,))))
    x, h, c = (rng.normal(size=(N, size)).astype(dtype) for size in (D, H, H))
    cell = cell_to_torch(params)
    assert type(cell) is torch.nn.LSTMCell
    with torch.no_grad():
        h_next, c_next = cell(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))
    step = lstm_step(x, h, c, params)
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    assert relative_error(step.h, h_next.numpy()) <= tolerance
    assert relative_error(step.c, c_next.numpy()) <= tolerance
    for name, array in arrays(cell_from_torch(cell)).items():
        np.testing.assert_array_equal(array, getattr(params, name))
        assert array.dtype == dtype
    with torch.no_grad():
        for weight in cell.parameters():
            weight += 1
    np.testing.assert_array_equal(lstm_step(x, h, c, params).h, step.h)


@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_of_torchs_own_making(bias):
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(D, H, bias=bias).double()
    params = cell_from_torch(cell)
    rng = np.random.default_rng(0)
    x, h, c = (rng.normal(size=(N, size)) for size in (D, H, H))
    with torch.no_grad():
        wanted = cell(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))[0].numpy()
        assert relative_error(lstm_step(x, h, c, params).h, wanted) <= 1e-14
        for weight in cell.parameters():
            weight += 1
    assert relative_error(lstm_step(x, h, c, params).h, wanted) <= 1e-14


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_torch(torch.nn.GRU(D, H)), "module is a GRU, wanted a torch.nn.LSTM"),
        (lambda: from_torch(torch.nn.LSTMCell(D, H)), "module is a LSTMCell, wanted a torch.nn.LSTM"),
        (lambda: from_torch({}), "module is a dict, wanted a torch.nn.LSTM"),
        (
            lambda: from_torch(torch.nn.LSTM(D, 3, proj_size=2)),
            "module has proj_size 2, wanted 0: our LSTM has no projection",
        ),
        (lambda: from_torch(torch.nn.LSTM(D, H).half()), "weight_ih_l0 is float16, wanted float32 or float64"),
        (lambda: cell_from_torch(torch.nn.LSTM(D, H)), "cell is a LSTM, wanted a torch.nn.LSTMCell"),
        (lambda: run_torch(torch.nn.RNN(D, H), np.ones((T, N, D))), "module is a RNN, wanted a torch.nn.LSTM"),
        (lambda: torch_trace(torch.nn.RNN(D, H), np.ones((T, N, D))), "module is a RNN, wanted a torch.nn.LSTM"),
    ],
)
def test_other_modules_are_refused(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


# --- runs -----------------------------------------------------------------------------------------------


def answer(run):
    return {"output": run.output, "h_n": run.h_n, "c_n": run.c_n} | run.gradients


@pytest.mark.parametrize("seed", range(40))
def test_a_run_is_what_torch_says_one_sequence_at_a_time(seed):
    case = random_case(2000 + seed)
    run = run_torch(torch_module(case), **everything(case))
    wanted = torch_answer(case)
    assert answer(run).keys() == wanted.keys()
    assert_close(answer(run), wanted, 1e-12, case)


@pytest.mark.parametrize("lengths", [True, False])
def test_batch_first_changes_nothing(lengths):
    case = awkward(lengths=lengths)
    module = torch_module(case)
    other = torch.nn.LSTM(D, H, 2, bidirectional=True, batch_first=True).double()
    other.load_state_dict(module.state_dict())
    assert_close(answer(run_torch(other, **everything(case))), answer(run_torch(module, **everything(case))), 1e-14)
    np.testing.assert_allclose(torch_trace(other, **case.inputs).output, torch_trace(module, **case.inputs).output)


def test_a_run_without_gradients_from_above_has_zeros():
    case = awkward()
    run = run_torch(torch_module(case), **case.inputs)
    assert_close(answer(run), {name: torch_answer(case)[name] for name in ("output", "h_n", "c_n")}, 1e-13)
    shapes = {"x": (T, N, D), "h0": STATES, "c0": STATES}
    net = from_torch(torch_module(case))
    shapes |= {name: array.shape for name, array in net.parameters().items()}
    assert {name: array.shape for name, array in run.gradients.items()} == shapes
    assert not any(array.any() for array in run.gradients.values())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_dtype_stays(dtype):
    case = awkward(dtype)
    assert_dtype(run_torch(torch_module(case), **everything(case)), dtype)
    assert_dtype(torch_trace(torch_module(case), **case.inputs), dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_of_any_layout_stay_as_they_are(layout):
    case = awkward()
    module = torch_module(case)
    wanted = answer(run_torch(module, **everything(case)))
    laid_out = {name: in_layout(array, layout) for name, array in everything(case).items()}
    run = assert_untouched(lambda **inputs: run_torch(module, **inputs), laid_out)
    assert_close(answer(run), wanted, 1e-14)
    for _, array in all_arrays(run):
        for weight in module.parameters():
            assert not np.shares_memory(array, weight.detach().numpy())


def test_the_module_stays_as_it_is():
    case = awkward()
    module = torch_module(case)
    for weight in module.parameters():
        weight.grad = torch.ones_like(weight)
    before = {name: weight.numpy().copy() for name, weight in module.state_dict().items()}
    run_torch(module, **everything(case))
    torch_trace(module, **case.inputs)
    for name, weight in module.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), before[name])
    assert all((weight.grad == 1).all() and weight.requires_grad for weight in module.parameters())


def test_a_frozen_module_runs_too():
    case = awkward()
    module = torch_module(case)
    wanted = answer(run_torch(module, **everything(case)))
    module.requires_grad_(False)
    assert_close(answer(run_torch(module, **everything(case))), wanted, 0)
    assert torch_trace(module, **case.inputs).output.shape == (T, N, 2 * H)
    assert not any(weight.requires_grad for weight in module.parameters())


# --- traces of torch --------------------------------------------------------------------------------------


def test_a_trace_shows_what_the_module_does():
    case = awkward()
    module = torch_module(case)
    trace = torch_trace(module, **case.inputs)
    wanted = torch_answer(case)
    for name in ("output", "h_n", "c_n"):
        assert relative_error(getattr(trace, name), wanted[name]) <= 1e-13
    for (path, array), (_, same) in zip(
        all_arrays(trace), all_arrays(from_torch(module).forward(**case.inputs)), strict=True
    ):
        np.testing.assert_array_equal(array, same, err_msg=path)


def test_a_module_that_does_something_else_is_found_out():
    case = awkward(lengths=False)
    module = torch.nn.LSTM(D, H, 2, bidirectional=True, dropout=0.5).double()
    torch.manual_seed(0)
    with pytest.raises(
        ValueError, match="^module gives an output that differs by .* from what its weights say: dropout[?]$"
    ):
        torch_trace(module, **case.inputs)
    module.eval()
    assert torch_trace(module, **case.inputs).output.shape == (T, N, 2 * H)

    class Shifted(torch.nn.LSTM):
        def forward(self, *arguments):
            output, states = super().forward(*arguments)
            return output + 1e-6, states

    with pytest.raises(ValueError, match="^module gives an output that differs by 1e-06 from what its weights say"):
        torch_trace(Shifted(D, H).double(), case.inputs["x"])


# --- bad input ----------------------------------------------------------------------------------------------


@given(shape=shapes)
@searching
def test_any_other_shape_is_refused(shape):
    case = awkward(lengths=False)
    module = torch_module(case)
    given_arrays = everything(case)
    for name in ("h0", "c0", "doutput", "dh_n", "dc_n"):
        wanted = given_arrays[name].shape
        if shape != wanted:
            assert_shape_refused(
                lambda array, name=name: run_torch(module, **given_arrays | {name: array}), name, shape, wanted
            )
    if len(shape) != 3 or 0 in shape or shape[2] != D:
        assert_shape_refused(lambda x: run_torch(module, x), "x", shape, ("T", "N", D))


def test_a_gradient_that_torch_would_broadcast_is_refused():
    case = awkward()
    with pytest.raises(ValueError, match=r"^doutput has shape \(4,\), wanted \(5, 3, 4\)$"):
        run_torch(torch_module(case), **everything(case) | {"doutput": np.ones(4)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.astype(int), "{} is int64, wanted float32 or float64"),
        (lambda a: a.astype(np.float32), "{} is float32, weight_ih_l0 is float64: wanted one dtype for both"),
        (lambda a: np.where(a == a.flat[0], np.nan, a), "{} holds NaN, wanted finite numbers"),
    ],
)
@pytest.mark.parametrize("name", ["x", "h0", "c0", "doutput", "dh_n", "dc_n"])
def test_other_arrays_are_refused(name, spoil, message):
    case = awkward(lengths=False)
    given_arrays = everything(case)
    with pytest.raises(ValueError, match=f"^{re.escape(message.format(name))}$"):
        run_torch(torch_module(case), **given_arrays | {name: spoil(given_arrays[name])})


@pytest.mark.parametrize("lengths", [[0, 1, 2], [1, 2, 6], [1.0, 2.0, 3.0], [1, 2]])
def test_lengths_are_checked(lengths):
    case = awkward(lengths=False)
    for call in (run_torch, torch_trace):
        with pytest.raises(ValueError, match="^lengths "):
            call(torch_module(case), case.inputs["x"], lengths=lengths)
