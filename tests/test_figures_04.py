"""The pictures of notebook 04: what is drawn is what was given, and the words say the same."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lstm_helpers import figures


def new_axes():
    return Figure().subplots()


def curves(ax):
    """The drawn lines with data of their own: no levels, which span the axes."""
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def test_the_ladder_names_its_rungs_from_the_bottom():
    ax = new_axes()
    figures.draw_ladder(ax)
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    names = [f"{k}  {name}" for k, (name, _) in enumerate(figures.LADDER, start=1)]
    assert len(names) == 7
    assert (np.diff([heights[name] for name in names]) > 0).all()
    alt = figures.ladder_alt()
    assert [alt.index(name) for name, _ in figures.LADDER] == sorted(alt.index(name) for name, _ in figures.LADDER)
    assert "→" not in alt


PATHS = {"slow": np.array([[-2.0, 1.0], [-1.0, 0.5], [-1.0, 0.0]]), "fast": [(-2.0, 1.0), (0.0, 0.0), (0.0, 0.1)]}


def test_descent_draws_each_path_over_the_bowl():
    ax = new_axes()
    figures.draw_descent(ax, PATHS, steepness=10)
    for line, (name, path) in zip(curves(ax), PATHS.items(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), path)
        assert line.get_label() == name
    low, high = ax.get_xlim()
    assert low < -2
    assert high > 0
    assert len({line.get_marker() for line in curves(ax)}) == 2
    with pytest.raises(ValueError, match="paths has 6 entries, wanted at most 5"):
        figures.draw_descent(ax, {str(k): PATHS["slow"] for k in range(6)}, steepness=10)


def test_descent_words_are_the_heights():
    # Heights (x^2 + 10 y^2) / 2: 7 at the start, 0.5 at the end of slow, 0.05 at the end of fast.
    alt = figures.descent_alt(PATHS, steepness=10)
    assert alt.endswith("slow 7.1 %, fast 0.7 %.")


def test_loss_has_a_point_for_each_update_and_a_mark_for_each_epoch():
    ax = new_axes()
    loss, updates = [3.0, 2.0, 1.5, 1.0, 0.5], [0, 2, 5]
    figures.draw_loss(ax, loss, updates, levels={"a guess": 3.3})
    np.testing.assert_array_equal(curves(ax)[0].get_xydata(), [(1, 3), (2, 2), (3, 1.5), (4, 1), (5, 0.5)])
    marks = [line.get_xdata()[0] for line in ax.lines if line not in curves(ax) and len(set(line.get_xdata())) == 1]
    assert marks == [2.5, 5.5]
    assert [text.get_text() for text in ax.texts] == ["epoch 1", "epoch 2"]
    levels = [line for line in ax.lines if line.get_label() == "a guess"]
    assert [line.get_ydata()[0] for line in levels] == [3.3]
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] >= 3.3


def test_loss_words():
    alt = figures.loss_alt([3.0, 2.0, 1.5, 1.0, 0.5], [0, 2, 5], levels={"a guess": 3.3})
    assert alt == (
        "The loss is 3.0 at the first update, 2.0 at the end of epoch 1, 0.5 at the end of epoch 2. "
        "A line marks a guess, 3.30."
    )


RUNS = {"one": [np.array([0.5, 0.75, 1.0])], "many": [[0.5, 0.5], [0.25, 0.5, 0.7, 0.9]]}


def test_shares_draw_every_run_and_name_each_kind_once():
    ax = new_axes()
    figures.draw_shares(ax, RUNS, levels={"chance": 0.5, "best": 1.0}, every=20, start=10)
    drawn = [line for line in ax.lines if line.get_label() not in ("chance", "best")]
    assert [line.get_ydata().tolist() for line in drawn] == [[0.5, 0.75, 1.0], [0.5, 0.5], [0.25, 0.5, 0.7, 0.9]]
    assert drawn[2].get_xdata().tolist() == [10, 30, 50, 70]
    assert ax.get_legend_handles_labels()[1] == ["one", "many", "chance", "best"]
    assert drawn[1].get_color() == drawn[2].get_color() != drawn[0].get_color()
    assert drawn[1].get_marker() == drawn[2].get_marker() != drawn[0].get_marker()
    styles = [line._dash_pattern for line in ax.lines if line.get_label() in ("chance", "best")]
    assert styles[0] != styles[1]  # levels are told apart without colour
    with pytest.raises(ValueError, match="curves has 6 entries, wanted at most 5"):
        figures.draw_shares(ax, {str(k): [[0, 1]] for k in range(6)})


def test_shares_words():
    assert figures.shares_alt(RUNS) == "one: from 0.5 to 1.0; many: from 0.2–0.5 to 0.5–0.9."
