"""Other libraries' gate orders and layouts: there and back, gate by gate."""

import numpy as np
import pytest

from lstm_helpers import torch_bridge as bridge
from lstm_helpers.cell import GATES, LSTMParams, lstm_step, sigmoid

D, H, N = 5, 3, 4
LIBRARIES = ("cs231n", "keras", "onnx", "textbook")


def random_params(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return LSTMParams(*(rng.normal(size=shape).astype(dtype) for shape in ((4 * H, D), (4 * H, H), (4 * H,))))


def there(library, params):
    return getattr(bridge, f"to_{library}")(params)


def back(library, weights):
    return getattr(bridge, f"from_{library}")(**weights)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_keeps_every_number(library, dtype):
    params = random_params(dtype=dtype)
    returned = back(library, there(library, params))
    for name in ("weight_ih", "weight_hh", "bias"):
        ours = getattr(params, name)
        assert getattr(returned, name).dtype == dtype
        np.testing.assert_array_equal(getattr(returned, name), ours)
        for array in there(library, params).values():
            assert not np.shares_memory(array, ours)


def cs231n_gates(w, x, h):
    """A step as the course's assignment states it: i, f, o, g side by side in one row."""
    a = x @ w["Wx"] + h @ w["Wh"] + w["b"]
    i, f, o, g = (a[:, k * H : (k + 1) * H] for k in range(4))
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}


def keras_gates(w, x, h):
    """A step as Keras documents it: i, f, c, o."""
    a = x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"]
    i, f, c, o = (a[:, k * H : (k + 1) * H] for k in range(4))
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(c), "o": sigmoid(o)}


def onnx_gates(w, x, h):
    """A step as the ONNX operator's specification has it: i, o, f, c, and two biases."""
    a = x @ w["W"][0].T + h @ w["R"][0].T + w["B"][0, : 4 * H] + w["B"][0, 4 * H :]
    i, o, f, c = (a[:, k * H : (k + 1) * H] for k in range(4))
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(c), "o": sigmoid(o)}


def textbook_gates(w, x, h):
    """A step as textbooks write it: one matrix for each gate, on [h, x]."""
    hx = np.concatenate([h, x], axis=1)
    z = {gate: hx @ w[f"W_{name}"].T + w[f"b_{name}"] for gate, name in zip("ifgo", "ifco", strict=True)}
    return {gate: np.tanh(value) if gate == "g" else sigmoid(value) for gate, value in z.items()}


THEIR_GATES = {"cs231n": cs231n_gates, "keras": keras_gates, "onnx": onnx_gates, "textbook": textbook_gates}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("gate", GATES)
def test_each_gate_is_the_same_when_computed_their_way(library, gate):
    params = random_params(seed=1)
    rng = np.random.default_rng(2)
    x, h = rng.normal(size=(N, D)), rng.normal(size=(N, H))
    step = lstm_step(x, h, np.zeros((N, H)), params)
    theirs = THEIR_GATES[library](there(library, params), x, h)
    np.testing.assert_allclose(theirs[gate], getattr(step, gate), rtol=1e-13)


def test_onnx_adds_its_two_biases():
    weights = there("onnx", random_params())
    weights["B"][0, 4 * H :] = np.arange(4 * H)
    extra = back("onnx", weights).bias - random_params().bias
    i, o, f, g = np.split(np.arange(4.0 * H), 4)
    np.testing.assert_allclose(extra, np.concatenate([i, f, g, o]))


@pytest.mark.parametrize("library", LIBRARIES)
def test_rows_that_are_no_four_blocks_are_refused(library):
    weights = there(library, random_params())
    name = next(iter(weights))
    weights[name] = weights[name][..., :-1] if library in ("cs231n", "keras") else weights[name][..., :-1, :]
    with pytest.raises(ValueError, match="wanted"):
        back(library, weights)


def test_a_textbook_matrix_without_columns_for_x_is_refused():
    weights = there("textbook", random_params())
    weights["W_i"] = weights["W_i"][:, :H]
    with pytest.raises(ValueError, match="W_i has shape"):
        back("textbook", weights)
