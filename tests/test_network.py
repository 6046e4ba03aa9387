"""Networks: against torch over many random cases, weights there and back, the head, the losses, and bad input."""

import re
from itertools import product

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from oracles import (
    LAYOUTS,
    all_arrays,
    assert_close,
    assert_dtype,
    assert_shape_refused,
    assert_untouched,
    in_float64,
    in_layout,
    our_answer,
    random_case,
    relative_error,
    searching,
    shapes,
    torch_answer,
    torch_module,
)

from lstm_helpers.cell import GATES, LSTMParams, lstm_forward
from lstm_helpers.gradcheck import gradcheck
from lstm_helpers.network import LSTM, Linear, mse, softmax_cross_entropy

CASES = 250
AWKWARD = {"seq_len": 5, "batch_size": 3, "input_size": 4, "hidden_size": 2, "num_layers": 2, "bidirectional": True}
AWKWARD |= {"bias": True, "lengths": True, "h0": True, "c0": True, "doutput": True, "dh_n": True, "dc_n": True}
T, N, D, H = (AWKWARD[name] for name in ("seq_len", "batch_size", "input_size", "hidden_size"))
STATES = (4, N, H)


def awkward(seed=0, dtype=np.float64, **changes):
    """A case with two layers, two directions, and everything given: the case, and the network."""
    case = random_case(seed, dtype=dtype, **AWKWARD | changes)
    return case, LSTM.from_state_dict(case.weights)


# --- against torch --------------------------------------------------------------------------------------
# The relative error of an array is its largest difference over its largest entry: see oracles.relative_error.


@pytest.mark.parametrize("seed", range(CASES))
def test_equals_torch(seed):
    case = random_case(seed)
    assert_close(our_answer(LSTM.from_state_dict(case.weights), case), torch_answer(case), 1e-12, case)


@pytest.mark.parametrize("seed", range(CASES))
def test_float32_equals_torch(seed):
    """Torch computes with the same numbers in float64, and so knows what float32 should have found."""
    case = random_case(seed, dtype=np.float32)
    assert_close(our_answer(LSTM.from_state_dict(case.weights), case), torch_answer(in_float64(case)), 1e-5, case)


def test_the_random_cases_leave_nothing_out():
    cases = [random_case(seed) for seed in range(CASES)]
    for name, wanted in {
        "seq_len": {1, 50},
        "batch_size": {1, 4},
        "input_size": {1, 5},
        "hidden_size": {1, 7},
        "num_layers": {1, 2, 3},
        "bidirectional": {True, False},
    }.items():
        assert wanted <= {getattr(case, name) for case in cases}, name
    for name in ("h0", "c0", "lengths"):
        assert {case.inputs[name] is None for case in cases} == {True, False}, name
    assert {"bias_ih_l0" in case.weights for case in cases} == {True, False}
    upstream = {tuple(array is None for array in case.upstream.values()) for case in cases}
    assert upstream == set(product((True, False), repeat=3))
    with_lengths = [case for case in cases if case.inputs["lengths"] is not None]
    assert sum((np.diff(case.inputs["lengths"]) > 0).any() for case in with_lengths) >= 20  # not sorted as torch would
    padding = {str(x) for case in with_lengths for x in case.inputs["x"].ravel() if not abs(x) < 1e5}
    assert padding == {"nan", "inf", "1000000.0"}


def test_equals_central_differences_gate_by_gate():
    case, net = awkward(seq_len=3)
    lengths = np.array([2, 3, 1])
    x = np.random.default_rng(0).normal(size=(3, N, D))
    states = {name: case.inputs[name] for name in ("h0", "c0")}

    def run(values):
        for name, array in net.parameters().items():
            array[:] = values[name]
        return net.forward(values["x"], values["h0"], values["c0"], lengths)

    def loss(values):
        trace = run(values)
        return sum((case.upstream["d" + name] * getattr(trace, name)).sum() for name in ("output", "h_n", "c_n"))

    values = {"x": x} | states | {name: array.copy() for name, array in net.parameters().items()}
    gradients = net.backward(run(values), **case.upstream)
    assert gradients.keys() == values.keys()
    blocks = dict.fromkeys(net.parameters(), GATES)
    report = gradcheck(loss, values, gradients, blocks=blocks, rtol=1e-7)
    assert len(report.rows) == 3 + 4 * len(net.parameters())
    assert {row.verdict for row in report.rows} == {"ok"}


# --- what a trace holds -----------------------------------------------------------------------------------


