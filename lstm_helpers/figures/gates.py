"""A gate as a valve, the sigmoid and its slope, one product and one block (notebook 01)."""

import numpy as np
from matplotlib.patches import Rectangle

from lstm_helpers.cell import GATES, sigmoid
from lstm_helpers.figures.cell_diagram import PIPE_WIDTH, draw_pipe, draw_valve
from lstm_helpers.figures.curves import draw_gate_curves
from lstm_helpers.figures.style import GATE_COLOURS, SIGNAL_NAMES, SIGNALS


def draw_valves(ax, value, gates):
    """A pipe with valves in a row: what is left of `value` after each.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    value : float
        What flows in, above 0.
    gates : sequence of float
        How far each valve is open, 0 to 1.
    """
    gap, y = 150, 60
    left = value
    for k, gate in enumerate((*gates, None)):
        start = k * gap
        draw_pipe(ax, ((start, y), (start + gap, y)), max(1.0, PIPE_WIDTH * left / value), GATE_COLOURS["c"])
        ax.text(start + gap / 2, y - 24, f"{left:.4g}", ha="center", va="center", fontsize=12)
        if gate is None:
            continue
        left *= gate
        draw_valve(ax, start + gap, y, "across", gate, GATE_COLOURS["f"])
        ax.text(start + gap, y + 32, f"step {k + 1}\nopen to {gate:.4g}", ha="center", va="center", fontsize=10)
    ax.set(xlim=(0, gap * (len(gates) + 1)), ylim=(110, 20), aspect="equal")
    ax.axis("off")


def draw_sigmoid(ax, limit=8):
    """The sigmoid with its three regimes, and the points that are easy to remember."""
    z = np.linspace(-limit, limit, 401)
    for low, high, shade, text in (
        (-limit, -3, "0.88", "shut\nbelow 5 %"),
        (-3, 3, "0.97", "in between\nmoves with z"),
        (3, limit, "0.88", "open\nabove 95 %"),
    ):
        ax.axvspan(low, high, color=shade, lw=0)
        ax.text((low + high) / 2, 1.12, text, ha="center", va="center", fontsize=9)
    ax.plot(z, sigmoid(z), color="black", lw=2)
    for point, text in ((-np.log(9), "σ(−ln 9) = 0.1"), (0, "σ(0) = 0.5"), (np.log(9), "σ(ln 9) = 0.9")):
        ax.plot(point, sigmoid(point), "o", color=GATE_COLOURS["c"])
        ax.annotate(text, (point, sigmoid(point)), (8, -4), textcoords="offset points", va="top", fontsize=9)
    ax.set(xlim=(-limit, limit), ylim=(-0.04, 1.22), yticks=[0, 0.25, 0.5, 0.75, 1])
    ax.set(xlabel="pre-activation z", ylabel="gate σ(z)")


def draw_slopes(axes, limit=10):
    """Sigmoid and tanh, each with its slope below: `axes` is 2 by 2."""
    z = np.linspace(-limit, limit, 801)
    s, t = sigmoid(z), np.tanh(z)
    for column, (name, value, slope, top, colour) in enumerate(
        (("σ(z)", s, s * (1 - s), 0.25, GATE_COLOURS["f"]), ("tanh(z)", t, 1 - t * t, 1.0, GATE_COLOURS["g"]))
    ):
        above, below = axes[0][column], axes[1][column]
        above.plot(z, value, color=colour, lw=2)
        above.set(title=name, ylabel="value", xticklabels=[])
        below.plot(z, slope, color=colour, lw=2, ls="--")
        below.axhline(top, color="0.5", lw=0.8)
        below.annotate(f"highest: {top:g}", (limit, top), (0, -4), textcoords="offset points", ha="right", va="top")
        below.set(xlabel="pre-activation z", ylabel="slope", ylim=(-0.05 * top, 1.1 * top))
        for ax in (above, below):
            ax.set_xlim(-limit, limit)
            ax.grid(color="0.9")


def draw_side_by_side(fig, runs, *, tokens=None, unit=0, signals=SIGNALS):
    """The curves of one unit in several runs, next to each other on one scale.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    runs : dict
        From a title to a Trace.
    tokens, unit, signals
        As for `draw_gate_curves`.
    """
    axes = fig.subplots(1, len(runs), sharey=True)
    for ax, (title, trace) in zip(axes, runs.items(), strict=True):
        draw_gate_curves(ax, trace, unit, tokens=tokens, signals=signals)
        ax.set_title(title, fontsize="medium")
        ax.tick_params(axis="x", labelsize="small")
        ax.get_legend().remove()
    for ax in axes[1:]:
        ax.set_ylabel("")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False, handlelength=4)


