"""The pictures of notebook 01 show the numbers they are given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lstm_helpers import figures
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward, sigmoid


@pytest.fixture
def ax():
    return Figure().subplots()


def words(ax):
    return [text.get_text() for text in ax.texts]


def boxes(ax):
    """The drawn rectangles as (left, top, width, height)."""
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in ax.patches]


def test_valves_leave_the_product_and_the_pipe_gets_thinner(ax):
    figures.draw_valves(ax, 8, (0.5, 0.25))
    assert words(ax) == ["8", "step 1\nopen to 0.5", "4", "step 2\nopen to 0.25", "1"]
    pipes = [height for _, _, width, height in boxes(ax) if width == 150]
    np.testing.assert_allclose(pipes, figures.PIPE_WIDTH * np.array([1, 0.5, 0.125]))


def test_the_sigmoid_is_the_cells_and_its_regimes_are_what_their_words_say(ax):
    figures.draw_sigmoid(ax)
    z, gate = ax.lines[0].get_data()
    np.testing.assert_array_equal(gate, sigmoid(z))
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines[1:]]
    np.testing.assert_allclose(points, [(-np.log(9), 0.1), (0, 0.5), (np.log(9), 0.9)])
    shut, between, wide_open = [(left, left + width) for left, _, width, _ in boxes(ax)]
    assert shut[1] == between[0]
    assert between[1] == wide_open[0]
    assert sigmoid(shut[1]) < 0.05
    assert sigmoid(wide_open[0]) > 0.95
    assert "shut\nbelow 5 %" in words(ax)
    assert "open\nabove 95 %" in words(ax)


def test_slopes_are_the_slopes_of_what_stands_above_them():
    axes = Figure().subplots(2, 2)
    figures.draw_slopes(axes)
    for column, top in ((0, 0.25), (1, 1.0)):
        z, value = axes[0][column].lines[0].get_data()
        _, slope = axes[1][column].lines[0].get_data()
        np.testing.assert_allclose(slope[1:-1], (value[2:] - value[:-2]) / (z[2:] - z[:-2]), atol=1e-3)
        assert slope.max() == pytest.approx(top)
        assert words(axes[1][column]) == [f"highest: {top:g}"]


def test_side_by_side_shows_each_run_on_one_scale():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 1, 2))
    runs = {name: lstm_forward(x, LSTMParams.init(2, 3, seed=seed)) for seed, name in enumerate(("one", "two"))}
    fig = Figure()
    figures.draw_side_by_side(fig, runs, tokens="abcde", unit=2, signals="fc")
    assert [ax.get_title() for ax in fig.axes] == ["one", "two"]
    assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim()
    for ax, trace in zip(fig.axes, runs.values(), strict=True):
        curves = [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == 5]
        np.testing.assert_array_equal(curves, [trace.f[:, 0, 2], trace.c[:, 0, 2]])
        assert [label.get_text() for label in ax.get_xticklabels()] == list("abcde")
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["f  forget gate", "c  cell state"]


def test_concatenation_draws_every_matrix_to_scale(ax):
    figures.draw_concatenation(ax, 2, 3, 5)
    shapes = ["x (2, 3)", "Wᵀ (3, 5)", "h (2, 5)", "Uᵀ (5, 5)", "h (2, 5)", "x (2, 3)", "Uᵀ (5, 5)", "Wᵀ (3, 5)"]
    assert [text for text in words(ax) if "(" in text] == shapes
    outlines = [patch for patch in ax.patches if patch.get_linewidth() > 1]
    sizes = [(patch.get_height(), patch.get_width()) for patch in outlines]
    assert sizes == [tuple(map(int, text.split("(")[1][:-1].split(", "))) for text in shapes]
    h, x, U, W = (patch.get_bbox() for patch in outlines[4:])
    assert h.x1 == x.x0
    assert U.y1 == W.y0


def test_the_block_has_the_rows_that_params_gate_says(ax):
    params = LSTMParams.init(3, 4, seed=0)
    figures.draw_gate_block(ax, 3, 4)
    labels = [text for text in words(ax) if "rows" in text]
    assert [label[0] for label in labels] == list(GATES)
    for name, label in zip(GATES, labels, strict=True):
        rows = params.gate(name)
        assert label.endswith(f"rows {rows.start} to {rows.stop - 1}")
        place = next(text.get_position() for text in ax.texts if text.get_text() == f"W_{name}")
        assert rows.start < place[1] < rows.stop
    assert {"weight_ih\n(16, 3)", "weight_hh\n(16, 4)", "bias\n(16,)"} <= set(words(ax))