def test_a_trace_is_made_of_the_traces_of_its_layers():
    case, net = awkward()
    trace = net.forward(**case.inputs)
    lengths = case.inputs["lengths"]
    below = np.nan_to_num(case.inputs["x"], nan=0, posinf=0)
    for k, both in enumerate(trace.layers):
        outputs = []
        for direction, layer in enumerate(both):
            state = 2 * k + direction
            np.testing.assert_array_equal(layer.h0, case.inputs["h0"][state])
            np.testing.assert_array_equal(layer.c0, case.inputs["c0"][state])
            np.testing.assert_array_equal(layer.h_n, trace.h_n[state])
            np.testing.assert_array_equal(layer.c_n, trace.c_n[state])
            np.testing.assert_array_equal(layer.lengths, lengths)
            alone = lstm_forward(layer.x, net.layers[k][direction], layer.h0, layer.c0, lengths)
            assert relative_error(layer.h, alone.h) <= 1e-14  # the plain version, where the network takes the fast one
            output = np.zeros((T, N, H))
            for n, length in enumerate(lengths):
                onward = slice(None, None, -1 if direction else 1)
                np.testing.assert_array_equal(layer.x[:length, n], below[:length, n][onward])  # as it was read
                output[:length, n] = layer.h[:length, n][onward]
            outputs.append(output)
        below = np.concatenate(outputs, axis=2)
    np.testing.assert_array_equal(trace.output, below)
    np.testing.assert_array_equal(trace.lengths, lengths)


def test_the_last_states_are_where_torch_has_them():
    _, net = awkward(lengths=False)
    x = np.random.default_rng(0).normal(size=(T, N, D))
    trace = net.forward(x)
    assert len(trace.layers) == 2
    assert [len(both) for both in trace.layers] == [2, 2]
    np.testing.assert_array_equal(trace.h_n[2], trace.output[-1, :, :H])  # layer 1 forward: its last token
    np.testing.assert_array_equal(trace.h_n[3], trace.output[0, :, H:])  # layer 1 reverse: the first token
    np.testing.assert_array_equal(trace.lengths, [T] * N)


def test_padding_is_zero_and_does_not_matter():
    case, net = awkward()
    padding = np.arange(T)[:, None] >= case.inputs["lengths"]
    assert padding.any()
    wanted = None
    for noise in (0, 1e6, np.finfo(float).max, np.nan, -np.inf):
        x = case.inputs["x"].copy()
        x[padding] = noise
        doutput = case.upstream["doutput"].copy()
        doutput[padding] = noise if np.isfinite(noise) else -1e300
        with np.errstate(all="raise"):
            trace = net.forward(**case.inputs | {"x": x})
            gradients = net.backward(trace, **case.upstream | {"doutput": doutput})
        assert (trace.output[padding] == 0).all()
        assert (gradients["x"][padding] == 0).all()
        got = {path: array.tobytes() for path, array in all_arrays([trace, gradients])}
        wanted = wanted or got
        assert got == wanted, noise


def test_lengths_of_t_are_no_lengths():
    case, net = awkward(lengths=False)
    got, wanted = (net.forward(**case.inputs | {"lengths": lengths}) for lengths in ([T] * N, None))
    for (path, array), (_, same) in zip(all_arrays(got), all_arrays(wanted), strict=True):
        np.testing.assert_array_equal(array, same, err_msg=path)


# --- what goes in stays as it is, what comes out is new -------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("changes", [{}, {"num_layers": 1, "bidirectional": False, "lengths": False}])
def test_any_layout_gives_the_same_and_stays_as_it_is(layout, changes):
    case, net = awkward(**changes)
    wanted = our_answer(net, case)
    laid_out = {name: in_layout(array, layout) for name, array in case.weights.items()}
    net = assert_untouched(lambda mapping: LSTM.from_state_dict(mapping), {"mapping": laid_out})
    assert not any(np.shares_memory(a, b) for a in laid_out.values() for b in net.parameters().values())
    weights = net.parameters()
    inputs = {name: in_layout(array, layout) for name, array in case.inputs.items()}
    trace = assert_untouched(lambda weights, **inputs: net.forward(**inputs), inputs | {"weights": weights})
    upstream = {name: in_layout(array, layout) for name, array in case.upstream.items()}
    everything = upstream | {"weights": weights, "trace": trace}
    gradients = assert_untouched(lambda weights, **rest: net.backward(**rest), everything)
    got = {"output": trace.output, "h_n": trace.h_n, "c_n": trace.c_n} | gradients
    assert_close(got, wanted, 1e-13)
    assert_untouched(lambda weights, x: net.forward(x), {"weights": weights, "x": np.zeros((T, N, D))})
    assert_untouched(lambda weights, trace: net.backward(trace), {"weights": weights, "trace": trace})


def test_gradients_do_not_share_memory_with_each_other():
    case, net = awkward()
    found = list(all_arrays(net.backward(net.forward(**case.inputs), **case.upstream)))
    for k, (path, array) in enumerate(found):
        for other_path, other in found[:k]:
            assert not np.shares_memory(array, other), (path, other_path)


def test_a_trace_is_frozen_and_read_only():
    case, net = awkward()
    trace = net.forward(**case.inputs)
    assert not any(array.flags.writeable for _, array in all_arrays(trace))
    with pytest.raises(AttributeError):
        trace.output = trace.h_n


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    case, net = awkward(dtype=dtype)
    assert net.dtype == dtype
    assert_dtype([net.parameters(), net.state_dict(), our_answer(net, case)], dtype)
    assert_dtype(net.forward(**case.inputs), dtype)
    without = net.forward(case.inputs["x"], lengths=case.inputs["lengths"])
    assert_dtype([without, net.backward(without)], dtype)
    fresh = LSTM(D, H, 2, True, seed=0, dtype=dtype)
    assert fresh.dtype == dtype
    assert_dtype(fresh.parameters(), dtype)


