"""Tasks for two directions: what is wanted, and how far one gets without the second direction."""

import itertools

import numpy as np
import pytest

from lstm_helpers import tasks


def best_score(codes, target):
    """The best a guesser can do who sees the code of each case: the most frequent target of each code, (cases,)."""
    table = np.zeros((codes.max() + 1, target.max() + 1))
    np.add.at(table, (codes, target), 1)
    return table.max(axis=1).sum() / len(target)


def every_text(T):
    return np.array(list(itertools.product((0, 1), repeat=T))).T


# --- look_ahead ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("T", "N", "ahead"), [(7, 5, 2), (4, 1, 3), (9, 300, 1)])
def test_look_ahead_tags_with_the_letters_on_both_sides(T, N, ahead):
    x, target = tasks.look_ahead(T, N, ahead=ahead, seed=1)
    assert x.shape == (T, N, 2)
    assert target.shape == (T, N)
    np.testing.assert_array_equal(x.sum(axis=2), 1)
    letters = x[..., 1]
    for t, n in np.ndindex(T, N):
        before = letters[t - ahead, n] if t >= ahead else 0
        after = letters[t + ahead, n] if t + ahead < T else 0
        assert target[t, n] == 2 * before + after


def test_look_ahead_is_drawn_from_its_seed():
    one, again, other = (tasks.look_ahead(6, 50, ahead=2, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert 0.4 < tasks.look_ahead(20, 500, ahead=2, seed=0)[0][..., 1].mean() < 0.6


@pytest.mark.parametrize(("T", "ahead"), [(6, 1), (7, 2), (6, 4)])
def test_look_ahead_baselines_counted_over_all_texts(T, ahead):
    letters = every_text(T)
    target = tasks.look_ahead_target(letters, ahead)
    for t in range(T):
        past, future = (
            2 ** np.arange(len(part)) @ part if len(part) else np.zeros(2**T, int)
            for part in (letters[: t + 1], letters[t + 1 :])
        )
        assert best_score(past, target[t]) == (0.5 if t + ahead < T else 1)
        assert best_score(past + 2 ** (t + 1) * future, target[t]) == 1
        if ahead <= t < T - ahead:
            assert best_score(np.zeros(2**T, int), target[t]) == 0.25


@pytest.mark.parametrize("ahead", [0, 5, 1.5])
def test_look_ahead_refuses_what_no_step_could_see(ahead):
    with pytest.raises(ValueError, match="ahead is"):
        tasks.look_ahead(5, 2, ahead=ahead, seed=0)
    with pytest.raises(ValueError, match="letters has shape"):
        tasks.look_ahead_target(np.zeros(4), 1)


# --- first_and_last ------------------------------------------------------------------------------


def test_first_and_last_letters_within_each_length():
    x, lengths, target = tasks.first_and_last(9, 400, shortest=3, seed=4)
    assert x.shape == (9, 400, 2)
    assert set(lengths) == set(range(3, 10))
    for n, length in enumerate(lengths):
        np.testing.assert_array_equal(x[:length, n].sum(axis=1), 1)
        assert (x[length:, n] == 0).all()
        assert target[n] == 2 * x[0, n, 1] + x[length - 1, n, 1]
    again = tasks.first_and_last(9, 400, shortest=3, seed=4)
    for got, wanted in zip(again, (x, lengths, target), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_first_and_last_baselines():
    x, lengths, target = tasks.first_and_last(12, 40000, shortest=2, seed=0)
    last = x[lengths - 1, np.arange(len(lengths)), 1].astype(int)
    assert best_score(0 * last, target) == pytest.approx(1 / 4, abs=0.01)
    assert best_score(last, target) == pytest.approx(1 / 2, abs=0.01)
    assert best_score(x[0, :, 1].astype(int), target) == pytest.approx(1 / 2, abs=0.01)


@pytest.mark.parametrize("shortest", [0, 6])
def test_first_and_last_refuses_lengths_that_do_not_fit(shortest):
    with pytest.raises(ValueError, match="shortest is"):
        tasks.first_and_last(5, 2, shortest=shortest, seed=0)


# --- toy_text ------------------------------------------------------------------------------------


def test_toy_text_is_made_of_its_32_words():
    assert len(set(tasks.TOY_WORDS)) == len(tasks.TOY_WORDS) == 32
    assert {len(word) for word in tasks.TOY_WORDS} == {4}
    text = tasks.toy_text(3000, seed=0)
    assert len(text) == 15000
    words = text.split(" ")
    assert words.pop() == ""
    assert set(words) == set(tasks.TOY_WORDS)
    assert max(words.count(word) for word in tasks.TOY_WORDS) < 3000 / 32 * 1.5
    assert tasks.toy_text(3000, seed=0) == text != tasks.toy_text(3000, seed=1)
    tasks.encode(text, tasks.TOY_LETTERS)
    assert len(tasks.TOY_LETTERS) == 23


def test_toy_text_has_a_floor_of_two():
    """The perplexity of the model that knows the words, letter by letter, from counting prefixes."""
    nats = 0.0
    for word in tasks.TOY_WORDS:
        for k in range(4):
            alike = [other for other in tasks.TOY_WORDS if other.startswith(word[:k])]
            nats -= np.log(sum(other[k] == word[k] for other in alike) / len(alike))
    assert np.exp(nats / (32 * 5)) == pytest.approx(2)


def test_toy_text_refuses_no_words():
    with pytest.raises(ValueError, match="count is 0, wanted at least 1"):
        tasks.toy_text(0, seed=0)
