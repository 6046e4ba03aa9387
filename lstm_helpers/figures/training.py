"""The ladder, ways down, losses and what was learned (notebook 04)."""

import numpy as np

from lstm_helpers.figures.style import CURVE_COLOURS, CURVE_DASHES, CURVE_MARKERS, number

LADDER = (
    ("step", "x, h, c → h, c"),
    ("step backward", "dh, dc → dx, dh_prev, dc_prev, dW, dU, db"),
    ("sequence", "x of T steps → h of T steps"),
    ("sequence backward", "dh of T steps → all gradients"),
    ("head and loss", "h → probabilities → one number, and dh"),
    ("optimiser", "gradients → better weights"),
    ("training loop", "batches → a network that has learned"),
)


def draw_ladder(ax):
    """The seven rungs from one step to a trained network, the first at the bottom: each stands on those below it."""
    top = len(LADDER)
    for x in (0.0, 3.2):
        ax.plot([x, x], [0.3, top + 0.7], color="0.45", lw=6, solid_capstyle="round", zorder=1)
    for k, (name, what) in enumerate(LADDER, start=1):
        ax.plot([0, 3.2], [k, k], color="0.45", lw=3, zorder=1)
        ax.text(1.6, k + 0.1, f"{k}  {name}", ha="center", va="bottom", fontsize=12)
        ax.text(3.5, k, what, va="center", fontsize=11, color="0.25")
    ax.set(xlim=(-0.2, 9), ylim=(0.2, top + 0.8))
    ax.axis("off")


def ladder_alt():
    """The words that go with `draw_ladder`."""
    rungs = "; ".join(f"{k} {name}, {what}" for k, (name, what) in enumerate(LADDER, start=1))
    return f"A ladder of seven rungs, from the bottom: {rungs.replace('→', 'to')}."


def draw_descent(ax, paths, steepness):
    """Ways down into the bowl ``(x**2 + steepness * y**2) / 2``, over its lines of equal height.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    paths : dict of str to array_like (steps + 1, 2)
        At most five, all from the same point.
    steepness : float
        How much steeper the bowl is in y than in x, above 0.

    Raises
    ------
    ValueError
        If there are more than five paths.
    """
    if len(paths) > len(CURVE_COLOURS):
        raise ValueError(f"paths has {len(paths)} entries, wanted at most {len(CURVE_COLOURS)}")
    points = np.concatenate([np.asarray(path, dtype=float) for path in paths.values()] + [np.zeros((1, 2))])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * (high - low) + 0.05
    x, y = (np.linspace(low[k] - margin[k], high[k] + margin[k], 80) for k in (0, 1))
    height = (x[None] ** 2 + steepness * y[:, None] ** 2) / 2
    ax.contour(x, y, height, levels=height.max() * np.linspace(0.05, 1, 9) ** 2, colors="0.8", linewidths=0.8)
    for k, (name, path) in enumerate(paths.items()):
        style = {"color": CURVE_COLOURS[k], "dashes": CURVE_DASHES[k], "marker": CURVE_MARKERS[k], "label": name}
        ax.plot(*np.transpose(path), markersize=4, lw=1.4, **style)
    ax.plot(0, 0, "*", color="0.2", markersize=13, zorder=4)
    ax.set(xlabel="first parameter", ylabel="second parameter")


def descent_alt(paths, steepness):
    """The words that go with `draw_descent`: the height of each path's last point, as a share of the first's."""
    height = [np.asarray(path, dtype=float) ** 2 @ (0.5, 0.5 * steepness) for path in paths.values()]
    left = [f"{name} {number(100 * h[-1] / h[0], 1)} %" for name, h in zip(paths, height, strict=True)]
    return f"Ways down into a narrow bowl. Of the height at the start, what is left at the end: {', '.join(left)}."


def draw_loss(ax, batch_loss, updates, levels=None):
    """The loss of every update, a mark where each epoch ends, and levels to compare with.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    batch_loss : array_like (U,)
    updates : array_like of int (E + 1,)
        How many updates had been made before the training and after each epoch.
    levels : dict of str to float, optional
        Drawn as horizontal lines; their names are for the legend.
    """
    ax.plot(np.arange(1, len(batch_loss) + 1), batch_loss, color=CURVE_COLOURS[1], marker="o", markersize=3.5)
    for epoch, end in enumerate(updates[1:], start=1):
        ax.axvline(end + 0.5, color="0.75", lw=1, zorder=0)
        place = {"transform": ax.get_xaxis_transform(), "ha": "right", "va": "bottom"}
        ax.text(end + 0.3, 0.03, f"epoch {epoch}", color="0.35", **place)
    _draw_levels(ax, levels)
    ax.set(xlabel="update", ylabel="loss", xlim=(0.5, len(batch_loss) + 0.7))
    ax.set_ylim(bottom=0)
    ax.xaxis.get_major_locator().set_params(integer=True)


def loss_alt(batch_loss, updates, levels=None):
    """The words that go with `draw_loss`: the loss at the start and at the end of each epoch, to one digit."""
    ends = [f"{number(batch_loss[end - 1], 1)} at the end of epoch {k}" for k, end in enumerate(updates[1:], start=1)]
    text = f"The loss is {number(batch_loss[0], 1)} at the first update, {', '.join(ends)}."
    return text + "".join(f" A line marks {name}, {number(value)}." for name, value in (levels or {}).items())


def draw_shares(ax, curves, *, levels=None, every=1, start=0):
    """Shares from 0 to 1 as curves, one or several for each name: told apart by colour, dashes and marker.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    curves : dict of str to sequence of array_like (length,)
        At most five names. The runs of a name may differ in length.
    levels : dict of str to float, optional
        Drawn as horizontal lines; their names are for the legend.
    every, start : float
        Point k of a run stands at ``start + every * k``.

    Raises
    ------
    ValueError
        If there are more than five names.
    """
    if len(curves) > len(CURVE_COLOURS):
        raise ValueError(f"curves has {len(curves)} entries, wanted at most {len(CURVE_COLOURS)}")
    for k, (name, runs) in enumerate(curves.items()):
        style = {"color": CURVE_COLOURS[k], "dashes": CURVE_DASHES[k], "marker": CURVE_MARKERS[k], "markersize": 4.5}
        for run, values in enumerate(runs):
            at = start + every * np.arange(len(values))
            ax.plot(at, values, label=name if run == 0 else None, lw=1.5, alpha=0.9, **style)
    _draw_levels(ax, levels)
    ax.set_ylim(-0.03, 1.05)


def shares_alt(curves):
    """Words for `draw_shares`: where the curves of each name start and end, to one digit."""
    return f"{'; '.join(f'{name}: from {_span(runs, 0)} to {_span(runs, -1)}' for name, runs in curves.items())}."


def _span(runs, at):
    ends = [values[at] for values in runs]
    low, high = number(min(ends), 1), number(max(ends), 1)
    return low if low == high else f"{low}–{high}"


def _draw_levels(ax, levels):
    """Levels to compare with, as thin grey lines that the legend names: no curve can run into the words."""
    for k, (name, value) in enumerate((levels or {}).items()):
        ax.axhline(value, color="0.35", lw=1.2, dashes=((2, 2), (8, 3), (5, 2, 1, 2))[k % 3], zorder=1, label=name)