# --- weights, there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_new_network(num_layers, bidirectional):
    net = LSTM(D, 64, num_layers, bidirectional, seed=3)
    directions = 1 + bidirectional
    assert (net.input_size, net.hidden_size, net.num_layers, net.bidirectional) == (D, 64, num_layers, bidirectional)
    assert net.bias is True
    seen = set()
    for k, both in enumerate(net.layers):
        assert len(both) == directions
        for params in both:
            assert params.weight_ih.shape == (256, D if k == 0 else directions * 64)
            assert params.weight_hh.shape == (256, 64)
            assert (params.bias[params.gate("f")] == 1).all()
            assert params.bias.sum() == 64
            numbers = set(params.weight_ih.ravel()) | set(params.weight_hh.ravel())
            assert not seen & numbers  # each LSTM draws its own
            seen |= numbers
    again = LSTM(D, 64, num_layers, bidirectional, seed=3)
    for name, array in net.parameters().items():
        np.testing.assert_array_equal(again.parameters()[name], array)
    assert (LSTM(D, 64, seed=4).parameters()["weight_ih_l0"] != net.parameters()["weight_ih_l0"]).any()


@pytest.mark.parametrize(
    "sizes",
    [
        {"num_layers": layers, "bidirectional": bidirectional, "bias": bias}
        for layers in (1, 2, 3)
        for bidirectional in (False, True)
        for bias in (True, False)
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_state_dicts_go_there_and_back(sizes, dtype):
    case, net = awkward(dtype=dtype, **sizes)
    assert (net.num_layers, net.bidirectional, net.bias) == tuple(sizes.values())
    state = net.state_dict()
    assert set(state) == set(case.weights)
    for name, array in state.items():
        wanted = case.weights[name]
        if name.startswith("bias_ih"):
            wanted = wanted + case.weights[name.replace("_ih_", "_hh_")]
        if name.startswith("bias_hh"):
            wanted = np.zeros_like(wanted)
        np.testing.assert_array_equal(array, wanted, err_msg=name)
        assert not any(np.shares_memory(array, weight) for weight in net.parameters().values())
    again = LSTM.from_state_dict(state)
    for name, array in net.parameters().items():
        np.testing.assert_array_equal(again.parameters()[name], array)
        assert type(again.parameters()[name]) is np.ndarray
    names = [name.replace("bias_ih", "bias") for name in case.weights if not name.startswith("bias_hh")]
    assert list(net.parameters()) == names

    module = torch.nn.LSTM(D, H, sizes["num_layers"], sizes["bias"], bidirectional=sizes["bidirectional"])
    module = module.to(torch.float64 if dtype == np.float64 else torch.float32)
    assert str(module.load_state_dict(net.state_dict())) == "<All keys matched successfully>"  # literally
    for name, weight in module.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), state[name])
    assert all(weight.requires_grad for weight in module.parameters())


def test_what_torch_loads_it_copies():
    _, net = awkward()
    module = torch.nn.LSTM(D, H, 2, bidirectional=True).double()
    state = net.state_dict()
    module.load_state_dict(state)
    before = {name: array.tobytes() for name, array in state.items()}
    with torch.no_grad():
        for weight in module.parameters():
            weight += 1
    assert {name: array.tobytes() for name, array in state.items()} == before


def test_a_state_dict_holds_plain_numbers_for_torch_and_numpy():
    _, net = awkward()
    for name, array in net.state_dict().items():
        assert isinstance(array, np.ndarray)
        for convert in (torch.tensor, torch.as_tensor, torch.from_numpy):
            tensor = convert(array)
            assert type(tensor) is torch.Tensor
            np.testing.assert_array_equal(tensor.numpy(), net.state_dict()[name])


def test_torchs_functions_take_a_state_dicts_arrays_as_tensors():
    array = LSTM(D, H, seed=0).state_dict()["weight_ih_l0"]
    tensor = torch.ones(array.shape)
    sum_of_both = torch.add(tensor, array, alpha=2)
    assert sum_of_both.dtype == torch.float32  # like the tensor that it meets
    np.testing.assert_allclose(sum_of_both.numpy(), 1 + 2 * array, rtol=1e-6)


def test_torch_itself_says_which_names_do_not_fit():
    _, net = awkward()
    with pytest.raises(RuntimeError, match="size mismatch for weight_ih_l0"):
        torch.nn.LSTM(D + 1, H, 2, bidirectional=True).load_state_dict(net.state_dict())


