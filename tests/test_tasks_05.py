"""Sums of three numbers: what is drawn, what is wanted, what is left out."""

import numpy as np
import pytest

from lstm_helpers import tasks


def test_rows_and_their_sums_come_from_the_seed():
    rows, target = tasks.sums(200, seed=3)
    again, _ = tasks.sums(200, seed=3)
    other, _ = tasks.sums(200, seed=4)
    assert rows.shape == (200, 3)
    assert target.shape == (200, 1)
    assert rows.dtype == target.dtype == np.float64
    np.testing.assert_array_equal(rows, again)
    assert (rows != other).any()
    assert [float(a + b + c) for a, b, c in rows] == target[:, 0].tolist()


def test_a_generator_is_drawn_from():
    rng = np.random.default_rng(0)
    assert (tasks.sums(50, seed=rng)[0] != tasks.sums(50, seed=rng)[0]).any()


@pytest.mark.parametrize("largest", [0, 1, 6])
def test_every_number_comes_up_to_the_largest(largest):
    rows, _ = tasks.sums(2000, seed=0, largest=largest)
    assert set(np.unique(rows)) == set(range(largest + 1))
    assert (np.unique(rows, axis=0, return_counts=True)[1] < 2000 / (largest + 1) ** 3 * 4).all()


def test_rows_left_out_never_come_in_any_order():
    def drawn(rows):
        return {tuple(sorted(row)) for row in rows}

    without = [[1, 2, 4], (5, 1, 3)]
    assert {(1, 2, 4), (1, 3, 5)} <= drawn(tasks.sums(5000, seed=0)[0])
    assert drawn(tasks.sums(5000, seed=0, without=without)[0]).isdisjoint({(1, 2, 4), (1, 3, 5)})
    assert drawn(tasks.sums(5000, seed=0, without=np.array(without))[0]).isdisjoint({(1, 2, 4), (1, 3, 5)})


@pytest.mark.parametrize(
    ("batch_size", "options", "message"),
    [
        (0, {}, "batch_size is 0, wanted at least 1"),
        (3, {"largest": 1.5}, "largest is 1.5, wanted a whole number"),
        (3, {"largest": -1}, "largest is -1, wanted at least 0"),
        (3, {"without": [[1, 2]]}, r"row of shape \(2,\), wanted rows of three"),
        (3, {"without": [1, 2, 4]}, r"row of shape \(\), wanted rows of three"),
        (3, {"largest": 0, "without": [[0, 0, 0]]}, "leaves no row of numbers from 0 to 0"),
    ],
)
def test_bad_input_is_refused(batch_size, options, message):
    with pytest.raises(ValueError, match=message):
        tasks.sums(batch_size, seed=0, **options)
