"""The pictures of notebook 00, and the picture files: each shows what it is given, and its words say the same."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lstm_helpers import figures

FOLDER = Path(__file__).parent.parent / "figures"
VALUES = {"f": 0.9, "i": 0.3, "g": -0.6, "o": 0.7, "c_prev": 0.8}


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


# --- the person with a notebook and three doors --------------------------------------------------


def test_the_doors_show_each_number_and_its_result(ax):
    figures.draw_notebook_and_doors(ax, **VALUES)
    words = " ".join(text.get_text() for text in ax.texts)
    for name in ("forget door  $f$", "input door  $i$", "output door  $o$", "candidate  $g$", "$c_{t-1}$", "$h_{t-1}$"):
        assert name in words
    for value in ("open to 0.90", "open to 0.30", "open to 0.70", "could be written: −0.60", "0.80"):
        assert value in words
    c = 0.9 * 0.8 - 0.3 * 0.6
    assert figures.number(c) in words
    assert f"= {figures.number(0.7 * np.tanh(c))}" in words


def test_the_words_of_the_doors_say_the_same():
    words = figures.notebook_and_doors_alt(**VALUES)
    for value in ("0.80", "0.90", "0.30", "−0.60", "0.54", "0.70", "0.35"):
        assert value in words


@pytest.mark.parametrize("opening", [0.0, 0.25, 1.0])
def test_a_door_leaves_free_as_much_of_its_doorway_as_it_is_open(ax, opening):
    figures.draw_notebook_and_doors(ax, **VALUES | {"f": opening})
    doorway = next(p for p in ax.patches if p.get_gid() == "doorway of f")
    leaf = next(p for p in ax.patches if p.get_gid() == "leaf of f")
    covered = np.ptp(leaf.get_xy()[:, 0])
    assert covered / doorway.get_width() == pytest.approx(1 - opening)


@pytest.mark.parametrize(("name", "value"), [("f", 1.1), ("i", -0.1), ("o", 2), ("g", -1.5), ("f", np.nan)])
def test_a_number_outside_its_range_is_refused(ax, name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, wanted"):
        figures.draw_notebook_and_doors(ax, **VALUES | {name: value})


# --- fading --------------------------------------------------------------------------------------


def test_fading_draws_a_curve_or_the_median_of_several_with_their_range(ax):
    one = 0.5 ** np.arange(8)
    several = np.array([0.1, 0.9, 0.6])[:, None] ** np.arange(8)
    figures.draw_fading(ax, {"one": one, "several": several})
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["one"].get_xydata(), np.stack([np.arange(1, 9), one], axis=1))
    np.testing.assert_allclose(drawn["several"].get_ydata(), several[2])
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).y0 == pytest.approx(0.1**7)
    assert ax.get_yscale() == "log"


def test_fading_to_nothing_stays_below_the_scale(ax):
    figures.draw_fading(ax, {"gone": [1, 0.0]}, floor=1e-6)
    gone = next(line for line in ax.lines if line.get_label() == "gone").get_ydata()
    assert 0 < gone[1] < 1e-6 == ax.get_ylim()[0]


def test_fading_curves_differ_without_colour(ax):
    figures.draw_fading(ax, {name: [1, 0.5] for name in "abcde"})
    lines = [line for line in ax.lines if line.get_label() in tuple("abcde")]
    assert len({line.get_marker() for line in lines}) == 5
    with pytest.raises(ValueError, match="curves has 6 entries, wanted at most 5"):
        figures.draw_fading(ax, {name: [1, 0.5] for name in "abcdef"})


def test_the_words_of_fading():
    curves = {"slow": [1, 0.5, 0.25], "fast": [[1, 1e-6, 1e-12], [1, 0.1, 0.01], [1, 1e-9, 1e-11]]}
    assert figures.fading_alt(curves, 3) == "after 3 steps: 0.25 for slow; below 1e-10 for fast"


# --- pictures as files ---------------------------------------------------------------------------


def test_no_picture_file_is_stale(tmp_path):
    """If this fails, `make figures` draws them again: look at them, and commit them."""
    drawn = {path.name: path.read_bytes() for path in figures.write_svgs(tmp_path)}
    stored = {path.name: path.read_bytes() for path in FOLDER.glob("*.svg")}
    assert drawn.keys() == stored.keys()
    stale = [name for name in drawn if drawn[name] != stored[name]]
    assert not stale, f"not what the code draws now: {stale}. Run: make figures"


def test_picture_files_hold_their_words_and_nothing_of_the_day_or_machine():
    for path in FOLDER.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"<dc:description>\S", text), path.name
        assert "<dc:date>" not in text, path.name
        assert "Matplotlib" not in text, path.name
