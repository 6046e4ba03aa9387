"""The six curves of one unit."""

import numpy as np

from lstm_helpers.figures.overview import mark_padding
from lstm_helpers.figures.style import (
    GATE_COLOURS,
    GATE_DASHES,
    GATE_MARKERS,
    SIGNAL_NAMES,
    SIGNALS,
    check_trace,
    counted,
    number,
)
from lstm_helpers.figures.tokens import label_time
from lstm_helpers.validate import integer


def draw_gate_curves(ax, trace, unit=0, *, tokens=None, batch=0, signals=SIGNALS):
    """The curves of one unit over time, each with its own colour, dashes and marker.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    trace : Trace
    unit, batch : int
        Which unit, 0 to H - 1, of which sequence, 0 to N - 1.
    tokens : sequence of str, optional
        See `token_rows`.
    signals : sequence of str
        Which of `SIGNALS` to draw.
    """
    check_trace(trace)
    unit = integer("unit", unit, 0, trace.hidden_size - 1)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    steps = np.arange(int(trace.lengths[batch]))
    every = max(1, len(steps) // 20)
    ax.axhline(0, color="0.7", lw=0.8, zorder=0)
    for k, signal in enumerate(signals):
        ax.plot(
            steps,
            getattr(trace, signal)[: len(steps), batch, unit],
            color=GATE_COLOURS[signal],
            dashes=GATE_DASHES[signal],
            marker=GATE_MARKERS[signal],
            markevery=(k % every, every),  # not all on the same steps, so that equal curves stay apart
            markersize=5,
            lw=2.2 if signal in "ch" else 1.5,
            label=f"{signal}  {SIGNAL_NAMES[signal]}",
        )
    label_time(ax, tokens, trace, batch)
    ax.set_xlim(-0.5, trace.seq_len - 0.5)
    mark_padding(ax, trace, batch)
    ax.set_ylabel(f"values of unit {unit}")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=4)


def gate_curves_alt(trace, unit=0, *, tokens=None, batch=0, signals=SIGNALS):
    """The words that go with `draw_gate_curves`: each curve's first, last, lowest and highest value."""
    check_trace(trace)
    end = int(trace.lengths[batch])
    parts = []
    for signal in signals:
        v = getattr(trace, signal)[:end, batch, unit]
        ends = f"goes from {number(v[0])} to {number(v[-1])}, lowest {number(v.min())}, highest {number(v.max())}"
        parts.append(f"{SIGNAL_NAMES[signal]} {signal} {ends}")
    return f"Curves of unit {unit} over {counted(end, 'step')}: " + "; ".join(parts) + "."
