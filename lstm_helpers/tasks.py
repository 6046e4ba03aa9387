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


# --- the alphabet, and text in windows (notebook 04) ---------------------------------------------

ALPHABET = "abcdefghijklmnopqrstuvwxyz "


def encode(text, letters):
    """The number of each character of `text` in `letters`, (len(text),); a ValueError names one that is not there."""
    numbers = {letter: number for number, letter in enumerate(letters)}
    if len(numbers) < len(letters):
        raise ValueError(f"letters is {letters!r}: one comes twice, wanted each once")
    unknown = sorted(set(text) - set(letters))
    if unknown:
        raise ValueError(f"text has {unknown[0]!r}, which letters does not have: {letters!r}")
    return np.array([numbers[character] for character in text], dtype=np.intp)


def decode(ids, letters):
    """The text whose characters have the numbers `ids` in `letters`: the way back of `encode`."""
    return "".join(letters[k] for k in ids)


def windows(ids, seq_len):
    """Cut a text into windows, one after the other, with the next character as target everywhere.

    Parameters
    ----------
    ids : ndarray of int (L,)
        The text as numbers, see `encode`.
    seq_len : int
        T, from 1 to L - 1.

    Returns
    -------
    inputs, targets : ndarray of int (T, N)
        Window n holds the characters n * T to n * T + T - 1, its targets are one further. There
        are N = (L - 1) // T windows; what is left at the end, less than a window, is not used.
    """
    check_shape("ids", ids, ("L",))
    seq_len = integer("seq_len", seq_len, 1, len(ids) - 1)
    used = (len(ids) - 1) // seq_len * seq_len
    return tuple(ids[first : first + used].reshape(-1, seq_len).T.copy() for first in (0, 1))


