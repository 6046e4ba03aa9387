"""The person with a notebook and three doors (notebook 00)."""

import numpy as np
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from lstm_helpers.figures.style import GATE_COLOURS, INK, arrow, card, number, say


def draw_notebook_and_doors(ax, *, f, i, g, o, c_prev):
    """One step of an LSTM with one unit, as a person with a notebook and three doors.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Wants about 11 by 5.5 inches.
    f, i, o : float
        How far the forget, input and output doors are open, 0 to 1.
    g : float
        The candidate, -1 to 1: what could be written.
    c_prev : float
        What the notebook says before the step.

    Raises
    ------
    ValueError
        If a number is outside its range.
    """
    for name, value, low in (("f", f, 0), ("i", i, 0), ("o", o, 0), ("g", g, -1)):
        if not low <= value <= 1:
            raise ValueError(f"{name} is {value}, wanted a number from {low} to 1")
    c, h = _one_step(f, i, g, o, c_prev)
    ax.set(xlim=(-2, 133), ylim=(-1, 67), aspect="equal")
    ax.axis("off")

    # The notebook's way: from the left, through the forget door, past the pen, on to the right.
    _arrow_through(ax, (20.5, 49), (40, 49), (62, 49), f, GATE_COLOURS["c"])
    arrow(ax, [(69, 49), (87, 49)], GATE_COLOURS["c"])
    arrow(ax, [(104, 49), (132, 49)], GATE_COLOURS["c"])
    say(ax, 120, 50.5, "to the\nnext step", va="bottom")
    _notebook(ax, 12, 49, c_prev, "notebook before the step", r"$c_{t-1}$")
    _notebook(ax, 95, 49, c, "notebook after the step", r"$c_t \,=\, f\,c_{t-1} + i\,g$")
    _door(ax, 40, 49, "f", f)
    _name(ax, 40, 60, "forget door  $f$", GATE_COLOURS["f"])
    say(ax, 40, 37.5, f"open to {number(f)}: this share\nof the old page is kept", va="top")

    # What is written comes up from below.
    _arrow_through(ax, (65.5, 13), (65.5, 29), (65.5, 45.5), i, GATE_COLOURS["g"])
    ax.add_patch(Circle((65.5, 49), 3, fc="white", ec=INK, lw=1.5, zorder=2))
    ax.text(65.5, 48.8, "+", ha="center", va="center", fontsize=15, zorder=3)
    _door(ax, 65.5, 29, "i", i)
    _name(ax, 73, 33, "input door  $i$", GATE_COLOURS["i"], ha="left")
    say(ax, 73, 31.5, f"open to {number(i)}:\nthis share of the\ncandidate is written", ha="left", va="top")
    card(ax, 65.5, 8.5, 22, 9, 1, GATE_COLOURS["g"])
    _name(ax, 65.5, 9.3, "candidate  $g$", GATE_COLOURS["g"])
    say(ax, 65.5, 5.4, f"could be written: {number(g)}")

    # What is read aloud goes down to the right.
    _arrow_through(ax, (97, 39), (97, 27), (97, 14), o, GATE_COLOURS["h"])
    _door(ax, 97, 27, "o", o)
    _name(ax, 104.5, 31, "output door  $o$", GATE_COLOURS["o"], ha="left")
    share = f"open to {number(o)}:\nthis share of the page,\nsqueezed by tanh,\nis read aloud"
    say(ax, 104.5, 29.5, share, ha="left", va="top")
    card(ax, 97, 8.5, 26, 9, 3.5, GATE_COLOURS["h"])
    tail = [(89, 4.2), (85, 0), (93, 4.2)]  # of the speech bubble
    ax.add_patch(Polygon(tail, closed=False, fc="white", ec=GATE_COLOURS["h"], lw=2, zorder=2.5))
    _name(ax, 97, 9.3, "said aloud  $h$", GATE_COLOURS["h"])
    say(ax, 97, 5.4, rf"$h_t \,=\, o\,\tanh(c_t)$ = {number(h)}")
    arrow(ax, [(111, 8.5), (132, 8.5)], GATE_COLOURS["h"])
    say(ax, 121, 10, "heard again at\nthe next step", va="bottom")

    # The person looks at two things, and sets the three doors and the candidate.
    for wire in (
        [(31, 17), (40, 17), (40, 31)],
        [(40, 17), (61, 17), (61, 20)],
        [(59, 17), (59, 13.6)],
        [(61, 17), (93, 17), (93, 18.5)],
    ):
        arrow(ax, wire, "0.45", lw=1, head=9, zorder=0.5)
    _person(ax, 27, 10)
    say(ax, 32, 15.8, "looks at both,\nsets the three doors and\ndrafts the candidate", ha="left", va="top")
    for y, text in ((15, "$x_t$  what comes in now"), (6, "$h_{t-1}$  what was said last")):
        say(ax, -1, y + 1, text, ha="left", va="bottom")
        arrow(ax, [(-1, y), (22, y)], "0.45", lw=2)


