"""The checks of arguments: what is wrong gets a sentence that names it, what is right passes untouched."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from oracles import searching, shapes

from lstm_helpers.validate import (
    as_array,
    check_shape,
    float_array,
    float_dtype,
    integer,
    read_only,
    sequence_lengths,
)

TENSOR = torch.zeros(2, dtype=torch.float64)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(2, int), "x is int64, wanted float32 or float64"),
        ([1, 2], "x is int64, wanted float32 or float64"),
        (np.zeros(2, bool), "x is bool, wanted float32 or float64"),
        (np.zeros(2, np.float16), "x is float16, wanted float32 or float64"),
        (np.zeros(2, np.longdouble), f"x is {np.dtype(np.longdouble)}, wanted float32 or float64"),
        (np.zeros(2, complex), "x is complex128, wanted float32 or float64"),
        (np.zeros(2, object), "x is object, wanted float32 or float64"),
        (np.zeros(2, ">f8"), "x is >f8, wanted float32 or float64"),
        (None, "x is object, wanted float32 or float64"),
        ("text", "x is <U4, wanted float32 or float64"),
        ([0.0, np.nan], "x holds NaN, wanted finite numbers"),
        ([0.0, np.inf], "x holds infinity, wanted finite numbers"),
        ([-np.inf, 0.0], "x holds infinity, wanted finite numbers"),
        ([[1.0], [1.0, 2.0]], "x cannot be read as an array: "),
        (TENSOR.clone().requires_grad_(), "x cannot be read as an array: "),
        (TENSOR.to(torch.bfloat16), "x cannot be read as an array: "),
    ],
)
def test_float_array_refuses(value, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        float_array("x", value)


def test_float_array_refuses_a_mix_of_dtypes():
    with pytest.raises(ValueError, match="^x is float32, c is float64: wanted one dtype for both$"):
        float_array("x", np.zeros(2, np.float32), like=("c", np.dtype(np.float64)))


@pytest.mark.parametrize("value", [np.ones((2, 3)), np.ones((2, 3), np.float32), np.float64(1), TENSOR])
def test_float_array_passes_what_is_right(value):
    array = float_array("x", value)
    assert array.dtype == np.asarray(value).dtype
    np.testing.assert_array_equal(array, np.asarray(value))


def test_float_array_does_not_copy():
    array = np.ones(3)
    assert float_array("x", array) is array


def test_float_array_lets_nan_pass_where_it_may():
    assert np.isnan(float_array("x", [np.nan, 1.0], finite=False)[0])


@given(shape=shapes)
@searching
def test_check_shape_with_numbers_and_letters(shape):
    array = np.zeros(shape)
    fits = len(shape) == 2 and shape[0] == 3 and shape[1] > 0
    if fits:
        check_shape("x", array, (3, "D"))
        return
    with pytest.raises(ValueError, match="^x has shape " + re.escape(f"{shape}")) as error:
        check_shape("x", array, (3, "D"))
    assert ("wanted (3, D)" in str(error.value)) or ("it is empty" in str(error.value))


@pytest.mark.parametrize(
    ("shape", "wanted", "message"),
    [
        ((2, 3), (2, 4), "x has shape (2, 3), wanted (2, 4)"),
        ((2,), (2, 1), "x has shape (2,), wanted (2, 1)"),
        ((3,), (2,), "x has shape (3,), wanted (2,)"),
        ((), ("N",), "x has shape (), wanted (N,)"),
        ((0, 3), ("N", 3), "x has shape (0, 3): it is empty, wanted at least 1 along each axis"),
        ((2, 0), (2, "D"), "x has shape (2, 0): it is empty, wanted at least 1 along each axis"),
        ((2, 0), (2, 3), "x has shape (2, 0), wanted (2, 3)"),
    ],
)
def test_check_shape_says(shape, wanted, message):
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        check_shape("x", np.zeros(shape), wanted)


@pytest.mark.parametrize("dtype", [np.float32, "float32", np.dtype("f4"), np.float64, float])
def test_float_dtype_passes(dtype):
    assert float_dtype(dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [int, np.float16, "complex64", object, bool, "nonsense", torch.float32, 3.5])
def test_float_dtype_refuses(dtype):
    with pytest.raises(ValueError, match="^dtype is .*, wanted .*float32 or float64$"):
        float_dtype(dtype)


@pytest.mark.parametrize("value", [2.0, "2", None, True, np.True_, np.float64(2), [2], np.array(2.0)])
def test_integer_refuses_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match=f"^size is {re.escape(repr(value))}, wanted a whole number$"):
        integer("size", value, 0)


@pytest.mark.parametrize(
    ("value", "high", "message"),
    [
        (0, None, "size is 0, wanted at least 1"),
        (-3, 5, "size is -3, wanted 1 to 5"),
        (6, 5, "size is 6, wanted 1 to 5"),
        (np.uint8(6), 5, "size is 6, wanted 1 to 5"),
    ],
)
def test_integer_refuses_what_is_out_of_range(value, high, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        integer("size", value, 1, high)


@pytest.mark.parametrize("value", [1, 5, np.int8(1), np.uint64(5)])
def test_integer_gives_an_int(value):
    result = integer("size", value, 1, 5)
    assert type(result) is int
    assert result == value


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1.0, 2.0, 3.0], "lengths is float64, wanted whole numbers"),
        ([True, True, True], "lengths is bool, wanted whole numbers"),
        (["1", "2", "3"], "lengths is <U1, wanted whole numbers"),
        ([None, 1, 2], "lengths is object, wanted whole numbers"),
        ([[1], [1, 2]], "lengths cannot be read as an array: "),
        ([], "lengths is float64, wanted whole numbers"),
        (3, "lengths has shape (), wanted (3,): one for each sequence of the batch"),
        ([1, 2], "lengths has shape (2,), wanted (3,): one for each sequence of the batch"),
        ([[1, 2, 3]], "lengths has shape (1, 3), wanted (3,): one for each sequence of the batch"),
        ([1, 0, 3], "lengths holds 0, wanted 1 to 4 (the steps that x has)"),
        ([1, -2, 3], "lengths holds -2, wanted 1 to 4 (the steps that x has)"),
        ([1, 5, 3], "lengths holds 5, wanted 1 to 4 (the steps that x has)"),
        (np.array([1, 2**63, 3], np.uint64), "lengths holds 9223372036854775808, wanted 1 to 4"),
    ],
)
def test_sequence_lengths_refuses(lengths, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        sequence_lengths(lengths, 4, 3)


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda v: np.array(v, np.uint8)])
def test_sequence_lengths_takes_any_order_and_any_kind_of_list(kind):
    result = sequence_lengths(kind([2, 4, 1]), 4, 3)
    assert result.dtype == np.intp
    np.testing.assert_array_equal(result, [2, 4, 1])


def test_sequence_lengths_missing_and_copied():
    np.testing.assert_array_equal(sequence_lengths(None, 4, 3), [4, 4, 4])
    given_lengths = np.array([2, 4, 1])
    assert not np.shares_memory(sequence_lengths(given_lengths, 4, 3), given_lengths)


def test_as_array_names_what_it_cannot_read():
    with pytest.raises(ValueError, match="^targets cannot be read as an array: "):
        as_array("targets", [[1], [1, 2]])


def test_read_only_is_a_view_that_refuses_writing():
    array = np.zeros(3)
    view = read_only(array)
    assert np.shares_memory(view, array)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    array[0] = 2
    assert view[0] == 2