@pytest.mark.parametrize(
    "read",
    [
        lambda module: module.state_dict(),
        lambda module: dict(module.named_parameters()),  # they require gradients
        lambda module: {name: weight.numpy() for name, weight in module.state_dict().items()},
        lambda module: {name: weight.tolist() for name, weight in module.state_dict().items()},
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_weights_are_read_from_tensors_arrays_and_lists(read, bias):
    torch.manual_seed(0)
    module = torch.nn.LSTM(D, H, 2, bias, bidirectional=True).double()
    net = LSTM.from_state_dict(read(module))
    x = np.random.default_rng(0).normal(size=(T, N, D))
    wanted = module(torch.from_numpy(x))[0].detach().numpy()
    assert relative_error(net.forward(x).output, wanted) <= 1e-14
    with torch.no_grad():
        for weight in module.parameters():
            weight += 1
    assert relative_error(net.forward(x).output, wanted) <= 1e-14  # own copies


def test_parameters_are_live():
    case, net = awkward()
    net.forward(**case.inputs)  # nothing of this run may be left over
    changed = {}
    rng = np.random.default_rng(1)
    for name, array in net.parameters().items():
        array += rng.normal(size=array.shape)
        changed[name.replace("bias", "bias_ih")] = array
        if name.startswith("bias"):
            changed[name.replace("bias", "bias_hh")] = np.zeros_like(array)
    assert_same_answer(net, LSTM.from_state_dict(changed), case)
    np.testing.assert_array_equal(net.state_dict()["bias_ih_l1_reverse"], changed["bias_ih_l1_reverse"])
    for (k, direction), name in {(0, 0): "_l0", (0, 1): "_l0_reverse", (1, 0): "_l1", (1, 1): "_l1_reverse"}.items():
        for kind in ("weight_ih", "weight_hh", "bias"):
            assert net.parameters()[kind + name] is getattr(net.layers[k][direction], kind)


def assert_same_answer(got, wanted, case):
    answer = our_answer(got, case)
    for name, array in our_answer(wanted, case).items():
        np.testing.assert_array_equal(answer[name], array, err_msg=name)


def test_a_network_without_biases_has_no_gradients_for_them():
    case, net = awkward(bias=False)
    gradients = net.backward(net.forward(**case.inputs), **case.upstream)
    assert list(gradients) == ["x", "h0", "c0", *net.parameters()]
    assert not any("bias" in name for name in [*gradients, *net.state_dict()])


# --- bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 0}, "input_size is 0, wanted at least 1"),
        ({"hidden_size": 0}, "hidden_size is 0, wanted at least 1"),
        ({"num_layers": 0}, "num_layers is 0, wanted at least 1"),
        ({"num_layers": 1.5}, "num_layers is 1.5, wanted a whole number"),
        ({"hidden_size": "3"}, "hidden_size is '3', wanted a whole number"),
        ({"dtype": int}, "dtype is int64, wanted float32 or float64"),
        ({"dtype": torch.float64}, "dtype is torch.float64, wanted NumPy's float32 or float64"),
    ],
)
def test_a_network_refuses_sizes(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LSTM(**{"input_size": D, "hidden_size": H, "seed": 0} | arguments)


WANTED_NAMES = "wanted bias_hh_l0, bias_ih_l0, weight_hh_l0, weight_ih_l0"


def one_layer(**changes):
    """The weights of one layer; a value of None takes a name out."""
    rng = np.random.default_rng(0)
    weights = {"weight_ih_l0": (4 * H, D), "weight_hh_l0": (4 * H, H), "bias_ih_l0": (4 * H,), "bias_hh_l0": (4 * H,)}
    weights = {name: rng.normal(size=shape) for name, shape in weights.items()} | changes
    return {name: array for name, array in weights.items() if array is not None}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (one_layer(weight_xh_l0=np.ones(3)), f"mapping has unknown names: weight_xh_l0; {WANTED_NAMES}"),
        (one_layer(weight_hr_l0=np.ones(3)), f"mapping has unknown names: weight_hr_l0; {WANTED_NAMES}"),
        ({"lstm." + k: v for k, v in one_layer().items()}, "mapping has unknown names: lstm.bias_hh_l0, "),
        (one_layer() | {7: np.ones(3)}, f"mapping has unknown names: 7; {WANTED_NAMES}"),
        (one_layer(weight_hh_l0=None), f"mapping has missing names: weight_hh_l0; {WANTED_NAMES}"),
        (one_layer(weight_ih_l0=None), f"mapping has missing names: weight_ih_l0; {WANTED_NAMES}"),
        (one_layer(bias_hh_l0=None), f"mapping has missing names: bias_hh_l0; {WANTED_NAMES}"),
        (one_layer(weight_hh_l0_reverse=np.ones((4 * H, H))), "mapping has unknown names: weight_hh_l0_reverse; "),
        (one_layer(weight_ih_l0_reverse=np.ones((4 * H, D))), "mapping has missing names: bias_hh_l0_reverse, "),
        (one_layer(weight_ih_l2=np.ones((4 * H, H))), "mapping has unknown names: weight_ih_l2; "),
        (
            one_layer(weight_ih_l1=np.ones((4 * H, H))),
            "mapping has missing names: bias_hh_l1, bias_ih_l1, weight_hh_l1; ",
        ),
        ({}, "mapping has missing names: weight_hh_l0, weight_ih_l0; wanted weight_hh_l0, weight_ih_l0"),
        ([np.ones(3)], "mapping is a list, wanted a mapping of names to arrays"),
        (torch.nn.LSTM(D, H), "mapping is a LSTM, wanted a mapping of names to arrays"),
        (
            one_layer(weight_ih_l0=np.ones((10, D))),
            "weight_ih_l0 has 10 rows, wanted a multiple of 4 (blocks for i, f, g, o)",
        ),
        (one_layer(weight_ih_l0=np.ones((4 * H, D), int)), "weight_ih_l0 is int64, wanted float32 or float64"),
        (one_layer(weight_ih_l0=torch.ones(4 * H, D).half()), "weight_ih_l0 is float16, wanted float32 or float64"),
        (one_layer(weight_ih_l0=torch.ones(4 * H, D).bfloat16()), "weight_ih_l0 cannot be read as an array: "),
        (one_layer(bias_ih_l0=[[1.0], [1.0, 2.0]]), "bias_ih_l0 cannot be read as an array: "),
        (
            one_layer(bias_hh_l0=np.ones(4 * H, np.float32)),
            "bias_hh_l0 is float32, weight_ih_l0 is float64: wanted one dtype",
        ),
        (one_layer(bias_hh_l0=np.full(4 * H, np.nan)), "bias_hh_l0 holds NaN, wanted finite numbers"),
        (one_layer(weight_hh_l0=np.full((4 * H, H), np.inf)), "weight_hh_l0 holds infinity, wanted finite numbers"),
    ],
)
def test_from_state_dict_refuses(mapping, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        LSTM.from_state_dict(mapping)


@given(shape=shapes)
@searching
def test_from_state_dict_refuses_any_other_shape_by_its_full_name(shape):
    case, _ = awkward()
    for name, array in case.weights.items():
        if shape == array.shape:
            continue
        with pytest.raises(ValueError, match="^(weight|bias)_(ih|hh)_l[01](_reverse)? has ") as error:
            LSTM.from_state_dict(case.weights | {name: np.ones(shape)})
        # A weight_ih of another size is believed at first: then what does not go with it is named.
        if not name.startswith("weight_ih"):
            assert str(error.value).startswith(f"{name} has shape {shape}"), str(error.value)
            wanted = "it is empty" if 0 in shape and "empty" in str(error.value) else f"wanted {array.shape}"
            assert wanted in str(error.value)


def test_layers_must_fit_each_other():
    case, _ = awkward()
    weights = {name: array for name, array in case.weights.items() if "l1" not in name}
    other = random_case(0, **AWKWARD | {"hidden_size": 3})
    weights |= {name: array for name, array in other.weights.items() if "l1" in name}
    with pytest.raises(ValueError, match=r"^weight_ih_l1 has shape \(12, 6\), wanted \(8, 4\)$"):
        LSTM.from_state_dict(weights)
    narrow = {name: array.astype(np.float32) if "l1" in name else array for name, array in case.weights.items()}
    with pytest.raises(
        ValueError, match="^weight_ih_l1 is float32, weight_ih_l0 is float64: wanted one dtype for both$"
    ):
        LSTM.from_state_dict(narrow)


@pytest.mark.parametrize(
    ("kind", "array", "message"),
    [
        ("weight_ih", np.ones((4 * H, 7)), "weight_ih_l1_reverse has shape (8, 7), wanted (8, 4)"),
        ("weight_hh", np.ones((4 * H, 7)), "weight_hh_l1_reverse has shape (8, 7), wanted (8, 2)"),
        ("bias", np.ones(7), "bias_l1_reverse has shape (7,), wanted (8,)"),
        ("bias", np.full(4 * H, np.nan), "bias_l1_reverse holds NaN, wanted finite numbers"),
    ],
)
def test_weights_that_went_bad_are_named_in_full(kind, array, message):
    case, net = awkward()
    trace = net.forward(**case.inputs)
    setattr(net.layers[1][1], kind, array)
    for call in (lambda: net.forward(**case.inputs), lambda: net.backward(trace)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            call()


@given(shape=shapes)
@searching
def test_forward_and_backward_refuse_any_other_shape(shape):
    case, net = awkward(lengths=False)
    trace = net.forward(**case.inputs)
    for name in ("h0", "c0"):
        if shape != STATES:
            assert_shape_refused(
                lambda array, name=name: net.forward(**case.inputs | {name: array}), name, shape, STATES
            )
    for name, array in case.upstream.items():
        if shape != array.shape:
            assert_shape_refused(
                lambda wrong, name=name: net.backward(trace, **case.upstream | {name: wrong}), name, shape, array.shape
            )
    if len(shape) == 3 and 0 not in shape:
        if shape[2] != D:
            with pytest.raises(ValueError, match=f"^x has {shape[2]} features, weight_ih wants {D}$"):
                net.forward(np.ones(shape))
    else:
        assert_shape_refused(lambda x: net.forward(x), "x", shape, ("T", "N", "D"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.astype(int), "{} is int64, wanted float32 or float64"),
        (lambda a: a.astype(bool), "{} is bool, wanted float32 or float64"),
        (lambda a: a.astype(np.float32), "{} is float32, {} is float64: wanted one dtype for both"),
        (lambda a: np.where(a == a.flat[0], np.nan, a), "{} holds NaN, wanted finite numbers"),
        (lambda a: np.where(a == a.flat[-1], np.inf, a), "{} holds infinity, wanted finite numbers"),
        (lambda a: torch.from_numpy(a.copy()).requires_grad_(), "{} cannot be read as an array: "),
    ],
)
def test_forward_and_backward_refuse(spoil, message):
    case, net = awkward(lengths=False)
    for name in ("x", "h0", "c0"):
        with pytest.raises(ValueError, match="^" + re.escape(message.format(name, "weight_ih_l0"))):
            net.forward(**case.inputs | {name: spoil(case.inputs[name])})
    trace = net.forward(**case.inputs)
    for name, array in case.upstream.items():
        with pytest.raises(ValueError, match="^" + re.escape(message.format(name, "output"))):
            net.backward(trace, **case.upstream | {name: spoil(array)})


@pytest.mark.parametrize("lengths", [[0, 1, 2], [1, 2, 6], [1.0, 2.0, 3.0], [1, 2], [[1, 2, 3]], [-1, 2, 3], 5])
def test_lengths_are_checked(lengths):
    _, net = awkward()
    with pytest.raises(ValueError, match="^lengths "):
        net.forward(np.ones((T, N, D)), lengths=lengths)


def test_nan_within_a_sequence_is_refused_also_with_lengths():
    _, net = awkward()
    x = np.ones((T, N, D))
    x[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="^x holds NaN, wanted finite numbers$"):
        net.forward(x, lengths=[5, 3, 1])
    assert np.isfinite(net.forward(x, lengths=[5, 2, 1]).output).all()


def test_the_trace_of_another_network_is_refused():
    x = np.ones((T, N, D))
    nets = {(layers, two): LSTM(D, H, layers, two, seed=0) for layers in (1, 2) for two in (False, True)}
    for (layers, two), net in nets.items():
        for (other_layers, other_two), other in nets.items():
            trace = other.forward(x)
            if (layers, two) == (other_layers, other_two):
                assert net.backward(trace)["x"].shape == x.shape
                continue
            message = (
                f"trace has {other_layers} layers of {1 + other_two} directions, this network has {layers} of {1 + two}"
            )
            with pytest.raises(ValueError, match=f"^{message}$"):
                net.backward(trace)
    with pytest.raises(ValueError, match=r"^weight_ih has shape \(12, 6\), wanted \(8, 4\)$"):
        LSTM(D, 3, 2, True, seed=0).backward(nets[2, True].forward(x))


def test_numbers_that_overflow_are_refused():
    _, net = awkward()
    with pytest.raises(ValueError, match="so large that a pre-activation overflows float64$"):
        net.forward(np.full((T, N, D), 1.7e308))
    params = LSTMParams(np.full((4 * H, D), 1e308), np.zeros((4 * H, H)), np.zeros(4 * H))
    net.layers[0][1].weight_ih[:] = params.weight_ih
    with np.errstate(all="raise"), pytest.raises(ValueError, match="so large that a pre-activation overflows float64$"):
        net.forward(np.full((T, N, D), 10.0))


# --- the head ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("leading", [(), (1,), (6,), (4, 3), (2, 3, 4)])
def test_linear_equals_torch(leading, dtype, tolerance):
    rng = np.random.default_rng(0)
    head = Linear(5, 2, seed=1, dtype=dtype)
    x, dy = (rng.normal(size=(*leading, size)).astype(dtype) for size in (5, 2))
    module = torch.nn.Linear(5, 2).to(torch.from_numpy(x).dtype)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in head.parameters().items()})
    tensor = torch.tensor(x, requires_grad=True)
    y = module(tensor)
    y.backward(torch.from_numpy(dy))
    assert relative_error(head.forward(x), y.detach().numpy()) <= tolerance
    wanted = {"x": tensor.grad.numpy()} | {name: weight.grad.numpy() for name, weight in module.named_parameters()}
    gradients = head.backward(x, dy)
    assert gradients.keys() == wanted.keys()
    assert_close(gradients, wanted, tolerance)
    assert_dtype([gradients, head.parameters(), np.asarray(head.forward(x))], dtype)


