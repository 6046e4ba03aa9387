"""Seeded toy sequences: what goes into a network, and what should come out at every step.

The same seed gives the same sequences. Time comes first: x is (T, N, D), a target (T, N).
"""

import itertools

import numpy as np

from lstm_helpers.validate import check_shape, integer

# --- memory of one unit: latch, count, reset (notebook 02) ---------------------------------------


def latch(seq_len, batch_size, *, seed):
    """Random values, of which only the marked ones count; wanted is the value marked last.

    Parameters
    ----------
    seq_len, batch_size : int
        T and N, at least 1.
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 2)
        ``x[..., 0]`` is the value, -1 or 1; ``x[..., 1]`` the mark: 1 on about every eighth step, else 0.
    target : ndarray (T, N)
        The value at the last marked step so far; 0 before the first mark.
    """
    rng, shape = _start(seq_len, batch_size, seed)
    value = rng.choice([-1.0, 1.0], shape)
    mark = (rng.random(shape) < 1 / 8).astype(float)
    x = np.stack([value, mark], axis=-1)
    return x, latch_target(x)


def latch_target(x):
    """What a latch should hold after each step: the value marked last, (T, N), for x (T, N, 2 or more)."""
    check_shape("x", x, ("T", "N", "D"))
    value, mark = x[..., 0], x[..., 1]
    last = _last_step(mark == 1)
    return np.where(last >= 0, np.take_along_axis(value, np.maximum(last, 0), axis=0), 0.0)


def asked_latch(seq_len, batch_size, *, seed):
    """The latch that answers only when it is asked.

    Parameters
    ----------
    seq_len, batch_size : int
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 3)
        As for `latch`; ``x[..., 2]`` is 1 on the steps where the answer is asked for, about every fourth.
    target : ndarray (T, N)
        The value marked last where it is asked for, else 0.
    """
    rng, shape = _start(seq_len, batch_size, seed)
    x, held = latch(seq_len, batch_size, seed=rng)
    ask = (rng.random(shape) < 1 / 4).astype(float)
    return np.concatenate([x, ask[..., None]], axis=-1), np.where(ask == 1, held, 0.0)


def brackets(seq_len, batch_size, *, seed):
    """Opening and closing brackets among other letters; wanted is how deep we are.

    Parameters
    ----------
    seq_len, batch_size : int
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 1)
        1 for an opening bracket, -1 for a closing one, 0 for any other letter.
    depth : ndarray (T, N)
        How many brackets are open after each step; never below 0.
    """
    rng, shape = _start(seq_len, batch_size, seed)
    x = rng.choice([1.0, -1.0, 0.0], shape, p=[0.3, 0.3, 0.4])
    depth = np.zeros(shape)
    before = np.zeros(batch_size)
    for t in range(seq_len):
        x[t, (before == 0) & (x[t] == -1)] = 1  # nothing to close: open one instead
        before = depth[t] = before + x[t]
    return x[..., None], depth


def letter_count(seq_len, batch_size, *, seed):
    """Words; wanted is how often the letter "a" came in the current word so far.

    Parameters
    ----------
    seq_len, batch_size : int
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 3)
        One-hot: the letter "a", a space, any other letter.
    count : ndarray (T, N)
        The a's since the last space.
    """
    rng, shape = _start(seq_len, batch_size, seed)
    x = np.eye(3)[rng.choice(3, shape, p=[0.4, 0.15, 0.45])]
    total = np.concatenate([np.zeros((1, batch_size)), x[..., 0].cumsum(axis=0)])
    at_space = np.take_along_axis(total, _last_step(x[..., 1] == 1) + 1, axis=0)  # how many had come by then
    return x, total[1:] - at_space


def toggle(seq_len, batch_size, *, seed):
    """A lamp with one button: each press turns it on or off.

    Parameters
    ----------
    seq_len, batch_size : int
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 1)
        1 where the button is pressed, about every third step, else 0.
    lamp : ndarray (T, N)
        1 after an odd number of presses, 0 after an even one.
    """
    rng, shape = _start(seq_len, batch_size, seed)
    press = (rng.random(shape) < 1 / 3).astype(float)
    return press[..., None], press.cumsum(axis=0) % 2


# --- sums of three numbers (notebook 05) ---------------------------------------------------------


def sums(batch_size, *, seed, largest=6, without=()):
    """Rows of three whole numbers; wanted is the sum of each.

    Parameters
    ----------
    batch_size : int
        N, at least 1.
    seed : int or numpy.random.Generator
    largest : int
        The numbers are 0 to this one.
    without : sequence of rows of three numbers
        Rows that never come, whatever the order of their numbers: questions for later.

    Returns
    -------
    rows : ndarray (N, 3)
        Drawn with replacement: a row may come twice.
    target : ndarray (N, 1)
    """
    size, largest = integer("batch_size", batch_size, 1), integer("largest", largest, 0)
    for row in without:
        if np.shape(row) != (3,):
            raise ValueError(f"without holds a row of shape {np.shape(row)}, wanted rows of three numbers")
    left_out = {tuple(sorted(row)) for row in without}
    every = [row for row in itertools.product(range(largest + 1), repeat=3) if tuple(sorted(row)) not in left_out]
    if not every:
        raise ValueError(f"without leaves no row of numbers from 0 to {largest}")
    rows = np.random.default_rng(seed).choice(np.array(every, dtype=float), size)
    return rows, rows.sum(axis=1, keepdims=True)


def _start(seq_len, batch_size, seed):
    shape = integer("seq_len", seq_len, 1), integer("batch_size", batch_size, 1)
    return np.random.default_rng(seed), shape


def _last_step(marked):
    """For each step the number of the last marked step so far, or -1; shape (T, N)."""
    steps = np.arange(len(marked))[:, None]
    return np.maximum.accumulate(np.where(marked, steps, -1), axis=0)
