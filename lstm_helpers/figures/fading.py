"""How fast something fades (notebook 00)."""

import numpy as np

from lstm_helpers.figures.style import CURVE_COLOURS, CURVE_DASHES, CURVE_MARKERS


def draw_fading(ax, curves, floor=1e-14):
    """What is left after 1, 2, … T steps, on a logarithmic scale: one curve, or the median of several, for each name.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    curves : dict of str to array_like (T,) or (runs, T)
        At most five. Of several runs the median is drawn, and the range from lowest to highest as a band.
    floor : float
        The lower end of the scale.

    Raises
    ------
    ValueError
        If there are more than five curves.
    """
    if len(curves) > len(CURVE_COLOURS):
        raise ValueError(f"curves has {len(curves)} entries, wanted at most {len(CURVE_COLOURS)}")
    for k, (name, runs) in enumerate(curves.items()):
        runs = np.atleast_2d(runs)
        steps = np.arange(1, runs.shape[1] + 1)
        drawn = np.maximum(runs, floor / 100)  # a 0 has no place on this scale: below its end
        if len(runs) > 1:
            ax.fill_between(steps, drawn.min(axis=0), drawn.max(axis=0), color=CURVE_COLOURS[k], alpha=0.15, lw=0)
        style = {"color": CURVE_COLOURS[k], "dashes": CURVE_DASHES[k], "marker": CURVE_MARKERS[k]}
        ax.plot(steps, np.median(drawn, axis=0), markevery=(k, 7), markersize=5, label=name, **style)
    ax.axhline(1, color="0.7", lw=0.8, zorder=0)
    ax.set(yscale="log", xlim=(1, runs.shape[1]), xlabel="after t steps")
    ax.set_ylim(bottom=floor)


def fading_alt(curves, after):
    """Words for `draw_fading`: what is left of each curve (its median), to follow "left of …"."""
    left = [f"{_faint(np.median(np.atleast_2d(runs)[:, after - 1]))} for {name}" for name, runs in curves.items()]
    return f"after {after} steps: {'; '.join(left)}"


def _faint(value):
    """Two digits; of the faintest only how faint, because rounding errors have a part in their digits."""
    return "below 1e-10" if value < 1e-10 else f"{value:.2g}"