def one_hot(ids, size):
    """Numbers (...) as rows (..., size) that are 1 at the number and 0 elsewhere."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise ValueError(f"ids is {ids.dtype}, wanted whole numbers")
    if ids.size and (ids.min() < 0 or ids.max() >= size):
        raise ValueError(f"ids holds {ids.min()} to {ids.max()}, wanted 0 to {size - 1}")
    return np.eye(size)[ids]


def alphabet(num_windows, seq_len=28):
    """The alphabet and a space, again and again, in windows; wanted is the next character.

    Nothing here is random. How far one gets without a network: a guess is right once in 27, with
    a loss of ln 27 = 3.296; a table that says for each character which one came next is always
    right, with a loss of 0. The next character depends on nothing but the current one.

    Parameters
    ----------
    num_windows, seq_len : int
        N and T. A window of 28 starts one character later in the alphabet than the one before.

    Returns
    -------
    x : ndarray (T, N, 27)
        One-hot, in the order of `ALPHABET`.
    target : ndarray of int (T, N)
    """
    num_windows, seq_len = integer("num_windows", num_windows, 1), integer("seq_len", seq_len, 1)
    inputs, target = windows(np.arange(num_windows * seq_len + 1) % len(ALPHABET), seq_len)
    return one_hot(inputs, len(ALPHABET)), target


# --- what tells a right gradient from a wrong one (notebook 04) ----------------------------------

ORDER_LETTERS = "XYabcd"  # two signals, four distractors


def temporal_order(seq_len, batch_size, *, seed):
    """Two signals, far apart, among distractors; wanted at the end is which ones, in which order.

    After Hochreiter & Schmidhuber (1997, "Long Short-Term Memory", experiment 6a). The first
    signal, X or Y, comes in the first quarter, the second, X or Y again, in the third quarter; all
    other letters are drawn from a, b, c, d and mean nothing.

    How far one gets without the order: any constant answer is right with probability 1/4; knowing
    one of the two signals alone gives 1/2; knowing which signals came, but not in which order,
    gives 3/4 (XX and YY are then sure, XY and YX a toss of a coin).

    Parameters
    ----------
    seq_len, batch_size : int
        T, at least 4, and N.
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 6)
        One-hot, in the order of `ORDER_LETTERS`.
    target : ndarray of int (N,)
        0 for XX, 1 for XY, 2 for YX, 3 for YY; each with probability 1/4.
    """
    rng, (T, N) = _start(integer("seq_len", seq_len, 4), batch_size, seed)
    letters = rng.integers(2, len(ORDER_LETTERS), (T, N))
    first, second = rng.integers(0, T // 4, N), rng.integers(T // 2, T // 2 + T // 4, N)
    signals = rng.integers(0, 2, (2, N))
    letters[first, np.arange(N)], letters[second, np.arange(N)] = signals
    return one_hot(letters, len(ORDER_LETTERS)), 2 * signals[0] + signals[1]


def late_lamp(seq_len, batch_size, *, delay, seed):
    """A lamp with one button, as in `toggle`, seen late; wanted is whether it was on `delay` steps ago.

    The button is pressed at every step with probability 1/2. So from step `delay` on the lamp seen
    is on in exactly half of all cases, and whoever has missed one single press, no matter which,
    is right with probability 1/2 and no more. A constant answer has a loss of ln 2 = 0.693 there.
    Before that step the answer is always 0.

    Parameters
    ----------
    seq_len, batch_size : int
        T and N.
    delay : int
        0 to T - 1; 0 is the lamp right after this step's button.
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 1)
        1 where the button is pressed, else 0.
    target : ndarray of int (T, N)
        1 if the lamp was on, which is off at the start.
    """
    rng, (T, N) = _start(seq_len, batch_size, seed)
    delay = integer("delay", delay, 0, T - 1)
    press = rng.integers(0, 2, (T, N))
    target = np.zeros_like(press)
    target[delay:] = press.cumsum(axis=0)[: T - delay] % 2
    return press[..., None].astype(float), target


# --- two directions (notebook 06) ----------------------------------------------------------------


def look_ahead(seq_len, batch_size, *, ahead, seed):
    """Letters a and b; wanted at each step is which letters stood `ahead` steps before and stand `ahead` steps after.

    Where the text has ended, or not yet begun, an a counts. How far one gets: at a step that has
    both neighbours a constant answer is right with probability 1/4; whoever has read up to this
    step only, with probability 1/2, for the letter to come is a toss of a coin; whoever has read
    both sides, always. At the last steps, where nothing is to come, the past is enough.

    Parameters
    ----------
    seq_len, batch_size : int
        T and N.
    ahead : int
        1 to T - 1.
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 2)
        One-hot: a, b; each with probability 1/2.
    target : ndarray of int (T, N)
        0 to 3: twice the number of the letter before (a is 0, b is 1), plus that of the letter after.
    """
    rng, (T, N) = _start(seq_len, batch_size, seed)
    letters = rng.integers(0, 2, (T, N))
    return one_hot(letters, 2), look_ahead_target(letters, ahead)


def look_ahead_target(letters, ahead):
    """The target of `look_ahead` for letters (T, N), each 0 or 1."""
    check_shape("letters", letters, ("T", "N"))
    T = len(letters)
    ahead = integer("ahead", ahead, 1, T - 1)
    nothing = np.zeros_like(letters[:ahead])
    return 2 * np.concatenate([nothing, letters[:-ahead]]) + np.concatenate([letters[ahead:], nothing])


def first_and_last(seq_len, batch_size, *, shortest, seed):
    """Words of different lengths, padded with zeros; wanted of each is its first letter and its last.

    How far one gets: a constant answer is right with probability 1/4, whoever knows one of the two
    letters with probability 1/2.

    Parameters
    ----------
    seq_len, batch_size : int
        T, the longest, and N.
    shortest : int
        1 to T. Each length from this one to T is as likely as the others.
    seed : int or numpy.random.Generator

    Returns
    -------
    x : ndarray (T, N, 2)
        One-hot: a, b; each with probability 1/2; zeros after the end.
    lengths : ndarray of int (N,)
    target : ndarray of int (N,)
        0 to 3: twice the number of the first letter (a is 0, b is 1), plus that of the last.
    """
    rng, (T, N) = _start(seq_len, batch_size, seed)
    shortest = integer("shortest", shortest, 1, T)
    lengths = rng.integers(shortest, T + 1, N)
    letters = rng.integers(0, 2, (T, N))
    x = one_hot(letters, 2) * (np.arange(T)[:, None] < lengths)[..., None]
    return x, lengths, 2 * letters[0] + letters[lengths - 1, np.arange(N)]


_TOY_WORDS = """
    bird boat book cave city dust farm fish frog goat hand hill lake lamp leaf lion
    milk moon nest rain ring road rose salt ship snow song star tree wave wind wolf
"""
TOY_WORDS = tuple(_TOY_WORDS.split())
TOY_LETTERS = "".join(sorted(set("".join(TOY_WORDS)))) + " "


def toy_text(count, *, seed):
    """Words, each drawn from the 32 `TOY_WORDS`, with a space after each.

    No model that knows only what was written so far can do better, in the long run, than one that
    knows the words: each costs it ln 32 nats for 5 letters, a perplexity of 32 ** (1 / 5) = 2 for
    a letter. A blind guess among the 23 letters (the space is one) has 23.

    Parameters
    ----------
    count : int
        How many words, at least 1.
    seed : int or numpy.random.Generator

    Returns
    -------
    str
        5 * count letters of `TOY_LETTERS`.
    """
    chosen = np.random.default_rng(seed).choice(TOY_WORDS, integer("count", count, 1))
    return "".join(f"{word} " for word in chosen)


def _start(seq_len, batch_size, seed):
    shape = integer("seq_len", seq_len, 1), integer("batch_size", batch_size, 1)
    return np.random.default_rng(seed), shape


def _last_step(marked):
    """For each step the number of the last marked step so far, or -1; shape (T, N)."""
    steps = np.arange(len(marked))[:, None]
    return np.maximum.accumulate(np.where(marked, steps, -1), axis=0)
