"""The fast LSTM: the contract of the plain one, and its results, however the products are cut."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from oracles import (
    LAYOUTS,
    all_arrays,
    arrays,
    assert_close,
    assert_dtype,
    assert_untouched,
    in_layout,
    our_answer,
    random_case,
    torch_answer,
)

from lstm_helpers import backprop, cell, fast, tiles
from lstm_helpers.cell import LSTMParams, Trace
from lstm_helpers.network import LSTM

# With and without tiles; several tiles in a row and one above the other; blocks of one step, of some, of all.
CUTS = {
    "whole": {"TILE_BYTES": None},
    "tiles": {"TILE_BYTES": 256},
    "narrow tiles": {"TILE_BYTES": 16},
    "low tiles": {"TILE_BYTES": 32, "TILE_MULTIPLICATIONS": 50},
    "a step at a time": {"TILE_BYTES": 64, "BLOCK_ROWS": 1},
    "odd blocks": {"TILE_BYTES": None, "BLOCK_ROWS": 20},
}


@pytest.fixture(params=CUTS.values(), ids=CUTS.keys())
def cut(request, monkeypatch):
    for name, value in request.param.items():
        monkeypatch.setattr(fast if hasattr(fast, name) else tiles, name, value)


def random_run(seed=0, dtype=np.float64, sizes=(9, 6, 5, 8), lengths=True):
    """Parameters, what goes forward, and what comes back, by name: everything random, every gate with its own bias."""
    rng = np.random.default_rng(seed)
    T, N, D, H = sizes

    def normal(*shape):
        return rng.normal(size=shape).astype(dtype)

    scale = np.sqrt(np.array([D, H], dtype))
    params = LSTMParams(normal(4 * H, D) / scale[0], normal(4 * H, H) / scale[1], normal(4 * H))
    inputs = {"x": normal(T, N, D), "h0": np.tanh(normal(N, H)), "c0": normal(N, H), "lengths": None}
    if lengths:
        inputs["lengths"] = rng.integers(1, T + 1, N)
    return params, inputs, {"dh": normal(T, N, H), "dh_n": normal(N, H), "dc_n": normal(N, H)}


def plain_and_fast(params, inputs, upstream):
    """What both modules answer: for each a Trace and Gradients."""
    for forward, backward in (
        (cell.lstm_forward, backprop.lstm_backward),
        (fast.lstm_forward, fast.lstm_backward),
    ):
        trace = forward(params=params, **inputs)
        yield trace, backward(trace, params, **upstream)


# --- the results


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-15), (np.float32, 1e-6)])
@pytest.mark.parametrize("sizes", [(28, 1, 27, 32), (7, 3, 5, 6), (20, 8, 16, 24), (12, 32, 40, 64), (9, 33, 64, 128)])
def test_equals_torch_to_the_last_digits(sizes, dtype, tolerance):
    T, N, D, H = sizes
    fixed = {"seq_len": T, "batch_size": N, "input_size": D, "hidden_size": H, "num_layers": 1, "bidirectional": False}
    given = dict.fromkeys(("lengths", "h0", "c0", "doutput", "dh_n", "dc_n", "bias"), True)
    case = random_case(0, dtype=dtype, **fixed, **given)
    assert_close(our_answer(LSTM.from_state_dict(case.weights), case), torch_answer(case), tolerance, case)


@pytest.mark.parametrize("seed", range(15))
def test_equals_torch_however_it_is_cut(cut, seed):
    case = random_case(3000 + seed, hidden_size=8, input_size=[4, 7][seed % 2], batch_size=[1, 4, 6][seed % 3])
    assert_close(our_answer(LSTM.from_state_dict(case.weights), case), torch_answer(case), 1e-13, case)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [(9, 6, 5, 8), (5, 1, 3, 4), (1, 1, 1, 1), (1, 4, 8, 16), (300, 2, 3, 4)])
@pytest.mark.parametrize("lengths", [True, False])
def test_equals_the_plain_version(cut, sizes, lengths, dtype):
    plain, fast_answer = plain_and_fast(*random_run(sizes=sizes, lengths=lengths, dtype=dtype))
    tolerance = 2e-14 if dtype == np.float64 else 1e-5
    for got, wanted in zip(fast_answer, plain, strict=True):
        assert_close(arrays(got), arrays(wanted), tolerance)


@pytest.mark.parametrize("missing", ["h0", "c0", "dh", "dh_n", "dc_n"])
def test_what_is_missing_is_zeros(missing):
    params, inputs, upstream = random_run()
    given = inputs | upstream
    answers = []
    for value in (None, np.zeros_like(given[missing])):
        changed = given | {missing: value}
        trace = fast.lstm_forward(params=params, **{name: changed[name] for name in inputs})
        answers.append((trace, fast.lstm_backward(trace, params, **{name: changed[name] for name in upstream})))
    for got, wanted in zip(all_arrays(answers[0]), all_arrays(answers[1]), strict=True):
        np.testing.assert_array_equal(got[1], wanted[1], err_msg=got[0])


def test_any_trace_will_do_and_each_of_its_arrays_counts():
    params, inputs, upstream = random_run()
    trace = cell.lstm_forward(params=params, **inputs)
    wanted = arrays(backprop.lstm_backward(trace, params, **upstream))
    assert_close(arrays(fast.lstm_backward(trace, params, **upstream)), wanted, 1e-14)
    mine = fast.lstm_forward(params=params, **inputs)
    for name in ("x", "h0", "c0", "i", "f", "g", "o", "c", "h"):
        changed = {name: getattr(trace, name) + 0.01}
        wanted = arrays(backprop.lstm_backward(replace(trace, **changed), params, **upstream))
        assert_close(arrays(fast.lstm_backward(replace(mine, **changed), params, **upstream)), wanted, 1e-13, name)


def test_nothing_is_remembered_when_parameters_change():
    params, inputs, upstream = random_run()
    list(plain_and_fast(params, inputs, upstream))
    for array in (params.weight_ih, params.weight_hh, params.bias):
        array *= -0.7
    plain, fast_answer = plain_and_fast(params, inputs, upstream)
    assert_close(arrays(fast_answer[0]) | arrays(fast_answer[1]), arrays(plain[0]) | arrays(plain[1]), 1e-14)


def test_a_bias_may_be_a_list():
    params, inputs, upstream = random_run()
    wanted = list(plain_and_fast(params, inputs, upstream))[1]
    params.bias = params.bias.tolist()
    assert_close(arrays(fast.lstm_forward(params=params, **inputs)), arrays(wanted[0]), 1e-15)


def test_threads_do_not_meet():
    runs = [random_run(seed, sizes=(40, 3, 4, 16)) for seed in range(8)]

    def answer(run):
        params, inputs, upstream = run
        trace = fast.lstm_forward(params=params, **inputs)
        return [array.tobytes() for _, array in all_arrays([trace, fast.lstm_backward(trace, params, **upstream)])]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, runs * 5)) == list(map(answer, runs)) * 5


# --- the contract


def test_a_trace_keeps_few_numbers_in_the_dtype_at_hand():
    T, N, D, H = 50, 4, 7, 8
    for dtype in (np.float32, np.float64):
        params, inputs, _ = random_run(dtype=dtype, sizes=(T, N, D, H))
        memory = {}
        for _, array in all_arrays(fast.lstm_forward(params=params, **inputs)):
            while array.base is not None:
                array = array.base
            memory[id(array)] = array.nbytes
        numbers = sum(memory.values()) / np.dtype(dtype).itemsize
        assert numbers <= (T + 1) * N * (6 * H + D + 1) + 2 * N  # one step more, for h0 and c0; and the lengths
        assert numbers / (T * N) < 7 * H + D + 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lengths", [True, False])
def test_any_layout_gives_the_same_and_stays_as_it_is(layout, lengths):
    params, inputs, upstream = random_run(lengths=lengths)
    wanted = fast.lstm_forward(params=params, **inputs)
    wanted_gradients = fast.lstm_backward(wanted, params, **upstream)
    laid_out = {name: in_layout(array, layout) for name, array in inputs.items() if name != "lengths"}
    laid_out |= {"lengths": inputs["lengths"], "params": params}
    trace = assert_untouched(fast.lstm_forward, laid_out)
    laid_out = {name: in_layout(array, layout) for name, array in upstream.items()}
    gradients = assert_untouched(fast.lstm_backward, laid_out | {"trace": trace, "params": params})
    assert_close(arrays(trace) | arrays(gradients), arrays(wanted) | arrays(wanted_gradients), 1e-14)


def test_gradients_do_not_share_memory_with_each_other_and_a_trace_is_frozen():
    params, inputs, upstream = random_run()
    trace = fast.lstm_forward(params=params, **inputs)
    assert isinstance(trace, Trace)
    for name, array in arrays(trace).items():
        assert not array.flags.writeable, name
        assert name == "lengths" or not array.base.flags.writeable, name
    gradients = list(arrays(fast.lstm_backward(trace, params, **upstream)).values())
    for k, gradient in enumerate(gradients):
        assert gradient.flags.writeable
        assert gradient.flags.owndata  # and keeps nothing else alive
        assert not any(np.shares_memory(gradient, other) for other in gradients[k + 1 :])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(cut, dtype):
    params, inputs, upstream = random_run(dtype=dtype)
    trace = fast.lstm_forward(params=params, **inputs)
    assert_dtype([trace, fast.lstm_backward(trace, params, **upstream)], dtype)
    assert_dtype([fast.lstm_forward(inputs["x"], params), fast.lstm_backward(trace, params)], dtype)


BAD = {
    "x of two axes": {"x": np.ones((3, 5))},
    "no steps": {"x": np.ones((0, 6, 5))},
    "features": {"x": np.ones((9, 6, 4))},
    "whole numbers": {"x": np.ones((9, 6, 5), int)},
    "another dtype": {"x": np.ones((9, 6, 5), np.float32)},
    "NaN": {"x": np.full((9, 6, 5), np.nan), "lengths": None},
    "infinity": {"x": np.full((9, 6, 5), np.inf), "lengths": None},
    "overflow": {"x": np.full((9, 6, 5), 1e308), "lengths": None},
    "h0's shape": {"h0": np.ones((6, 9))},
    "h0's NaN": {"h0": np.full((6, 8), np.nan)},
    "c0's infinity": {"c0": np.full((6, 8), np.inf)},
    "length 0": {"lengths": [0, 1, 1, 1, 1, 1]},
    "length above T": {"lengths": [10, 1, 1, 1, 1, 1]},
    "too few lengths": {"lengths": [1, 2]},
    "dh's shape": {"dh": np.ones((9, 6, 7))},
    "dh's NaN": {"dh": np.full((9, 6, 8), np.nan)},
    "dh_n's dtype": {"dh_n": np.ones((6, 8), np.float32)},
    "dc_n's infinity": {"dc_n": np.full((6, 8), -np.inf)},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_errors_are_those_of_the_plain_version(bad):
    params, inputs, upstream = random_run()
    changed = inputs | upstream | bad

    def message(forward, backward):
        try:
            trace = forward(params=params, **{name: changed[name] for name in inputs})
            backward(trace, params, **{name: changed[name] for name in upstream})
        except ValueError as error:
            return str(error)

    wanted = message(cell.lstm_forward, backprop.lstm_backward)
    assert wanted is not None
    assert message(fast.lstm_forward, fast.lstm_backward) == wanted


def test_a_trace_that_is_cut_short_is_refused():
    params, inputs, upstream = random_run(lengths=False)
    trace = fast.lstm_forward(params=params, **inputs)
    short = replace(trace, **{name: getattr(trace, name)[:4] for name in ("x", "i", "f", "g", "o", "c", "h")})
    with pytest.raises(ValueError, match="^lengths holds 9, wanted 1 to 4"):
        fast.lstm_backward(short, params, dh_n=upstream["dh_n"])


FEATURES = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())
WIDE = 256 if "X86_V4" in FEATURES else None


def tile_bytes(settings, before=""):
    """What a fresh process prints with these settings, and none of the others, in its environment."""
    code = f"{before}import lstm_helpers.tiles as tiles; print(tiles.TILE_BYTES)"
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
    environment = {name: value for name, value in os.environ.items() if name not in names} | settings
    return subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"OMP_NUM_THREADS": "1"}, WIDE),
        ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}, WIDE),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"}, None),
        ({"OMP_NUM_THREADS": "2"}, None),
        ({"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"}, None),
        ({"OMP_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": " ".join(FEATURES)}, None),
    ],
)
def test_products_are_cut_only_where_that_is_faster(settings, wanted):
    assert tile_bytes(settings) == f"{wanted}\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not say which cores one may use")
def test_all_cores_are_as_many_threads():
    assert tile_bytes({}, "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1]); ") == f"{WIDE}\n"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tiles_start_at_a_line_of_the_cache(dtype):
    for size in range(1, 40):
        assert tiles.aligned((size, 3), np.dtype(dtype)).ctypes.data % 64 == 0


@pytest.mark.parametrize("name", ["weight_ih", "weight_hh", "bias"])
def test_weights_that_went_bad_are_refused(name):
    params, inputs, upstream = random_run()
    trace = fast.lstm_forward(params=params, **inputs)
    getattr(params, name)[...] = np.nan
    with pytest.raises(ValueError, match=f"^{name} holds NaN"):
        fast.lstm_forward(params=params, **inputs)
    if name != "bias":  # which the way back does not use
        with pytest.raises(ValueError, match=f"^{name} holds NaN"):
            fast.lstm_backward(trace, params, **upstream)
    other = LSTMParams.init(5, 7, seed=0)
    with pytest.raises(ValueError, match=re.escape("weight_ih has shape (28, 5), wanted (32, 5)")):
        fast.lstm_backward(trace, other, **upstream)


# --- the extremes, with every floating-point warning an error


@pytest.mark.parametrize("noise", [1e6, np.finfo(float).max, np.nan, np.inf])
def test_what_stands_in_the_padding_has_no_effect(cut, noise):
    params, inputs, upstream = random_run()
    padding = np.arange(9)[:, None] >= inputs["lengths"]
    assert padding.any()
    answers = []
    for value in (0, noise):
        x, dh = inputs["x"].copy(), upstream["dh"].copy()
        x[padding] = value
        dh[padding] = value if np.isfinite(value) else -1e300
        with np.errstate(all="raise"):
            trace = fast.lstm_forward(params=params, **inputs | {"x": x})
            answers.append((trace, fast.lstm_backward(trace, params, **upstream | {"dh": dh})))
    for got, wanted in zip(all_arrays(answers[1]), all_arrays(answers[0]), strict=True):
        np.testing.assert_array_equal(got[1], wanted[1], err_msg=got[0])
    trace, gradients = answers[1]
    for name, value in (("x", 0), ("i", 0), ("f", 1), ("g", 0), ("o", 0), ("h", 0)):
        assert (getattr(trace, name)[padding] == value).all(), name
    assert (gradients.x[padding] == 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [20, 40, 88.73, 709.79, 1000])
def test_large_pre_activations(cut, dtype, size):
    params, inputs, upstream = random_run(dtype=dtype)
    signs = np.sign(params.weight_ih)
    params = LSTMParams((size * signs).astype(dtype), params.weight_hh * dtype(size), params.bias)
    with np.errstate(all="raise"):
        plain, fast_answer = plain_and_fast(params, inputs, upstream)
    tolerance = 1e-12 if dtype == np.float64 else 3e-4  # rounding of z, up to 1000 times larger than usual
    assert_close(arrays(fast_answer[0]), arrays(plain[0]), tolerance)
    for name, gradient in arrays(fast_answer[1]).items():
        assert np.isfinite(gradient).all(), name


@pytest.mark.parametrize(("dtype", "huge"), [(np.float64, 1e300), (np.float32, 1e38), (np.float64, 1e150)])
def test_huge_numbers_go_to_the_plain_version(dtype, huge):
    params, inputs, _ = random_run(dtype=dtype)
    quiet = LSTMParams(params.weight_ih * dtype(1 / huge), params.weight_hh, params.bias)
    for name in ("x", "c0"):
        changed = inputs | {name: inputs[name] * 0 + dtype(huge)}
        with np.errstate(all="raise"):
            wanted, got = (forward(params=quiet, **changed) for forward in (cell.lstm_forward, fast.lstm_forward))
        assert_close(arrays(got), arrays(wanted), 1e-14 if dtype == np.float64 else 1e-5)


def test_tiny_gradients_vanish_in_silence():
    params, inputs, upstream = random_run(sizes=(400, 2, 3, 4), lengths=False)
    params.bias[params.gate("f")] = -30
    tiny = {name: array * 1e-300 for name, array in upstream.items()}
    with np.errstate(all="raise"):
        trace = fast.lstm_forward(params=params, **inputs)
        gradients = fast.lstm_backward(trace, params, dh_n=tiny["dh_n"], dc_n=tiny["dc_n"])
    assert np.isfinite(gradients.x).all()
    assert (gradients.x[0] == 0).all()
