import numpy as np
import pytest

from lstm_helpers import tasks

TASKS = {
    "latch": (tasks.latch, 2),
    "asked_latch": (tasks.asked_latch, 3),
    "brackets": (tasks.brackets, 1),
    "letter_count": (tasks.letter_count, 3),
    "toggle": (tasks.toggle, 1),
}


@pytest.mark.parametrize("name", TASKS)
def test_shapes_and_seed(name):
    make, features = TASKS[name]
    x, target = make(30, 7, seed=3)
    again, target_again = make(30, 7, seed=3)
    other, _ = make(30, 7, seed=4)
    assert x.shape == (30, 7, features)
    assert target.shape == (30, 7)
    assert x.dtype == target.dtype == np.float64
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(target, target_again)
    assert (x != other).any()
    assert make(1, 1, seed=0)[0].shape == (1, 1, features)


@pytest.mark.parametrize("name", TASKS)
def test_a_generator_is_drawn_from_and_bad_sizes_are_refused(name):
    make, _ = TASKS[name]
    rng = np.random.default_rng(0)
    assert (make(50, 3, seed=rng)[0] != make(50, 3, seed=rng)[0]).any()
    with pytest.raises(ValueError, match="seq_len is 0, wanted at least 1"):
        make(0, 3, seed=0)
    with pytest.raises(ValueError, match="batch_size is 1.5, wanted a whole number"):
        make(3, 1.5, seed=0)


# The targets again, one sequence and one step at a time, as a person would do it.


def held_value(sequence):
    held = 0.0
    for value, mark in sequence:
        held = value if mark else held
        yield held


def test_latch_wants_the_value_marked_last():
    x, target = tasks.latch(60, 20, seed=1)
    assert set(np.unique(x[..., 0])) == {-1, 1}
    assert 0.08 < x[..., 1].mean() < 0.18
    for n in range(20):
        np.testing.assert_array_equal(target[:, n], list(held_value(x[:, n])))
    assert (target[0] == 0).any()
    with pytest.raises(ValueError, match="x has shape"):
        tasks.latch_target(x[:, 0])


def test_asked_latch_wants_an_answer_only_when_asked():
    x, target = tasks.asked_latch(60, 20, seed=1)
    for n in range(20):
        held = np.array(list(held_value(x[:, n, :2])))
        np.testing.assert_array_equal(target[:, n], held * x[:, n, 2])
    assert 0.2 < x[..., 2].mean() < 0.3
    assert (target != 0).any()


def test_brackets_are_never_closed_before_they_are_opened():
    x, depth = tasks.brackets(200, 20, seed=1)
    np.testing.assert_array_equal(depth, np.cumsum(x[..., 0], axis=0))
    assert depth.min() == 0
    assert depth.max() > 5
    assert set(np.unique(x)) == {-1, 0, 1}


def test_letter_count_starts_again_at_a_space():
    x, count = tasks.letter_count(80, 20, seed=1)
    np.testing.assert_array_equal(x.sum(axis=-1), 1)
    for n in range(20):
        seen = 0
        for t in range(80):
            seen = 0 if x[t, n, 1] else seen + x[t, n, 0]
            assert count[t, n] == seen
    assert count.max() >= 4


def test_toggle_is_on_after_an_odd_number_of_presses():
    x, lamp = tasks.toggle(40, 20, seed=1)
    for n in range(20):
        on = 0
        for t in range(40):
            on = 1 - on if x[t, n, 0] else on
            assert lamp[t, n] == on
    assert 0.3 < lamp.mean() < 0.7
