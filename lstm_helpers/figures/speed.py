"""How long each version of a program takes, against one of them."""

from lstm_helpers.figures.style import number


def draw_speed(ax, seconds, reference):
    """A bar for each version, from top to bottom: its time as a multiple of that of `reference`, which is a line.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    seconds : dict of str to float
        The time of each version, above 0, in the order in which they are to be read.
    reference : str
        The version that is 1: it gets a dashed line and no bar.
    """
    ratios = _ratios(seconds, reference)
    rows = range(len(ratios))
    bars = ax.barh(rows, list(ratios.values()), 0.6, color="#4C66B4")
    ax.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios.values()], padding=4)
    ax.axvline(1, color="0.3", dashes=(6, 3))
    ax.text(1, -0.6, f" {reference} = 1", ha="left", va="bottom", fontsize="small")
    ax.set_yticks(rows, list(ratios))
    ax.set_ylim(len(ratios) - 0.4, -1)
    ax.set_xlim(0, 1.12 * max(*ratios.values(), 1))
    ax.set_xlabel(f"time, {reference} = 1")


def speed_alt(seconds, reference):
    """The words that go with `draw_speed`."""
    ratios = _ratios(seconds, reference)
    parts = "; ".join(f"{name} {number(ratio)}" for name, ratio in ratios.items())
    return f"Bars, the time of each version as a multiple of that of {reference}: {parts}."


def _ratios(seconds, reference):
    if reference not in seconds:
        raise ValueError(f"reference is {reference!r}, wanted one of {', '.join(seconds)}")
    return {name: value / seconds[reference] for name, value in seconds.items() if name != reference}