def notebook_and_doors_alt(*, f, i, g, o, c_prev):
    """The words that go with `draw_notebook_and_doors`."""
    c, h = _one_step(f, i, g, o, c_prev)
    return (
        "A person looks at what comes in now (x) and at what was said last (h), and sets three doors. A notebook comes "
        f"from the left with {number(c_prev)} on its page. The forget door, open to {number(f)}, keeps that share. "
        f"From below, the input door, open to {number(i)}, lets that share of the candidate {number(g)} be added. The "
        f"page now says {number(c)} and goes on to the next step. The output door, open to {number(o)}, decides how "
        f"much of it is read aloud: {number(h)}."
    )


def _one_step(f, i, g, o, c_prev):
    c = f * c_prev + i * g
    return c, o * np.tanh(c)


def _name(ax, x, y, text, colour, ha="center"):
    ax.text(x, y, text, ha=ha, fontsize=11, weight="bold", color=colour, zorder=6)


def _arrow_through(ax, start, door, end, opening, colour):
    """An arrow that is as thin behind the door as the door is shut."""
    ax.plot(*zip(start, door, strict=True), color=colour, lw=3, zorder=3, solid_capstyle="butt")
    arrow(ax, [door, end], colour, lw=0.6 + 2.4 * opening, head=8 + 10 * opening)


def _door(ax, x, y, gate, opening):
    """A doorway and its leaf, hinged at the left; the share of the doorway that is free is the opening."""
    wide, high, colour = 10, 14, GATE_COLOURS[gate]
    left, low = x - wide / 2, y - high / 2
    ax.add_patch(Rectangle((left, low), wide, high, fc="#FFF6D6", ec="none", zorder=2, gid=f"doorway of {gate}"))
    posts = [(left - 1, low, 1, high + 1), (left + wide, low, 1, high + 1), (left, low + high, wide, 1)]
    for x0, y0, across, up in posts:  # in front of the arrow that goes through
        ax.add_patch(Rectangle((x0, y0), across, up, fc=colour, ec="none", zorder=3.5))
    across = wide * (1 - opening)
    nearer = 3 * np.sqrt(1 - (1 - opening) ** 2)  # the free edge of the leaf comes towards the reader: larger, lower
    corners = [(left, low), (left + across, low - nearer), (left + across, low + high + nearer / 2), (left, low + high)]
    ax.add_patch(Polygon(corners, fc=colour, ec="white", lw=1, zorder=4, gid=f"leaf of {gate}"))
    if opening < 0.85:
        ax.add_patch(Circle((left + 0.82 * across, y - nearer / 4), 0.55, fc="white", ec="none", zorder=5))


def _notebook(ax, x, y, value, title, symbol):
    wide, high, colour = 15, 16, GATE_COLOURS["c"]
    left, low = x - wide / 2, y - high / 2
    for k in (2, 1):  # the pages below
        ax.add_patch(Rectangle((left + 0.6 * k, low - 0.6 * k), wide, high, fc="white", ec="0.6", lw=0.8, zorder=4))
    ax.add_patch(Rectangle((left, low), wide, high, fc="#FFFDF5", ec=colour, lw=2, zorder=4))
    ax.hlines(np.linspace(low + 2.5, low + high - 3, 5), left + 1, left + wide - 1, color="#C9D6E8", lw=0.8, zorder=4)
    rings = np.linspace(left + 1.8, left + wide - 1.8, 6)
    ax.vlines(rings, low + high - 1, low + high + 1.2, color="0.35", lw=1.8, zorder=4)
    ax.text(x, y - 0.8, number(value), ha="center", va="center", fontsize=17, color=colour, weight="bold", zorder=5)
    _name(ax, x, y + high / 2 + 6, title, colour)
    ax.text(x, y + high / 2 + 2.2, symbol, ha="center", fontsize=11, color=INK)


def _person(ax, x, y):
    """A head, a body, and an arm that points to the doors."""
    grey = "0.35"
    body = "round,pad=0.6,rounding_size=2.6"
    ax.add_patch(FancyBboxPatch((x - 2.4, y - 6), 4.8, 8, boxstyle=body, fc=grey, ec="none"))
    ax.add_patch(Circle((x, y + 6.6), 2.8, fc=grey, ec="none"))
    ax.plot([x + 1.5, x + 4.2], [y + 0.5, y + 5.5], color=grey, lw=5, solid_capstyle="round")
