"""The pictures of notebook 02: the ledger shows what the cell computes, and its words say the same."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lstm_helpers import figures, widgets
from lstm_helpers.cell import GATES, LSTMParams, lstm_forward


def ledger_axes(**gates):
    ax = Figure().subplots()
    figures.draw_ledger(ax, **gates)
    return ax


def test_ledger_draws_the_same_c_and_h_as_the_cell():
    rng = np.random.default_rng(5)
    params = LSTMParams(*(rng.normal(size=shape) for shape in ((4, 2), (4, 1), (4,))))
    trace = lstm_forward(rng.normal(size=(9, 1, 2)), params, c0=np.array([[-1.5]]))
    ax = ledger_axes(**{name: getattr(trace, name)[:, 0, 0] for name in GATES}, c0=-1.5)
    lines = {line.get_label()[0]: line for line in ax.lines}
    np.testing.assert_allclose(lines["c"].get_ydata(), np.r_[-1.5, trace.c[:, 0, 0]])
    np.testing.assert_allclose(lines["h"].get_ydata(), trace.h[:, 0, 0])
    np.testing.assert_allclose(lines["g"].get_ydata(), trace.g[:, 0, 0])
    kept, written = ax.containers
    np.testing.assert_allclose([bar.get_height() for bar in kept], trace.f[:, 0, 0] * np.r_[-1.5, trace.c[:-1, 0, 0]])
    np.testing.assert_allclose([bar.get_y() + bar.get_height() for bar in written], trace.c[:, 0, 0])


def test_ledger_takes_one_number_for_all_steps_and_says_what_comes_out():
    hand = {"f": [0.5, 1.0, 0.2], "i": [1.0, 0.5, 1.0], "g": [0.5, 1.0, -0.8], "o": [1.0, 0.0, 1.0], "c0": 1.0}
    words = "From c = 1.00: t = 0: c = 1.00, h = 0.76; t = 1: c = 1.50, h = 0.00; t = 2: c = −0.50, h = −0.46."
    assert figures.ledger_alt(**hand) == words
    assert figures.ledger_alt(f=1, i=0, g=[0.3, 0.4], o=0, c0=2).endswith("t = 1: c = 2.00, h = 0.00.")
    with pytest.raises(ValueError, match="i, f, g, o have 0 axes, wanted 1"):
        ledger_axes(f=1, i=0, g=0.3, o=1)


def test_presets_draw_one_ledger_each_and_say_how_it_ends():
    presets = {"keep": {"f": 1.0, "i": 0.0, "o": 1.0}, "hide": {"f": 1.0, "i": 1.0, "o": 0.0}}
    fig = Figure()
    figures.draw_presets(fig, presets, g=[0.5, -1.0], c0=1.0)
    assert [ax.get_title() for ax in fig.axes] == ["keep: f = 1, i = 0, o = 1", "hide: f = 1, i = 1, o = 0"]
    alt = figures.presets_alt(presets, g=[0.5, -1.0], c0=1.0)
    assert alt.endswith("after 2 steps: keep: c = 1.00, h = 0.76; hide: c = 0.50, h = 0.00.")


def test_a_moved_ledger_is_the_one_drawn_with_those_gates():
    g = [0.5, -1.0, 0.25]
    artists = figures.draw_ledger(Figure().subplots(), i=1, f=1, o=1, g=g, c0=2.0)
    figures.move_ledger(artists, i=0.5, f=0.25, o=0.5, g=g, c0=2.0)
    wanted = figures.draw_ledger(Figure().subplots(), i=0.5, f=0.25, o=0.5, g=g, c0=2.0)
    for moved, drawn in zip(artists, wanted, strict=True):
        if hasattr(moved, "get_ydata"):
            np.testing.assert_array_equal(moved.get_ydata(), drawn.get_ydata())
        else:
            assert moved.get_bbox().bounds == pytest.approx(drawn.get_bbox().bounds)


# --- the widget ----------------------------------------------------------------------------------

PRESETS = {
    "keep": {"f": 1.0, "i": 0.0, "o": 1.0},
    "clear": {"f": 0.0, "i": 0.0, "o": 1.0},
    "overwrite": {"f": 0.0, "i": 1.0, "o": 1.0},
    "leak": {"f": 0.8, "i": 0.0, "o": 1.0},
}


@pytest.mark.parametrize("start", PRESETS)
@pytest.mark.parametrize("name", PRESETS)
def test_a_setting_moves_the_sliders_and_its_words_follow(start, name):
    panel = widgets.gate_presets(PRESETS, g=[0.5, -1.0], c0=1.0)
    panel.controls["setting"].value = start
    panel.controls["setting"].value = name
    assert {gate: panel.controls[gate].value for gate in "fio"} == PRESETS[name]
    assert panel.controls["setting"].value == name
    assert panel.words.value == figures.presets_alt({name: PRESETS[name]}, g=[0.5, -1.0], c0=1.0)


def test_a_gate_turned_by_hand_is_no_setting_until_it_meets_one():
    panel = widgets.gate_presets(PRESETS, g=[0.5, -1.0], c0=1.0)
    picture = panel.children[1].value
    panel.controls["f"].value = 0.4
    assert panel.controls["setting"].value == "by hand"
    assert panel.words.value.endswith("by hand: c = 0.16, h = 0.16.")
    assert panel.children[1].value != picture
    panel.controls["f"].value = 0.8
    assert panel.controls["setting"].value == "leak"
