"""The pictures of notebook 05 say of nn.LSTM what torch itself says."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lstm_helpers import figures, torch_bridge
from lstm_helpers.cell import GATES

ORDERS = {
    "torch, ours": GATES,
    "ONNX": torch_bridge.ONNX_ORDER,
    "Keras": torch_bridge.KERAS_ORDER,
    "CS231n": torch_bridge.CS231N_ORDER,
    "textbooks": tuple(torch_bridge.TEXTBOOK_NAMES),
}


def texts(ax):
    return {(round(text.get_position()[0], 2), round(text.get_position()[1], 2)): text for text in ax.texts}


@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (3, False), (1, True), (2, True)])
def test_h_n_stands_beside_the_boxes_that_hold_it(num_layers, bidirectional):
    T = 4
    ax = Figure().subplots()
    figures.draw_unrolled(ax, T, num_layers, bidirectional)
    directions = 2 if bidirectional else 1
    labels = [text for text in ax.texts if text.get_text().startswith("h_n")]
    assert [text.get_text() for text in labels] == [f"h_n[{k}]" for k in range(num_layers * directions)]
    for k, label in enumerate(labels):
        row = [
            text for text in ax.texts if text.get_text().isdigit() and text.get_position()[1] == label.get_position()[1]
        ]
        read = [int(text.get_text()) for text in sorted(row, key=lambda text: text.get_position()[0])]
        backwards = bidirectional and k % 2 == 1
        assert read == ([4, 3, 2, 1] if backwards else [1, 2, 3, 4])
        assert [text.get_fontweight() for text in row].count("bold") == 1
        assert (label.get_position()[0] < 0) == backwards  # beside the box that has read everything


def test_the_dashed_frame_holds_the_last_layer_in_all_its_directions_and_the_other_its_last_step():
    for num_layers, bidirectional in ((2, False), (1, True), (2, True)):
        ax = Figure().subplots()
        figures.draw_unrolled(ax, 5, num_layers, bidirectional)
        frames = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        column, inside = (
            [text for text in ax.texts if text.get_text().isdigit() and box.get_bbox().contains(*text.get_position())]
            for box in sorted(frames, key=lambda box: box.get_width())
        )
        rows = {text.get_position()[1] for text in inside}
        assert {text.get_position() for text in column} == {(4, y) for y in rows}  # output[-1]
        assert len(inside) == 5 * len(rows)
        assert len(rows) == (2 if bidirectional else 1)
        assert max(rows) == max(text.get_position()[1] for text in ax.texts if text.get_text().isdigit())


def test_unrolled_in_words():
    assert "output is the top row, h_n is the right column" in figures.unrolled_alt(4, 2)
    assert "has read all 4 inputs and one, of the backward direction, that has read 1" in figures.unrolled_alt(
        4, 1, True
    )


@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, False), (1, True), (3, True)])
def test_parameters_are_drawn_to_scale_and_counted_as_torch_counts_them(num_layers, bidirectional):
    D, H = 5, 6
    ax = Figure().subplots()
    figures.draw_parameters(ax, D, H, num_layers, bidirectional)
    framed = [p for p in ax.patches if p.get_edgecolor() == (0.2, 0.2, 0.2, 1)]
    area = sum(patch.get_width() * patch.get_height() for patch in framed)
    module = torch.nn.LSTM(D, H, num_layers, bidirectional=bidirectional)
    assert area == sum(p.numel() for p in module.parameters())
    counted = dict(text.get_text().split(": ") for text in ax.texts if ": " in text.get_text())
    wanted = {}
    for name, parameter in module.named_parameters():
        suffix = "_l" + name.partition("_l")[2]
        wanted[suffix] = wanted.get(suffix, 0) + parameter.numel()
    assert {suffix: int(count) for suffix, count in counted.items()} == wanted
    low, high = ax.get_xlim()
    assert low < 0 < max(patch.get_x() + patch.get_width() for patch in framed) < high


def test_layouts_show_the_orders_that_the_bridge_converts():
    axes = Figure().subplots(1, 5)
    figures.draw_layouts(axes, ORDERS, 2, 3)
    for ax, (library, order) in zip(axes, ORDERS.items(), strict=True):
        assert [text.get_text() for text in ax.texts] == list(order)
        assert ax.get_title().startswith(library)
    weights = torch_bridge.to_onnx(torch_bridge.LSTMParams(np.zeros((12, 2)), np.zeros((12, 3)), np.zeros(12)))
    assert axes[1].get_title().endswith(str(weights["W"].shape))
    assert len({round(np.ptp(ax.get_xlim()), 6) for ax in axes}) == 1, "all to one scale"


def test_speed_bars_are_as_long_as_the_ratios_and_say_so():
    seconds = {"loop": 0.5, "ours": 0.09, "torch": 0.1}
    ax = Figure().subplots()
    figures.draw_speed(ax, seconds, "torch")
    bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    np.testing.assert_allclose([bar.get_width() for bar in bars], [5, 0.9])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["loop", "ours"]
    assert bars[0].get_y() < bars[1].get_y()
    assert ax.yaxis_inverted()  # the first version is at the top
    words = [text.get_text().strip() for text in ax.texts]
    assert words == ["5.00", "0.90", "torch = 1"]
    (line,) = ax.lines
    assert list(line.get_xdata()) == [1, 1]
    assert ax.get_xlim()[1] > 5
    alt = figures.speed_alt(seconds, "torch")
    assert "loop 5" in alt
    assert "ours 0.9" in alt
    with pytest.raises(ValueError, match="^reference is 'jax', wanted one of loop, ours, torch"):
        figures.draw_speed(ax, seconds, "jax")