def test_linear_starts_in_torchs_range_and_is_live():
    head = Linear(64, 50, seed=1)
    for array, shape in ((head.weight, (50, 64)), (head.bias, (50,))):
        assert array.shape == shape
        assert 0.9 / 8 < np.abs(array).max() <= 1 / 8
        assert abs(array.mean()) < 0.03
    np.testing.assert_array_equal(Linear(64, 50, seed=1).weight, head.weight)
    assert (Linear(64, 50, seed=2).weight != head.weight).any()
    assert head.parameters()["weight"] is head.weight
    assert head.parameters()["bias"] is head.bias
    x = np.ones((1, 64))
    before = head.forward(x)
    head.parameters()["bias"] += 1
    np.testing.assert_allclose(head.forward(x), before + 1, rtol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_linear_leaves_its_input(layout):
    rng = np.random.default_rng(0)
    head = Linear(5, 2, seed=1)
    x, dy = (rng.normal(size=(4, 3, size)) for size in (5, 2))
    laid_out = {"x": in_layout(x, layout), "dy": in_layout(dy, layout), "weights": head.parameters()}
    got = assert_untouched(lambda weights, x, dy: head.backward(x, dy), laid_out)
    assert_close(got, head.backward(x, dy), 1e-14)
    result = assert_untouched(lambda weights, x, dy: head.forward(x), laid_out)
    assert relative_error(result, head.forward(x)) <= 1e-14


def test_linear_with_tiny_numbers():
    head = Linear(5, 2, seed=1)
    x, dy = np.full((3, 5), 5e-324), np.full((3, 2), 1e-300)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(head.forward(x), np.tile(head.bias, (3, 1)))
        assert np.isfinite(head.backward(x * 1e10, dy)["weight"]).all()


@given(shape=shapes)
@searching
def test_linear_refuses_any_other_shape(shape):
    head = Linear(5, 2, seed=1)
    x, dy = np.ones((4, 3, 5)), np.ones((4, 3, 2))
    if not shape or shape[-1] != 5:
        for call in (head.forward, lambda wrong: head.backward(wrong, dy)):
            with pytest.raises(ValueError, match="^" + re.escape(f"x has shape {shape}, wanted (..., 5)") + "$"):
                call(np.ones(shape))
    if shape != dy.shape:
        with pytest.raises(
            ValueError, match="^" + re.escape(f"dy has shape {shape}, wanted (") + "(4, 3|[.]{3}), 2[)]$"
        ):
            head.backward(x, np.ones(shape))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Linear(0, 2, seed=0), "in_features is 0, wanted at least 1"),
        (lambda: Linear(2, 1.0, seed=0), "out_features is 1.0, wanted a whole number"),
        (lambda: Linear(2, 1, seed=0, dtype=int), "dtype is int64, wanted float32 or float64"),
        (lambda: Linear(2, 1, seed=0, dtype=np.float16), "dtype is float16, wanted float32 or float64"),
        (lambda: Linear(2, 1, seed=0).forward(np.ones(2, int)), "x is int64, wanted float32 or float64"),
        (
            lambda: Linear(2, 1, seed=0).forward(np.ones(2, np.float32)),
            "x is float32, weight is float64: wanted one dtype for both",
        ),
        (lambda: Linear(2, 1, seed=0).forward(np.array([1, np.nan])), "x holds NaN, wanted finite numbers"),
        (
            lambda: Linear(2, 1, seed=0).backward(np.ones(2), np.array([np.inf])),
            "dy holds infinity, wanted finite numbers",
        ),
    ],
)
def test_linear_refuses(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


# --- the losses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-6)])
@pytest.mark.parametrize("leading", [(), (1,), (6,), (4, 3)])
@pytest.mark.parametrize("scale", [1, 100])
def test_softmax_cross_entropy_equals_torch(leading, scale, dtype, tolerance):
    rng = np.random.default_rng(0)
    logits = (scale * rng.normal(size=(*leading, 5))).astype(dtype)
    targets = rng.integers(0, 5, leading)
    tensor = torch.tensor(logits, requires_grad=True)
    wanted = torch.nn.functional.cross_entropy(
        tensor.reshape(-1, 5), torch.from_numpy(np.atleast_1d(targets)).reshape(-1)
    )
    wanted.backward()
    loss, gradient = softmax_cross_entropy(logits, targets)
    assert type(loss) is float
    assert relative_error(loss, wanted.item()) <= tolerance
    assert relative_error(gradient, tensor.grad.numpy()) <= tolerance
    assert gradient.dtype == dtype
    assert gradient.shape == logits.shape


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_softmax_cross_entropy_at_the_extremes(dtype):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 9999], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]], dtype)
    targets = np.array([1, 2, 0, 1])
    with np.errstate(all="raise"):
        loss, gradient = softmax_cross_entropy(logits, targets)
    with mpmath.workdps(50):
        softmax = [[mpmath.exp(v) / sum(mpmath.exp(w) for w in row) for v in map(float, row)] for row in logits]
        wanted_loss = -sum(mpmath.log(p[k]) for p, k in zip(softmax, targets, strict=True)) / 4
        wanted = np.array(
            [[float((p[k] - (k == target)) / 4) for k in range(3)] for p, target in zip(softmax, targets, strict=True)]
        )
    eps = float(np.finfo(dtype).eps)
    assert abs(loss - float(wanted_loss)) <= 4 * eps * float(wanted_loss)
    assert relative_error(gradient, wanted) <= 8 * eps
    for row, k in ((0, 0), (1, 1)):
        right, no_gradient = softmax_cross_entropy(logits[row], k)
        assert 0 <= right < 0.5
        assert np.abs(no_gradient).max() < 0.5