def draw_concatenation(ax, batch_size, input_size, hidden_size):
    """``x Wᵀ + h Uᵀ`` above ``[h, x] [U, W]ᵀ``, one square for each number."""
    N, D, H = batch_size, input_size, hidden_size
    gap, top, below = 1.6, H / 2, H + 1 + (H + D) / 2
    _draw_matrix(ax, 0, top - N / 2, N, D, "x", "x")
    _draw_matrix(ax, D + gap, top - D / 2, D, H, "Wᵀ", "x")
    _draw_matrix(ax, D + H + 2 * gap, top - N / 2, N, H, "h", "h")
    _draw_matrix(ax, D + 2 * H + 3 * gap, top - H / 2, H, H, "Uᵀ", "h")
    left = (D + 3 * H + 2 * gap - (2 * H + D)) / 2  # the shorter line, in the middle
    _draw_matrix(ax, left, below - N / 2, N, H, "h", "h")
    _draw_matrix(ax, left + H, below - N / 2, N, D, "x", "x")
    _draw_matrix(ax, left + H + D + gap, below - (H + D) / 2, H, H, "Uᵀ", "h")
    _draw_matrix(ax, left + H + D + gap, below - (H + D) / 2 + H, D, H, "Wᵀ", "x")
    signs = ((D, top, "@"), (D + H + gap, top, "+"), (D + 2 * H + 2 * gap, top, "@"), (left + H + D, below, "@"))
    for x, y, sign in signs:
        ax.text(x + gap / 2, y, sign, ha="center", va="center", fontsize=13)
    ax.text(left - gap / 2, below, "=", ha="center", va="center", fontsize=13)
    ax.set(xlim=(-0.5, D + 3 * H + 3 * gap + 0.5), ylim=(below + (H + D) / 2 + 0.5, -0.5), aspect="equal")
    ax.axis("off")


def _draw_matrix(ax, left, top, rows, columns, name, fed_by):
    colour, hatch = {"x": (GATE_COLOURS["g"], None), "h": (GATE_COLOURS["h"], "///")}[fed_by]
    ax.add_patch(Rectangle((left, top), columns, rows, fc=colour, alpha=0.25, lw=0))
    ax.add_patch(Rectangle((left, top), columns, rows, fc="none", ec=colour, alpha=0.5, lw=0, hatch=hatch))
    ax.hlines(range(1, rows) + np.float64(top), left, left + columns, color="white", lw=1)
    ax.vlines(range(1, columns) + np.float64(left), top, top + rows, color="white", lw=1)
    ax.add_patch(Rectangle((left, top), columns, rows, fc="none", ec="0.2", lw=1.2))
    ink = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"}
    ax.text(left + columns / 2, top + rows / 2, f"{name} ({rows}, {columns})", ha="center", va="center", bbox=ink)


def draw_gate_block(ax, input_size, hidden_size, order=GATES):
    """The weights of all four gates as one block of 4H rows: `order` downwards, D + H columns and the bias."""
    D, H = input_size, hidden_size
    for k, gate in enumerate(order):
        for left, columns, name in ((0, D, f"W_{gate}"), (D + 1, H, f"U_{gate}"), (D + H + 2, 1, f"b_{gate}")):
            ax.add_patch(Rectangle((left, k * H), columns, H, fc=GATE_COLOURS[gate], alpha=0.3, lw=0))
            ax.add_patch(Rectangle((left, k * H), columns, H, fc="none", ec=GATE_COLOURS[gate], lw=2))
            ax.text(left + columns / 2, (k + 0.5) * H, name, ha="center", va="center", fontsize=11)
        rows = f"rows {k * H} to {(k + 1) * H - 1}"
        ax.text(-0.4, (k + 0.5) * H, f"{gate}  {SIGNAL_NAMES[gate]}\n{rows}", ha="right", va="center", fontsize=9)
    shapes = ((D / 2, f"weight_ih\n({4 * H}, {D})"), (D + 1 + H / 2, f"weight_hh\n({4 * H}, {H})"))
    for x, text in (*shapes, (D + H + 2.5, f"bias\n({4 * H},)")):
        ax.text(x, -0.5, text, ha="center", va="bottom", fontsize=9)
    ax.set(xlim=(-6, D + H + 4), ylim=(4 * H + 0.3, -3))
    ax.axis("off")
