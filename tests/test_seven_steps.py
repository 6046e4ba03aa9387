"""Seven steps: every version computes the same gradients, and the first ones compute in the dtype that they say."""

import numpy as np
import pytest
from oracles import assert_close

from lstm_helpers.backprop import lstm_backward
from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.seven_steps import VERSIONS, textbook

NAMES = ("x", "weight_ih", "weight_hh", "bias")


def random_run(dtype=np.float64, sizes=(7, 3, 5, 4)):
    rng = np.random.default_rng(0)
    T, N, D, H = sizes
    shapes = ((4 * H, D), (4 * H, H), (4 * H,), (T, N, D), (T, N, H))
    *weights, x, dh = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    return x, LSTMParams(*weights), dh


@pytest.mark.parametrize("sizes", [(7, 3, 5, 4), (1, 1, 1, 1), (6, 1, 2, 3), (5, 32, 40, 64)])
@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
def test_every_version_computes_the_same_gradients(version, sizes):
    x, params, dh = random_run(sizes=sizes)
    wanted = lstm_backward(lstm_forward(x, params), params, dh)
    got = dict(zip(NAMES, version(x, params, dh), strict=True))
    assert_close(got, {name: getattr(wanted, name) for name in NAMES}, 1e-13)


@pytest.mark.parametrize("version", list(VERSIONS.values())[1:], ids=list(VERSIONS)[1:])
def test_every_version_but_the_first_keeps_the_dtype(version):
    x, params, dh = random_run(np.float32)
    wanted = lstm_backward(lstm_forward(x, params), params, dh)
    got = dict(zip(NAMES, version(x, params, dh), strict=True))
    assert {array.dtype for array in got.values()} == {np.dtype(np.float32)}
    assert_close(got, {name: getattr(wanted, name) for name in NAMES}, 2e-5)


def test_the_textbook_falls_to_float64():
    x, params, dh = random_run(np.float32)
    assert {array.dtype for array in textbook(x, params, dh)} == {np.dtype(np.float64)}


def test_inputs_stay_as_they_are():
    x, params, dh = random_run()
    given = [x, dh, *vars(params).values()]
    before = [array.copy() for array in given]
    for version in VERSIONS.values():
        version(x, params, dh)
    for array, wanted in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, wanted)