def test_softmax_cross_entropy_equals_central_differences():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(4, 3, 5)), rng.integers(0, 5, (4, 3))
    gradient = softmax_cross_entropy(logits, targets)[1]
    gradcheck(
        lambda values: softmax_cross_entropy(values["logits"], targets)[0], {"logits": logits}, {"logits": gradient}
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_losses_leave_their_input(layout):
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(4, 3, 5)), rng.integers(0, 5, (4, 3))
    given_arrays = {"logits": in_layout(logits, layout), "targets": in_layout(targets, layout)}
    loss, gradient = assert_untouched(softmax_cross_entropy, given_arrays)
    assert loss == pytest.approx(softmax_cross_entropy(logits, targets)[0], rel=1e-14)
    assert relative_error(gradient, softmax_cross_entropy(logits, targets)[1]) <= 1e-14
    given_arrays = {"prediction": in_layout(logits, layout), "target": in_layout(logits + 1, layout)}
    loss, gradient = assert_untouched(mse, given_arrays)
    assert loss == pytest.approx(1)
    np.testing.assert_allclose(gradient, np.full((4, 3, 5), -2 / 60), rtol=1e-12)


@pytest.mark.parametrize("targets", [1, np.uint8(1), np.array(1, np.uint64)])
def test_one_target_may_be_a_plain_number(targets):
    loss, gradient = softmax_cross_entropy(np.zeros(4), targets)
    assert loss == pytest.approx(np.log(4))
    np.testing.assert_allclose(gradient, [0.25, -0.75, 0.25, 0.25])


