"""The alphabet, temporal order and the late lamp: what is wanted, and the baselines that the docstrings promise."""

import collections

import numpy as np
import pytest

from lstm_helpers import tasks

# --- text in windows -----------------------------------------------------------------------------


def test_text_to_numbers_and_back():
    ids = tasks.encode("a cab", "abc ")
    assert ids.tolist() == [0, 3, 2, 0, 1]
    assert tasks.decode(ids, "abc ") == "a cab"
    assert len(tasks.encode("", "abc")) == 0


def test_letters_that_are_not_there_or_twice_are_refused():
    with pytest.raises(ValueError, match="text has 'd', which letters does not have"):
        tasks.encode("abd", "abc")
    with pytest.raises(ValueError, match="one comes twice"):
        tasks.encode("ab", "aba")


@pytest.mark.parametrize(
    ("length", "seq_len", "count"), [(29, 28, 1), (57, 28, 2), (58, 28, 2), (56, 28, 1), (7, 1, 6)]
)
def test_windows_follow_each_other_without_a_gap(length, seq_len, count):
    ids = np.random.default_rng(0).integers(0, 9, length)
    inputs, targets = tasks.windows(ids, seq_len)
    assert inputs.shape == targets.shape == (seq_len, count)
    for n in range(count):
        for t in range(seq_len):
            assert inputs[t, n] == ids[n * seq_len + t]
            assert targets[t, n] == ids[n * seq_len + t + 1]
    assert not np.shares_memory(inputs, ids)


def test_windows_longer_than_the_text_are_refused():
    with pytest.raises(ValueError, match="seq_len is 28, wanted 1 to 27"):
        tasks.windows(np.arange(28), 28)
    with pytest.raises(ValueError, match="ids has shape"):
        tasks.windows(np.zeros((3, 3), int), 2)


def test_one_hot():
    rows = tasks.one_hot(np.array([[2, 0], [1, 1]]), 3)
    np.testing.assert_array_equal(rows, [[[0, 0, 1], [1, 0, 0]], [[0, 1, 0], [0, 1, 0]]])
    for wrong, message in (([3], "ids holds 3 to 3, wanted 0 to 2"), ([-1], "-1 to -1"), ([0.5], "ids is float64")):
        with pytest.raises(ValueError, match=message):
            tasks.one_hot(wrong, 3)


# --- the alphabet --------------------------------------------------------------------------------


def test_alphabet_is_read_on_from_window_to_window():
    x, target = tasks.alphabet(30)
    assert x.shape == (28, 30, 27)
    assert target.shape == (28, 30)
    text = (tasks.ALPHABET * 40)[: 28 * 30 + 1]
    read = tasks.decode(x.argmax(axis=-1).T.ravel(), tasks.ALPHABET)
    assert read == text[:-1]
    assert tasks.decode(target.T.ravel(), tasks.ALPHABET) == text[1:]
    np.testing.assert_array_equal(x.sum(axis=-1), 1)


def test_alphabet_baselines():
    """A table of pairs is always right, for each character is always followed by the same one."""
    x, target = tasks.alphabet(27)
    followers = collections.defaultdict(set)
    for now, then in zip(x.argmax(axis=-1).ravel(), target.ravel(), strict=True):
        followers[int(now)].add(int(then))
    assert len(followers) == 27
    assert all(len(then) == 1 for then in followers.values())
    assert (np.bincount(target.ravel()) == target.size / 27).all()  # so a guess is right once in 27
    assert round(np.log(27), 3) == 3.296


# --- temporal order ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tasks.temporal_order, lambda *s, seed: tasks.late_lamp(*s, delay=2, seed=seed)])
def test_the_seed_decides_and_a_generator_is_drawn_from(make):
    x, target = make(24, 50, seed=3)
    again, target_again = make(24, 50, seed=3)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(target, target_again)
    assert (make(24, 50, seed=4)[0] != x).any()
    rng = np.random.default_rng(0)
    assert (make(24, 50, seed=rng)[0] != make(24, 50, seed=rng)[0]).any()
    assert x.dtype == np.float64
    assert target.dtype.kind == "i"


