"""The pictures of a trace: what they draw, and that their words carry the trace's own numbers."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lstm_helpers import figures
from lstm_helpers.cell import LSTMParams, lstm_forward

T, N, D, H = 6, 2, 3, 4


@pytest.fixture
def trace():
    rng = np.random.default_rng(2)
    params = LSTMParams(*(rng.normal(size=shape) for shape in ((4 * H, D), (4 * H, H), (4 * H,))))
    return lstm_forward(rng.normal(size=(T, N, D)), params, *rng.normal(size=(2, N, H)), [6, 4])


def paint(draw, *arguments, **keywords):
    """Draw into a figure and really paint it, with every warning (such as a missing glyph) an error."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(figure if draw is figures.draw_overview else figure.subplots(), *arguments, **keywords)
        FigureCanvasAgg(figure).draw()
    return figure


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def tick_labels(figure):
    return [label.get_text() for label in figure.axes[5].get_xticklabels()]


def test_overview_draws_the_six_signals_of_one_sequence(trace):
    figure = paint(figures.draw_overview, trace, batch=1, tokens="abcdef")
    for ax, signal in zip(figure.axes[:6], "ifgoch", strict=True):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), getattr(trace, signal)[:, 1].T)
        assert image.get_clim() == figures.value_range(signal, trace)
    assert tick_labels(figure) == list("abcdef")


def test_overview_writes_values_into_few_cells_and_none_into_padding(trace):
    written = texts(paint(figures.draw_overview, trace, batch=1))
    assert written.count("padding") == 6
    assert len(written) == 6 + 6 * H * 4
    assert figures.number(trace.f[0, 1, 0]) in written
    long = lstm_forward(np.ones((40, 1, D)), LSTMParams.init(D, 9, seed=0))
    assert texts(paint(figures.draw_overview, long)) == []


def test_overview_takes_axes_as_well(trace):
    figure = Figure()
    figures.draw_overview(figure.subplots(2, 3), trace)
    assert sum(len(ax.images) for ax in figure.axes[:6]) == 6


def test_tokens_that_the_font_lacks_stand_as_their_step_and_the_words_say_so(trace):
    tokens = ["我", "a", "爱", " ", "\n", r"$\x$"]
    figure = paint(figures.draw_overview, trace, tokens=tokens)
    assert tick_labels(figure) == ["#0", "a", "#2", "␣", "↵", r"$\x$"]
    assert "step number" in figures.overview_alt(trace, tokens=tokens)
    assert "step number" not in figures.overview_alt(trace, tokens="abcdef")


def test_padding_without_tokens_has_dashes_not_empty_tokens(trace):
    figure = paint(figures.draw_overview, trace, tokens=[list("abcdef"), ["", "b", "c", "d"]], batch=1)
    assert tick_labels(figure) == ["∅", "b", "c", "d", "–", "–"]


def test_long_sequences_thin_their_labels():
    long = lstm_forward(np.ones((300, 1, D)), LSTMParams.init(D, 2, seed=0))
    labels = tick_labels(paint(figures.draw_overview, long, tokens=["word"] * 300))
    assert 5 < len(labels) <= 30


def test_words_of_the_overview_hold_the_numbers_of_the_sequence(trace):
    alt = figures.overview_alt(trace, tokens="abcdef", batch=1)
    assert "6 steps and 4 units, from token a to token d." in alt
    assert "The last 2 steps are padding." in alt
    for signal in "ifgoch":
        values = getattr(trace, signal)[:4, 1]
        name = figures.SIGNAL_NAMES[signal]
        assert f"{name} {signal} {figures.number(values.min())} to {figures.number(values.max())}" in alt


def test_curves_are_the_unit_s_numbers_and_differ_in_more_than_colour(trace):
    ax = paint(figures.draw_gate_curves, trace, 2, batch=1).axes[0]
    curves = {line.get_label()[0]: line for line in ax.lines if not line.get_label().startswith("_")}
    for signal in "ifgoch":
        np.testing.assert_array_equal(curves[signal].get_ydata(), getattr(trace, signal)[:4, 1, 2])
    assert len({line.get_marker() for line in curves.values()}) == 6
    assert len(set(figures.GATE_DASHES.values())) == 6
    alt = figures.gate_curves_alt(trace, 2, batch=1)
    assert f"goes from {figures.number(trace.c[0, 1, 2])} to {figures.number(trace.c[3, 1, 2])}" in alt