LOGITS = np.ones((4, 5))


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (LOGITS, np.zeros((4, 1), int), "targets has shape (4, 1), logits (4, 5) wants (4,)"),
        (LOGITS, 0, "targets has shape (), logits (4, 5) wants (4,)"),
        (LOGITS, np.zeros(3, int), "targets has shape (3,), logits (4, 5) wants (4,)"),
        (LOGITS, np.zeros((4, 5), int), "targets has shape (4, 5), logits (4, 5) wants (4,)"),
        (LOGITS, np.zeros(4), "targets is float64, wanted whole numbers"),
        (LOGITS, np.zeros(4, bool), "targets is bool, wanted whole numbers"),
        (LOGITS, [[0], [0, 1]], "targets cannot be read as an array: "),
        (LOGITS, [0, 1, 2, 5], "targets holds 0 to 5, wanted 0 to 4"),
        (LOGITS, [0, -1, 2, 3], "targets holds -1 to 3, wanted 0 to 4"),
        (LOGITS.astype(int), [0, 1, 2, 3], "logits is int64, wanted float32 or float64"),
        (LOGITS * np.nan, [0, 1, 2, 3], "logits holds NaN, wanted finite numbers"),
        (np.ones(()), 0, "logits has shape (), wanted (..., C) with at least one number"),
        (np.ones((0, 5)), np.zeros(0, int), "logits has shape (0, 5), wanted (..., C) with at least one number"),
        (np.ones((4, 0)), np.zeros(4, int), "logits has shape (4, 0), wanted (..., C) with at least one number"),
    ],
)
def test_softmax_cross_entropy_refuses(logits, targets, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        softmax_cross_entropy(logits, targets)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(), (1,), (4, 1), (2, 3, 4)])
def test_mse_equals_torch(shape, dtype):
    rng = np.random.default_rng(0)
    prediction, target = (np.asarray(rng.normal(size=shape), dtype) for _ in range(2))
    tensor = torch.tensor(prediction, requires_grad=True)
    wanted = torch.nn.functional.mse_loss(tensor, torch.tensor(target))
    wanted.backward()
    loss, gradient = mse(prediction, target)
    assert type(loss) is float
    assert relative_error(loss, wanted.item()) <= 4 * np.finfo(dtype).eps
    assert relative_error(gradient, tensor.grad.numpy()) <= 4 * np.finfo(dtype).eps
    assert gradient.dtype == dtype