@pytest.mark.parametrize("T", [4, 5, 24, 31])
def test_temporal_order_has_two_signals_far_apart(T):
    x, target = tasks.temporal_order(T, 400, seed=1)
    assert x.shape == (T, 400, 6)
    np.testing.assert_array_equal(x.sum(axis=-1), 1)
    letters = x.argmax(axis=-1)
    for n in range(400):
        (first, second) = np.flatnonzero(letters[:, n] < 2)
        assert first < T // 4
        assert T // 2 <= second < T // 2 + T // 4
        assert target[n] == 2 * letters[first, n] + letters[second, n]
    if T == 24:  # all places and all distractors come
        firsts, seconds = (np.unique([np.flatnonzero(letters[:, n] < 2)[k] for n in range(400)]) for k in (0, 1))
        assert firsts.tolist() == list(range(6))
        assert seconds.tolist() == list(range(12, 18))
        assert set(np.unique(letters)) == set(range(6))


def test_temporal_order_baselines():
    x, target = tasks.temporal_order(24, 20_000, seed=0)
    letters = x.argmax(axis=-1)
    signals = np.sort(np.where(letters < 2, letters, 9), axis=0)[:2]  # which came, not in which order
    assert right_at_best(np.zeros_like(target), target) == pytest.approx(1 / 4, abs=0.02)
    assert right_at_best(target // 2, target) == pytest.approx(1 / 2, abs=0.02)
    assert right_at_best(target % 2, target) == pytest.approx(1 / 2, abs=0.02)
    assert right_at_best(2 * signals[0] + signals[1], target) == pytest.approx(3 / 4, abs=0.02)


def right_at_best(seen, target):
    """How often the best answer is right for someone who sees `seen` only."""
    return sum(np.bincount(target[seen == value]).max() for value in np.unique(seen)) / len(target)


# --- the late lamp -------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 2, 7])
def test_late_lamp_shows_what_was_on_some_steps_ago(delay):
    x, target = tasks.late_lamp(8, 60, delay=delay, seed=1)
    assert x.shape == (8, 60, 1)
    assert target.shape == (8, 60)
    assert set(np.unique(x)) == {0, 1}
    for n in range(60):
        on, seen = 0, []
        for t in range(8):
            on = 1 - on if x[t, n, 0] else on
            seen.append(on)
        assert target[:, n].tolist() == [0] * delay + seen[: 8 - delay]


def test_late_lamp_baselines():
    """All 2**6 ways to press in six steps: one press missed, whichever, and half of the answers are wrong."""
    ways = (np.arange(64)[:, None] >> np.arange(6)) & 1  # (64, 6), each way once: exact, no sample
    lamp = ways.sum(axis=1) % 2
    assert right_at_best(np.zeros(64, int), lamp) == 1 / 2
    for missed in range(6):
        known = np.delete(ways, missed, axis=1) @ (2 ** np.arange(5))
        assert right_at_best(known, lamp) == 1 / 2
    x, target = tasks.late_lamp(20, 5000, delay=2, seed=0)
    assert x.mean() == pytest.approx(1 / 2, abs=0.01)
    assert target[2:].mean() == pytest.approx(1 / 2, abs=0.01)
    np.testing.assert_allclose(target[2:].mean(axis=1), 1 / 2, atol=0.04)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tasks.temporal_order(3, 2, seed=0), "seq_len is 3, wanted at least 4"),
        (lambda: tasks.temporal_order(8, 0, seed=0), "batch_size is 0, wanted at least 1"),
        (lambda: tasks.late_lamp(8, 2, delay=8, seed=0), "delay is 8, wanted 0 to 7"),
        (lambda: tasks.late_lamp(8, 2, delay=-1, seed=0), "delay is -1, wanted 0 to 7"),
        (lambda: tasks.late_lamp(0, 2, delay=0, seed=0), "seq_len is 0, wanted at least 1"),
        (lambda: tasks.alphabet(0), "num_windows is 0, wanted at least 1"),
        (lambda: tasks.alphabet(2, 2.0), "seq_len is 2.0, wanted a whole number"),
    ],
)
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
