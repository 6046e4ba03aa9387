"""What is kept and what is written in one step (notebook 02)."""

import numpy as np

from lstm_helpers.figures.style import GATE_COLOURS, GATE_DASHES, GATE_MARKERS, SIGNAL_NAMES, counted, number


def draw_ledger(ax, *, i, f, g, o, c0=0.0):
    """One unit as a ledger: at each step what is kept of c, what is written to it, and the c and h that come out.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    i, f, g, o : array_like (T,), or float
        The gates of each step; one number stands for all steps. At least one of the four is an array.
    c0 : float
        The cell state before the first step.

    Returns
    -------
    list of Artist
        All that depends on i, f and o; `move_ledger` takes it.
    """
    g, kept, written, c, h = _ledger(i, f, g, o, c0)
    steps = np.arange(len(c))
    ax.use_sticky_edges = False  # leave room above the highest bar
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    ax.plot(steps, g, "s", color=GATE_COLOURS["g"], mfc="none", label="g  candidate")
    bars = [
        *ax.bar(steps - 0.2, kept, 0.36, color=GATE_COLOURS["f"], alpha=0.5, label="kept: f · c_prev"),
        *ax.bar(
            steps + 0.2, written, 0.36, kept, color=GATE_COLOURS["i"], alpha=0.5, hatch="///", label="written: i · g"
        ),
    ]
    lines = []
    for signal, start, values in (("c", -1, np.r_[c0, c]), ("h", 0, h)):
        style = {"color": GATE_COLOURS[signal], "dashes": GATE_DASHES[signal], "marker": GATE_MARKERS[signal]}
        lines += ax.plot(np.arange(start, len(c)), values, label=f"{signal}  {SIGNAL_NAMES[signal]}", **style)
    ax.set_xticks(range(-1, len(c)), ["start", *map(str, steps)])
    ax.set(xlim=(-1.4, len(c) - 0.4), xlabel="step t")
    return [*bars, *lines]


def move_ledger(artists, *, i, f, g, o, c0=0.0):
    """Move what `draw_ledger` returned to where other gates put it; g and c0 as they were drawn."""
    _, kept, written, c, h = _ledger(i, f, g, o, c0)
    *bars, c_line, h_line = artists
    levels = [*((0, value) for value in kept), *zip(kept, written, strict=True)]
    for bar, (level, height) in zip(bars, levels, strict=True):
        bar.set_y(level)
        bar.set_height(height)
    c_line.set_ydata(np.r_[c0, c])
    h_line.set_ydata(h)


def ledger_alt(*, i, f, g, o, c0=0.0):
    """The words that go with `draw_ledger`: c and h after each step."""
    _, _, _, c, h = _ledger(i, f, g, o, c0)
    rows = [f"t = {t}: c = {number(c[t])}, h = {number(h[t])}" for t in range(len(c))]
    return f"From c = {number(c0)}: " + "; ".join(rows) + "."


def _ledger(i, f, g, o, c0):
    i, f, g, o = np.broadcast_arrays(*(np.asarray(values, dtype=float) for values in (i, f, g, o)))
    if i.ndim != 1:
        raise ValueError(f"i, f, g, o have {i.ndim} axes, wanted 1: one value for each step")
    c_prev, kept, written, c = float(c0), *(np.empty(len(i)) for _ in range(3))
    for t in range(len(i)):
        kept[t], written[t] = f[t] * c_prev, i[t] * g[t]
        c_prev = c[t] = kept[t] + written[t]
    return g, kept, written, c, o * np.tanh(c)


def draw_presets(fig, presets, *, g, c0):
    """One ledger for each setting of the gates, all with the same candidates.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    presets : dict of str to dict
        Name to the gates ``{"f": …, "i": …, "o": …}``, each one number for all steps.
    g : array_like (T,)
    c0 : float
    """
    axes = fig.subplots(-(-len(presets) // 3), 3, sharex=True, sharey=True, squeeze=False)
    for ax, (name, gates) in zip(axes.flat, presets.items(), strict=False):
        draw_ledger(ax, g=g, c0=c0, **gates)
        ax.set_title(f"{name}: " + ", ".join(f"{gate} = {value:g}" for gate, value in gates.items()), fontsize=10)
        ax.label_outer()
    for ax in axes.flat[len(presets) :]:
        ax.remove()
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)


def presets_alt(presets, *, g, c0):
    """The words that go with `draw_presets`: where c and h end with each setting."""
    ends = []
    for name, gates in presets.items():
        *_, c, h = _ledger(g=g, c0=c0, **gates)
        ends.append(f"{name}: c = {number(c[-1])}, h = {number(h[-1])}")
    return f"Cell state and hidden state from c = {number(c0)}, after {counted(len(g), 'step')}: {'; '.join(ends)}."