def test_mse_of_tiny_differences():
    with np.errstate(all="raise"):
        loss, gradient = mse(np.array([1e-300, 0]), np.array([0, 1e-300]))
    assert loss == 0
    np.testing.assert_array_equal(gradient, [1e-300, -1e-300])


@given(shape=shapes)
@searching
def test_mse_does_not_broadcast(shape):
    for wanted in ((4, 1), (4,), (1,), ()):
        if shape != wanted:
            message = f"target has shape {shape}, prediction has {wanted}: wanted the same"
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                mse(np.ones(wanted), np.ones(shape))


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (np.ones(3), np.ones(3, int), "target is int64, wanted float32 or float64"),
        (np.ones(3, int), np.ones(3), "prediction is int64, wanted float32 or float64"),
        (np.ones(3), np.ones(3, np.float32), "target is float32, prediction is float64: wanted one dtype for both"),
        (np.ones(3), np.full(3, np.nan), "target holds NaN, wanted finite numbers"),
        (np.full(3, np.inf), np.ones(3), "prediction holds infinity, wanted finite numbers"),
        (np.ones((0, 3)), np.ones((0, 3)), "prediction has shape (0, 3): it is empty, wanted at least one number"),
    ],
)
def test_mse_refuses(prediction, target, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        mse(prediction, target)


def test_a_module_and_its_case_are_the_same_network():
    """The oracle's own weights: what torch says about a case is about these arrays."""
    case, net = awkward()
    module = torch_module(case)
    for name, weight in module.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), case.weights[name])
    assert module.num_layers == net.num_layers
