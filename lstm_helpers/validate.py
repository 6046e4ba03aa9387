"""Checks of what callers hand in: each error names the argument, what came and what was wanted."""

from math import isfinite

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_array(name, value, shape=None, *, like=None, finite=True):
    """Return `value` as an array of float32 or float64, or say what is wrong with it.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like
        What the caller handed in. It is not copied.
    shape : tuple of (int or str), optional
        What is wanted: a number must agree, a letter may be any size of at least 1.
    like : tuple of (str, dtype), optional
        Another argument's name and dtype; this one must have the same dtype.
    finite : bool
        Whether NaN and infinities are refused.

    Raises
    ------
    ValueError
        For another dtype, shape or dtype mix, and for NaN or infinity.
    """
    array = as_array(name, value)
    if array.dtype not in FLOATS:
        raise ValueError(f"{name} is {array.dtype}, wanted float32 or float64")
    if shape is not None:
        check_shape(name, array, shape)
    if like is not None and array.dtype != like[1]:
        raise ValueError(f"{name} is {array.dtype}, {like[0]} is {like[1]}: wanted one dtype for both")
    if finite and not _all_finite(array):
        worst = "NaN" if np.isnan(array).any() else "infinity"
        raise ValueError(f"{name} holds {worst}, wanted finite numbers")
    return array


def _all_finite(array):
    # A sum of squares is finite only if each of them is, and a dot product is much cheaper than a look at each number.
    # Where the sum itself overflows, or the array is not a plain block that BLAS takes, the look is still needed.
    return (array.flags.forc and array.flags.aligned and isfinite(np.vdot(array, array))) or np.isfinite(array).all()


def as_array(name, value):
    """Return `value` as an array of any dtype, or say why it is none: a ragged list, a tensor that needs gradients."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be read as an array: {error}") from error


def float_dtype(dtype):
    """Return `dtype` as NumPy's float32 or float64, or say what is wrong with it."""
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise ValueError(f"dtype is {dtype!r}, wanted NumPy's float32 or float64") from error
    if found not in FLOATS:
        raise ValueError(f"dtype is {found}, wanted float32 or float64")
    return found


def check_shape(name, array, shape):
    """Raise a ValueError unless `array` has `shape`; a letter in `shape` stands for any size of at least 1."""
    fits = array.shape == shape or (
        array.ndim == len(shape)
        and all(got == want or isinstance(want, str) for got, want in zip(array.shape, shape, strict=True))
    )
    if fits and array.size:
        return
    wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if fits:
        raise ValueError(f"{name} has shape {array.shape}: it is empty, wanted at least 1 along each axis")
    raise ValueError(f"{name} has shape {array.shape}, wanted {wanted}")


def integer(name, value, low, high=None):
    """Return `value` as an int between `low` and `high` (both included), or say what is wrong with it."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} is {value!r}, wanted a whole number")
    if value < low or (high is not None and value > high):
        wanted = f"at least {low}" if high is None else f"{low} to {high}"
        raise ValueError(f"{name} is {value}, wanted {wanted}")
    return int(value)


def sequence_lengths(lengths, seq_len, batch_size):
    """Return `lengths` as an array of ints, shape (N,), each from 1 to T; None means T for every sequence."""
    if lengths is None:
        return np.full(batch_size, seq_len)
    array = as_array("lengths", lengths)
    if array.dtype.kind not in "iu":
        raise ValueError(f"lengths is {array.dtype}, wanted whole numbers")
    if array.shape != (batch_size,):
        raise ValueError(f"lengths has shape {array.shape}, wanted ({batch_size},): one for each sequence of the batch")
    for length in array:
        if not 1 <= length <= seq_len:
            raise ValueError(f"lengths holds {length}, wanted 1 to {seq_len} (the steps that x has)")
    return array.astype(np.intp)


def read_only(array):
    """`array` so that it cannot be written to, as a view if need be: no result changes by accident after the fact."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view
