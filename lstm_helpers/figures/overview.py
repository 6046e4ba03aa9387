"""The overview of a trace: six heatmaps over time, what stands before every scrubber."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lstm_helpers.figures.style import SIGNAL_NAMES, SIGNALS, check_trace, colour_map, counted, number, value_range
from lstm_helpers.figures.tokens import label_time, token_labels
from lstm_helpers.validate import integer


def draw_overview(where, trace, *, tokens=None, batch=0):
    """Six heatmaps of one sequence, i, f, g, o, c, h under each other: units downwards, time to the right.

    Parameters
    ----------
    where : matplotlib.figure.Figure, or sequence of 6 Axes
    trace : Trace
    tokens : sequence of str, optional
        See `token_rows`. A token that the font cannot draw is shown as its step number, "#3".
    batch : int
        Which sequence, 0 to N - 1.
    """
    check_trace(trace)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    axes = where.subplots(len(SIGNALS), 1, sharex=True) if isinstance(where, Figure) else np.ravel(where)
    T, H = trace.seq_len, trace.hidden_size
    few = T <= 16 and T * H <= 64
    for ax, signal in zip(axes, SIGNALS, strict=True):
        values = getattr(trace, signal)[:, batch].T
        low, high = value_range(signal, trace)
        image = ax.imshow(values, cmap=colour_map(signal), vmin=low, vmax=high, aspect="auto", interpolation="nearest")
        ax.set_ylabel(f"{signal}\n{SIGNAL_NAMES[signal]}", rotation=0, ha="right", va="center", fontsize="small")
        ax.set_yticks([0, H - 1] if H > 1 else [0])
        ax.tick_params(axis="x", length=0 if few else 3)
        ax.tick_params(axis="y", labelsize="x-small", length=2)
        bar = ax.figure.colorbar(image, ax=ax, pad=0.01, fraction=0.03, aspect=8, ticks=[low, (low + high) / 2, high])
        bar.ax.set_yticklabels([number(v).rstrip("0").rstrip(".") for v in bar.get_ticks()], fontsize="x-small")
        if few:
            _write_values(ax, image, values[:, : trace.lengths[batch]])
        mark_padding(ax, trace, batch)
    label_time(axes[-1], tokens, trace, batch)


def _write_values(ax, image, values):
    for (unit, t), value in np.ndenumerate(values):
        red, green, blue, _ = image.to_rgba(value)
        ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
        ax.text(t, unit, number(value), ha="center", va="center", color=ink, fontsize="x-small")


def mark_padding(ax, trace, batch):
    end, T = int(trace.lengths[batch]), trace.seq_len
    if end < T:
        low, high = ax.get_ylim()
        patch = Rectangle((end - 0.5, min(low, high)), T - end, abs(high - low), fc="0.92", ec="0.6", hatch="///", lw=0)
        ax.add_patch(patch)
        x, y = (end + T) / 2 - 0.5, (low + high) / 2
        ax.text(x, y, "padding", ha="center", va="center", fontsize="small", color="0.2")


def overview_alt(trace, *, tokens=None, batch=0):
    """The words that go with `draw_overview`: what is drawn, and this trace's own numbers."""
    check_trace(trace)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    end, T, H = int(trace.lengths[batch]), trace.seq_len, trace.hidden_size
    labels, replaced = token_labels(tokens, trace, batch)
    parts = []
    for signal in SIGNALS:
        values = getattr(trace, signal)[:end, batch]
        parts.append(f"{SIGNAL_NAMES[signal]} {signal} {number(values.min())} to {number(values.max())}")
    text = f"Six heatmaps, time to the right, of {counted(T, 'step')} and {counted(H, 'unit')}"
    text += "." if tokens is None else f", from token {labels[0]} to token {labels[end - 1]}."
    if end < T:
        text += f" The last {counted(T - end, 'step')} are padding."
    text += " Lowest and highest value: " + ", ".join(parts) + "."
    if replaced:
        text += " Tokens that the font of this picture cannot draw stand as their step number, such as #0."
    return text