@pytest.mark.parametrize("t", range(T))
def test_the_cell_s_diagram_bears_the_numbers_of_the_step(trace, t):
    step = trace.step(t)
    wires = figures.wire_values(trace, t, 3, 1)
    assert wires["f_c"] + wires["i_g"] == pytest.approx(step.c[1, 3])
    assert wires["o"] * wires["tanh_c"] == pytest.approx(step.h[1, 3])
    assert wires["c_prev"] == step.c_prev[1, 3]
    assert wires["h_prev"] == step.h_prev[1, 3]
    written = texts(paint(figures.draw_cell, trace, t, 3, 1))
    alt = figures.cell_alt(trace, t, 3, 1)
    for name in ("c_prev", "f", "f_c", "i", "g", "i_g", "c", "o", "tanh_c", "h"):
        assert figures.number(wires[name], 3) in written
        assert figures.number(wires[name], 3) in alt


def test_every_wire_of_the_diagram_has_its_place_inside_it():
    diagram = figures.CELL_DIAGRAM
    width, height = diagram["size"]
    for group in ("pipes", "controls", "bus"):
        for points in diagram[group].values():
            for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
                assert (x0 == x1) != (y0 == y1)  # rectangles stand for wires, so no slants
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert {*diagram["pipes"]} - {"c_tanh"} <= {*diagram["labels"]}


@pytest.mark.parametrize(
    ("draw", "arguments", "message"),
    [
        (figures.draw_overview, {"batch": 2}, "batch is 2, wanted 0 to 1"),
        (figures.draw_overview, {"tokens": "abc"}, "tokens has 3 tokens, wanted 6"),
        (figures.draw_gate_curves, {"unit": 4}, "unit is 4, wanted 0 to 3"),
        (figures.draw_cell, {"t": 6}, "t is 6, wanted 0 to 5"),
        (figures.draw_cell, {"t": 0, "unit": -1}, "unit is -1, wanted 0 to 3"),
    ],
)
def test_what_a_trace_does_not_have(trace, draw, arguments, message):
    with pytest.raises(ValueError, match=message):
        paint(draw, trace, **arguments)


@pytest.mark.parametrize("words", [figures.overview_alt, figures.gate_curves_alt])
def test_not_a_trace(words):
    with pytest.raises(ValueError, match="trace is ndarray, wanted a Trace"):
        words(np.ones((3, 1, 1)))


@pytest.mark.parametrize("largest", [0.001, 1.0, 1.01, 2.0, 3.0, 5.0, 5.1, 28.0, 1e6, 3e38])
def test_the_scale_of_the_cell_state_is_round_and_never_exceeded(trace, largest):
    limit = figures.state_limit(replace(trace, c=trace.c * 0 - largest, c0=trace.c0 * 0))
    assert largest <= limit * (1 + 1e-9)
    assert limit <= max(1.0, 2.5 * largest)
    assert f"{limit:.0e}"[0] in "125"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.50"), (-0.5, "−0.50"), (-0.001, "0.00"), (999.0, "999.00"), (-1.5e6, "−1.5e6"), (1e300, "1e300")],
)
def test_numbers_are_written_alike_everywhere(value, text):
    assert figures.number(value) == text


def luminance(colour):
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("signal", figures.SIGNALS)
def test_colours_stand_out_on_white_and_on_the_dark_theme(signal):
    ours = luminance(figures.GATE_COLOURS[signal])
    assert (1 + 0.05) / (ours + 0.05) >= 3  # WCAG 2.2, 1.4.11: graphical objects
    assert (ours + 0.05) / (luminance("#111111") + 0.05) >= 3


def test_show_gives_picture_alt_text_and_caption(trace, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **keywords: shown.append((data, keywords)))
    figures.show(paint(figures.draw_cell, trace, 0), "f_c is  *large*.\n")
    (picture, keywords), (caption, _) = shown
    assert picture["image/png"].startswith("iVBORw0KGgo")
    assert keywords["metadata"] == {"image/png": {"alt": "f_c is *large*."}}
    assert picture["text/plain"] == caption["text/plain"] == "f_c is *large*."
    assert caption["text/markdown"] == r"*f\_c is \*large\*.*"


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_no_picture_without_words(alt):
    with pytest.raises(ValueError, match="alt is .*, wanted a sentence"):
        figures.show(Figure(), alt)
