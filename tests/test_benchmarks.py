"""What `make bench` races: all compute the same, in the dtype they say; and the page is made of what was measured."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import run as bench
from contenders import contenders, floor
from oracles import relative_error
from race import SLOW, race

SIZES = (6, 3, 5, 4)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 5e-6), ("float64", 1e-14)])
def test_all_contenders_compute_the_same_gradients(dtype, tolerance):
    answers = {name: run() for name, run in contenders(*SIZES, dtype).items()}
    for name, gradients in answers.items():
        assert len(gradients) == 4
        for got, wanted in zip(gradients, answers["torch"], strict=True):
            assert np.asarray(got).dtype == (np.float64 if name == "loop" else dtype), name
            assert relative_error(got, wanted) <= tolerance, name


def test_a_race_times_everyone_in_every_round_but_the_slow_ones():
    runs = contenders(*SIZES, "float32") | {"floor": floor(*SIZES, "float32")}
    seconds = race(runs, 7)
    assert {name: len(found) for name, found in seconds.items()} == dict.fromkeys(runs, 7) | SLOW
    assert min(min(found) for found in seconds.values()) > 0


def test_a_ratio_is_taken_round_by_round():
    seconds = {"ours": [1.0, 20.0, 3.0], "torch": [2.0, 40.0, 6.0], "loop": [4.0]}
    assert bench.ratio(seconds, "ours", "torch") == 0.5
    assert bench.ratio(seconds, "loop", "torch") == 2


def test_a_goal_is_shown_with_whether_it_is_met():
    assert bench.against(1.0512, 1.05) == ["1.05", "1.05 ✓"]
    assert bench.against(1.06, 1.05) == ["1.06", "1.05 missed"]
    assert bench.against(1.06, None) == ["1.06", ""]


def test_what_a_trace_keeps_is_counted_with_all_that_lies_behind_its_arrays():
    T, N, D, H = 10, 2, 3, 4
    numbers = bench.numbers_kept(T, N, D, H)
    assert numbers == pytest.approx((T + 1) / T * (6 * H + D + 1), abs=0.2)


def test_scrubbing_is_timed_in_a_browser():
    command = [sys.executable, str(bench.HERE / "scrubbing.py"), "6", "3", "4"]
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}
    found = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    assert {name: len(milliseconds) for name, milliseconds in found.items()} == {"scrubber": 4, "matplotlib": 4}
    assert min(found["scrubber"] + found["matplotlib"]) > 0


def test_the_stored_results_are_a_page_of_this_program():
    stored = (bench.HERE / "RESULTS.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ .+", bench.PAGE, re.MULTILINE)
    assert re.findall(r"^#+ .+", stored, re.MULTILINE) == headings
    for row in [*bench.GOALS, *bench.GROWTH]:
        assert f"| {' | '.join(row) if isinstance(row, tuple) else row} |" in stored
    assert "{" not in stored
