"""The eight paths of the gradient, two uses of one value, errors by parameter and step (notebook 03)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Circle, FancyArrowPatch

from lstm_helpers.cell import GATES
from lstm_helpers.figures.style import CURVE_COLOURS, GATE_COLOURS, arrow, card, counted
from lstm_helpers.validate import integer

# The eight ways on which a gradient comes to h_t and c_t: where it comes from, and in which colour it is drawn.
PATHS = (
    ("h", "the loss at step t", None),
    ("h", "the output gate of step t+1", "o"),
    ("h", "the forget gate of step t+1", "f"),
    ("h", "the input gate of step t+1", "i"),
    ("h", "the candidate of step t+1", "g"),
    ("c", "h of the same step", "h"),
    ("c", "c of step t+1, past the forget gate", "c"),
    ("c", "the loss, where it looks at c itself", None),
)

_CT, _HT, _CN, _HN = (14, 48), (14, 20), (84, 48), (84, 12)  # c and h of step t and of the next one
_GATE_AT = {"f": (48, 41), "i": (48, 31), "g": (48, 21), "o": (48, 11)}
_LOSS_H, _LOSS_C = (14, 0), (14, 68)


def path_colour(number):
    """The colour of one of the eight paths, 1 to 8."""
    signal = PATHS[integer("number", number, 1, len(PATHS)) - 1][2]
    return "0.25" if signal is None else GATE_COLOURS[signal]


def draw_eight_paths(ax, upto=8):
    """Who uses h_t and c_t, and on which ways gradients come back from there.

    Grey arrows show what is computed from what. Paths 1 to `upto` are coloured, turned round and
    numbered, each with the factors on its way; the last of them is the thickest.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Wants about 10 by 7 inches.
    upto : int
        0 to 8.
    """
    upto = integer("upto", upto, 0, len(PATHS))
    ax.set(xlim=(0, 100), ylim=(-12, 71), aspect="equal")
    ax.axis("off")
    ways = [  # each path as arrows from the loss's side to the state's; with the factor of each arrow
        [(_LOSS_H, _HT, "given", 0.3)],
        [(_HN, _GATE_AT["o"], r"$\tanh c_{t+1}$", 0.5), (_GATE_AT["o"], _HT, "$u_o$", 0.58)],
        [(_CN, _GATE_AT["f"], "$c_t$", 0.5), (_GATE_AT["f"], _HT, "$u_f$", 0.58)],
        [(_CN, _GATE_AT["i"], "$g_{t+1}$", 0.5), (_GATE_AT["i"], _HT, "$u_i$", 0.58)],
        [(_CN, _GATE_AT["g"], "$i_{t+1}$", 0.5), (_GATE_AT["g"], _HT, "$u_g$", 0.58)],
        [(_HT, _CT, r"$o_t\,(1-\tanh^2 c_t)$", 0.33)],
        [(_CN, _CT, "$f_{t+1}$", 0.5)],
        [(_LOSS_C, _CT, "given", 0.28)],
    ]
    _edge(ax, _CN, _HN, "0.8", 1.2)
    for k, way in enumerate(ways, start=1):
        for start, end, factor, share in way:
            if k > upto:
                _edge(ax, end, start, "0.8", 1.2)
            else:
                _edge(ax, start, end, path_colour(k), 3.5 if k == upto else 2)
                _factor(ax, start, end, share, factor)
        if k <= upto:
            _badge(ax, *_between(*way[-1][:2], {1: 0.55, 6: 0.6, 7: 0.7, 8: 0.52}.get(k, 0.36)), k)
    slopes = {"f": "f(1-f)", "i": "i(1-i)", "g": "1-g^2", "o": "o(1-o)"}
    for k, gate in ((2, "o"), (3, "f"), (4, "i"), (5, "g")):
        x, y = _GATE_AT[gate]
        card(ax, x, y, 13, 6.4, 1.2, GATE_COLOURS[gate])
        ax.text(x, y, f"${gate}_{{t+1}}$", ha="center", va="center", fontsize=12, zorder=6)
        if k <= upto:
            ax.text(
                x, y + 3.6, f"slope ${slopes[gate]}$", ha="center", va="bottom", fontsize=8.5, zorder=6, bbox=_PLATE
            )
    for (x, y), text, signal in ((_CT, "c_t", "c"), (_HT, "h_t", "h"), (_CN, "c_{t+1}", "c"), (_HN, "h_{t+1}", "h")):
        ax.add_patch(Circle((x, y), 4, fc="white", ec=GATE_COLOURS[signal], lw=2.5, zorder=5))
        ax.text(x, y, f"${text}$", ha="center", va="center", fontsize=13, zorder=6)
    for (x, y), text in ((_LOSS_H, "loss at step t"), (_LOSS_C, "loss that looks at c")):
        card(ax, x, y, 25, 5, 1, "0.4")
        ax.text(x, y, text, ha="center", va="center", fontsize=9.5, zorder=6)
    ax.text(88.5, _CN[1], "$dc_{t+1}$\nis known", ha="left", va="center", fontsize=10)
    ax.text(88.5, _HN[1], "$dh_{t+1}$\nis known", ha="left", va="center", fontsize=10)
    for y, state, numbers in ((-8, "h", range(1, 6)), (-8, "c", range(6, 9))):
        x = 6 if state == "h" else 62
        ax.text(x, y, f"$d{state}_t$  =", ha="right", va="center", fontsize=13)
        for place, k in enumerate(numbers):
            _badge(ax, x + 5 + 9 * place, y, k, empty=k > upto)
            if place:
                ax.text(x + 0.5 + 9 * place, y, "+", ha="center", va="center", fontsize=13)


_PLATE = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.9}


def _between(start, end, share):
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _edge(ax, start, end, colour, lw):
    """An arrow from rim to rim; the nodes are drawn over its ends."""
    room = {_LOSS_H: 3, _LOSS_C: 3}
    length = np.hypot(end[0] - start[0], end[1] - start[1])
    back = room.get(end, 7.0 if end in _GATE_AT.values() else 4.4)
    ax.add_patch(
        FancyArrowPatch(
            start,
            _between(start, end, 1 - back / length),
            arrowstyle="-|>",
            mutation_scale=9 + 2.5 * lw,
            color=colour,
            lw=lw,
            shrinkA=0,
            shrinkB=0,
            zorder=1 if lw < 1.5 else 1.5,
        )
    )


def _factor(ax, start, end, share, text):
    x, y = _between(start, end, share)
    ax.text(x, y, text, ha="center", va="center", fontsize=10, bbox=_PLATE, zorder=4)


def _badge(ax, x, y, number, empty=False):
    colour = "0.75" if empty else path_colour(number)
    style = {"ls": ":", "fc": "white"} if empty else {"fc": colour}
    ax.add_patch(Circle((x, y), 2.1, ec=colour, lw=1.2, zorder=7, **style))
    ax.text(
        x,
        y - 0.1,
        str(number),
        ha="center",
        va="center",
        fontsize=10,
        zorder=8,
        weight="bold",
        color="0.6" if empty else "white",
    )


def eight_paths_alt(upto=8):
    """The words that go with `draw_eight_paths`: who uses what, or which path is the new one."""
    upto = integer("upto", upto, 0, len(PATHS))
    if upto == 0:
        return (
            "Circles for c and h of step t on the left and of step t+1 on the right, boxes for the four gates of "
            "step t+1 between them. Grey arrows lead from h of step t to the loss and to the four gates, from c of "
            "step t to h, to c of step t+1 and to a loss that looks at c."
        )
    state, name, _ = PATHS[upto - 1]
    sums = [f"d{s}: {', '.join(str(k) for k in range(1, upto + 1) if PATHS[k - 1][0] == s) or 'none'}" for s in "hc"]
    return (
        f"The same diagram with path {upto} as a thick arrow back to {state}, from {name}. "
        f"Paths collected so far, {'; '.join(sums)}."
    )


def draw_two_uses(axes, a=2.0):
    """One value, used twice: forward it forks, backward two gradients meet and are added. L = p q, p = 3a, q = a^2.

    Parameters
    ----------
    axes : sequence of 2 Axes
    a : float
    """
    p, q = 3 * a, a**2
    at = {"a": (8, 25), "p": (47, 40), "q": (47, 10), "L": (88, 25)}
    forward = {"a": f"a = {a:g}", "p": f"p = 3a = {p:g}", "q": f"q = a² = {q:g}", "L": f"L = pq = {p * q:g}"}
    backward = {"a": "da", "p": f"dp = q = {q:g}", "q": f"dq = p = {p:g}", "L": "dL = 1"}
    titles = ("forward: one value goes two ways", "backward: two gradients meet and are added")
    for ax, names, title in zip(axes, (forward, backward), titles, strict=True):
        ax.set(xlim=(-6, 102), ylim=(-8, 54), aspect="equal")
        ax.axis("off")
        ax.set_title(title, fontsize=11)
        for node, (x, y) in at.items():
            wide = 16 if node == "a" else 30 if node != "L" else 26
            card(ax, x, y, wide, 10, 2, "0.4")
            ax.text(x, y, names[node], ha="center", va="center", fontsize=10.5, zorder=6)
    for start, end in (("a", "p"), ("a", "q"), ("p", "L"), ("q", "L")):
        arrow(axes[0], [at[start], _between(at[start], at[end], 0.62)], "0.4", lw=1.5, head=12, zorder=1)
    for node, colour, through, y in (("p", CURVE_COLOURS[1], 3 * q, 40), ("q", CURVE_COLOURS[2], 2 * a * p, 10)):
        arrow(axes[1], [at["L"], _between(at["L"], at[node], 0.62)], colour, lw=2.5, head=14, zorder=1)
        arrow(axes[1], [at[node], _between(at[node], at["a"], 0.78)], colour, lw=2.5, head=14, zorder=1)
        axes[1].text(20, y, f"{through:g}", color=colour, fontsize=12, weight="bold", ha="center", va="center")
    axes[1].text(-2, -3, f"da = {3 * q:g} + {2 * a * p:g} = {3 * q + 2 * a * p:g}", va="center", fontsize=11)


def two_uses_alt(a=2.0):
    """The words that go with `draw_two_uses`."""
    p, q = 3 * a, a**2
    return (
        f"Left, forward: a = {a:g} goes into p = 3a = {p:g} and into q = a² = {q:g}, and L = pq = {p * q:g}. Right, "
        f"backward: through p comes a gradient of {3 * q:g} to a, through q one of {2 * a * p:g}; their sum is "
        f"{3 * q + 2 * a * p:g}."
    )


def draw_errors(ax, report, title=None):
    """The relative errors of a gradient, by parameter, gate and step, with the number in each cell.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Wants about 9 by 6 inches.
    report : dict of str to array_like (T + 1,)
        What `bugs.error_report` returns.
    title : str, optional

    Returns
    -------
    image : matplotlib.image.AxesImage
    texts : list of matplotlib.text.Text
        The cells, row by row, for a widget that shows another report in the same place: see `error_cells`.
    """
    colours, words, inks = error_cells(report)
    steps = colours.shape[1] - 1
    image = ax.imshow(colours, aspect="auto", interpolation="nearest")
    style = {"ha": "center", "va": "center", "fontsize": "small"}
    places = np.ndindex(colours.shape[:2])
    texts = [ax.text(t, row, word, color=ink, **style) for (row, t), word, ink in zip(places, words, inks, strict=True)]
    for row in (3.5, 7.5, 11.5):
        ax.axhline(row, color="0.3", lw=1)
    ax.axvline(steps - 0.5, color="0.3", lw=1)
    ax.set_yticks(range(len(report)), list(report))
    ax.set_xticks(range(steps + 1), [f"t = {t}" for t in range(steps)] + ["whole"])
    ax.set_xlabel("what this step adds to the gradient, and the whole gradient")
    bar = ax.figure.colorbar(
        ScalarMappable(_ERROR_SCALE, "Oranges"), ax=ax, pad=0.02, fraction=0.04, ticks=[-3, -2, -1, 0, 1]
    )
    bar.ax.set_yticklabels(["0.001", "0.01", "0.1", "1", "10"])
    bar.set_label("relative error")
    if title:
        ax.set_title(title, fontsize=11)
    return image, texts


_ERROR_SCALE = Normalize(-3, 1)  # powers of ten


def error_cells(report):
    """What `draw_errors` puts into each cell: colours (rows, columns, 4), and row by row the words and their ink."""
    errors = np.array(list(report.values()), dtype=float)
    powers = np.log10(np.clip(np.nan_to_num(errors, nan=0, posinf=1e3), 1e-3, 1e1))
    colours = colormaps["Oranges"](_ERROR_SCALE(powers))
    colours[errors <= RIGHT_BELOW] = 1
    colours[np.isnan(errors)] = (0.93, 0.93, 0.93, 1)
    words = ["–" if np.isnan(error) else error_text(error) for error in errors.ravel()]
    return colours, words, ["white" if power > -0.2 else "black" for power in powers.ravel()]


RIGHT_BELOW = 1e-9  # a relative error below this is rounding


def error_text(error):
    """A relative error as the pictures write it: two digits, "ok" for rounding, "∞" where 0 would be right."""
    if error <= RIGHT_BELOW:
        return "ok"
    return "∞" if np.isinf(error) else f"{error:.2g}" if error < 10 else f"{error:.0f}"


def errors_alt(report):
    """The words that go with `draw_errors`: which whole gradients are wrong, by how much, and which steps are right."""
    text = "A heatmap of relative errors: rows for parameters and gates, a column for each step, and one for their sum."
    wrong, fine = {}, []
    for part, errors in report.items():
        name = part.partition("[")[0]
        if errors[-1] > RIGHT_BELOW:
            wrong.setdefault(name, {})[part.removeprefix(name).strip("[]")] = errors[-1]
        else:
            fine.append(part)
    if not wrong:
        return text + " No gradient is wrong."
    said = []
    for name, gates in wrong.items():
        low, high = error_text(min(gates.values())), error_text(max(gates.values()))
        which = "" if "" in gates or len(gates) == len(GATES) else f"[{', '.join(gates)}]"
        said.append(f"{name}{which} by {low if low == high else f'{low} to {high}'}")
    text += f" Wrong: {', '.join(said)}."
    text += f" Right, or without a gradient: {', '.join(fine)}." if fine else ""
    by_step = np.array(list(report.values()))[:, :-1]
    right_steps = [str(t) for t in range(by_step.shape[1]) if not (by_step[:, t] > RIGHT_BELOW).any()]
    return text + (
        f" All that step {', '.join(right_steps)} adds is right." if right_steps else " No step is all right."
    )


def draw_path_sizes(ax, sizes):
    """How large a gradient each of the eight paths brings at each step, on a logarithmic scale.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Wants about 9 by 3.6 inches.
    sizes : array_like (8, T)
        Norms, at least 0. Up to 12 steps, the numbers stand in the cells.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    sizes = np.asarray(sizes)
    T = sizes.shape[1]
    image = ax.imshow(path_shades(sizes), cmap="cividis", vmin=-6, vmax=1, aspect="auto", interpolation="nearest")
    ax.set_facecolor("0.93")
    if T <= 12:
        for (row, column), size in np.ndenumerate(sizes):
            text = "0" if size == 0 else f"{size:.0e}" if size < 0.001 else f"{size:.2g}"
            ink = "white" if 0 < size < 1e-3 else "black"
            ax.text(column, row, text, ha="center", va="center", fontsize="small", color=ink)
    label_paths(ax)
    ax.set_xticks(range(0, T, 1 + T // 20))
    ax.set_xlabel("step t")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, fraction=0.04, ticks=[-6, -4, -2, 0])
    bar.ax.set_yticklabels(["1e−6", "1e−4", "0.01", "1"])
    bar.set_label("size of the gradient")
    return image


def path_shades(sizes):
    """The powers of ten of the sizes, with nothing where a size is 0."""
    with np.errstate(divide="ignore"):
        return np.ma.masked_invalid(np.log10(np.asarray(sizes)))


def label_paths(ax):
    """Put the names of the eight paths on the rows of `ax`, with a line between those into h and those into c."""
    ax.set_yticks(range(8), [f"{k}  {state} ← {name}" for k, (state, name, _) in enumerate(PATHS, start=1)])
    ax.tick_params(axis="y", labelsize="small")
    ax.axhline(4.5, color="0.3", lw=1)


def path_sizes_alt(sizes):
    """The words that go with `draw_path_sizes`."""
    sizes = np.asarray(sizes)
    T = sizes.shape[1]
    largest = ", ".join(f"t = {t}: path {1 + int(sizes[:, t].argmax())}" for t in {0: 0, T // 2: 0, T - 1: 0})
    silent = [str(k) for k in range(1, 9) if not sizes[k - 1].any()]
    text = (
        f"A heatmap of eight paths by {counted(T, 'step')}: how large a gradient each brings. The largest at {largest}."
    )
    return text + (f" Nothing ever comes on path {', '.join(silent)}." if silent else "")
