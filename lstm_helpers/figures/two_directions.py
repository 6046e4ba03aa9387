"""Two readers of one sequence (notebook 06)."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from lstm_helpers.figures.style import CURVE_COLOURS, CURVE_MARKERS, GATE_COLOURS, INK, number

# 我爱中国 stroke by stroke, x to the right and y downwards, 0 to 100: a picture of a Chinese character
# must not hang on a font that the reader's machine may not have.
CHARACTER_STROKES = {
    "我": (
        ((44, 8), (32, 15), (14, 19)),
        ((5, 36), (95, 36)),
        ((31, 16), (31, 88), (27, 93), (18, 86)),
        ((7, 68), (50, 54)),
        ((54, 6), (56, 32), (63, 60), (76, 84), (90, 94), (93, 78)),
        ((83, 46), (70, 66), (48, 86)),
        ((71, 12), (83, 25)),
    ),
    "爱": (
        ((78, 5), (52, 11), (22, 14)),
        ((22, 21), (29, 32)),
        ((47, 19), (51, 30)),
        ((77, 17), (67, 32)),
        ((13, 37), (8, 52)),
        ((13, 38), (90, 38), (83, 51)),
        ((22, 55), (79, 55)),
        ((44, 45), (39, 62), (28, 80), (8, 95)),
        ((37, 70), (73, 70), (60, 84), (42, 92), (24, 97)),
        ((37, 74), (54, 87), (92, 97)),
    ),
    "中": (
        ((18, 28), (18, 66)),
        ((18, 28), (82, 28), (82, 66)),
        ((18, 61), (82, 61)),
        ((50, 5), (50, 97)),
    ),
    "国": (
        ((13, 10), (13, 95)),
        ((13, 10), (87, 10), (87, 95)),
        ((30, 28), (70, 28)),
        ((33, 48), (67, 48)),
        ((27, 72), (73, 72)),
        ((50, 28), (50, 72)),
        ((60, 55), (68, 64)),
        ((13, 90), (87, 90)),
    ),
}


def draw_character(ax, character, x, y, size):
    """Draw one of the characters of `CHARACTER_STROKES` in the middle of (x, y), `size` wide in the axes' units.

    The axes' two units should be of one length, and y may run either way.
    """
    up = -1 if ax.get_ylim()[0] < ax.get_ylim()[1] else 1
    for stroke in CHARACTER_STROKES[character]:
        points = (np.array(stroke) - 50) / 100 * size * np.array([1, up]) + np.array([x, y])
        ax.plot(*points.T, color="0.1", lw=1.8, solid_capstyle="round", solid_joinstyle="round")


def draw_two_readers(ax, characters, words):
    """Two rows of boxes over a text: one read to the right, one to the left, joined at each position.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Wants about 8 by 4 inches.
    characters : str
        Of `CHARACTER_STROKES`.
    words : sequence of str
        One for each character, to stand below it.
    """
    T = len(characters)
    ax.set(xlim=(-1.6, T - 0.3), ylim=(-1.15, 3.75), aspect="equal")
    ax.axis("off")
    rows = (("forwards", 1.0, "h", -1), ("backwards", 2.0, "c", 1))
    for t, (character, word) in enumerate(zip(characters, words, strict=True)):
        draw_character(ax, character, t, -0.15, 0.5)
        ax.text(t, -0.62, word, ha="center", va="top", color=INK)
        ax.annotate("", (t, 0.72), (t, 0.2), arrowprops={"arrowstyle": "-|>", "color": "0.5"})
        ax.annotate("", (t + 0.15, 3.05), (t + 0.15, 2.25), arrowprops={"arrowstyle": "-|>", "color": "0.5"})
        for corners in (  # from the character past the lower row, and from the lower row past the upper one
            ((t, 0.4), (t + 0.37, 0.4), (t + 0.37, 1.45), (t, 1.45), (t, 1.72)),
            ((t - 0.14, 1.24), (t - 0.14, 1.34), (t - 0.37, 1.34), (t - 0.37, 2.6), (t - 0.15, 2.6), (t - 0.15, 3.05)),
        ):
            ax.plot(*np.transpose(corners[:-1]), color="0.5", lw=1, zorder=1)
            ax.annotate("", corners[-1], corners[-2], arrowprops={"arrowstyle": "-|>", "color": "0.5", "shrinkA": 0})
        for name, y, signal, _ in rows:
            half = {"xy": (t - 0.3 if name == "forwards" else t, 3.1), "width": 0.3, "height": 0.42}
            ax.add_patch(Rectangle(**half, fc=GATE_COLOURS[signal], alpha=0.45, ec="0.2"))
            style = {"boxstyle": "round,pad=0.06", "fc": "white", "ec": GATE_COLOURS[signal], "lw": 2, "zorder": 3}
            ax.add_patch(FancyBboxPatch((t - 0.22, y - 0.18), 0.44, 0.36, **style))
            count = t + 1 if name == "forwards" else T - t
            ax.text(t, y, str(count), ha="center", va="center", zorder=4)
    for name, y, signal, step in rows:
        ax.text(-0.55, y, name, ha="right", va="center", color=GATE_COLOURS[signal], fontweight="bold")
        for t in range(T - 1):
            ends = ((t + 0.3, y), (t + 0.7, y)) if step < 0 else ((t + 0.7, y), (t + 0.3, y))
            ax.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, color=GATE_COLOURS[signal], lw=2))
    ax.text(-0.55, 3.31, "joined", ha="right", va="center", fontweight="bold", color=INK)


def two_readers_alt(characters, words):
    """The words that go with `draw_two_readers`."""
    T = len(characters)
    named = ", ".join(
        f"{character} ({word.splitlines()[0]})" for character, word in zip(characters, words, strict=True)
    )
    pairs = ", ".join(f"{t + 1} and {T - t}" for t in range(T))
    return (
        f"Above {named} two rows of boxes, one with arrows to the right, one with arrows to the left; at each position "
        f"the two are joined side by side. The number in a box says how many characters it has read: {pairs}."
    )


def draw_reach(axes, reaches, labels):
    """Which features change when one token does: rows for the position of the features, columns for the token.

    Parameters
    ----------
    axes : sequence of Axes
        One for each table.
    reaches : dict of str to array_like (T, T)
        ``[t, s]``: by how much the features at position t change when token s does, at least 0.
        Up to 8 positions, the numbers stand in the cells.
    labels : sequence of str
    """
    top = max(np.max(reach) for reach in reaches.values())
    for ax, (name, reach) in zip(np.ravel(axes), reaches.items(), strict=True):
        reach = np.asarray(reach)
        shown = np.ma.masked_equal(reach, 0)
        image = ax.imshow(shown, cmap="cividis", vmin=0, vmax=top, interpolation="nearest")
        ax.set_facecolor("0.93")
        for (t, s), value in np.ndenumerate(reach):
            ink = "white" if 0 < value < 0.45 * top else "black"
            text = "0" if value == 0 else number(value) if len(reach) <= 8 else ""
            ax.text(s, t, text, ha="center", va="center", color=ink, fontsize="small")
        ax.set_xticks(range(len(labels)), labels, parse_math=False)
        ax.set_yticks(range(len(labels)), labels, parse_math=False)
        ax.set(title=name, xlabel="changed token")
    np.ravel(axes)[0].set_ylabel("features at")
    bar = np.ravel(axes)[0].figure.colorbar(image, ax=list(np.ravel(axes)), fraction=0.03, pad=0.02)
    bar.set_label("change (grey: none)")


def reach_alt(reaches):
    """The words that go with `draw_reach`: where each table is exactly 0."""
    said = []
    for name, reach in reaches.items():
        reach = np.asarray(reach)
        above, below = np.triu(reach, 1).any(), np.tril(reach, -1).any()
        where = {
            (False, True): "0 for every later token",
            (True, False): "0 for every earlier token",
            (True, True): "no side is 0",
            (False, False): "0 but for the token itself",
        }[bool(above), bool(below)]
        said.append(f"{name}: {where}, at most {number(reach.max())}")
    return f"Heatmaps of what changes at each position when one token changes. {'; '.join(said)}."


def draw_letters(axes, tables):
    """Batches of sequences as tables of boxes: one row for each sequence, time to the right, padding hatched.

    Parameters
    ----------
    axes : sequence of Axes
        One for each table.
    tables : dict of str to sequence of sequence of str
        The letters of each sequence; "" is padding.
    """
    for ax, (name, rows) in zip(np.ravel(axes), tables.items(), strict=True):
        for n, row in enumerate(rows):
            for t, letter in enumerate(row):
                style = {"fc": "white", "ec": "0.2"} if letter else {"fc": "0.92", "ec": "0.6", "hatch": "///"}
                ax.add_patch(Rectangle((t - 0.5, n - 0.5), 1, 1, **style))
                ax.text(t, n, letter, ha="center", va="center", fontsize=12)
        ax.set(xlim=(-0.6, len(rows[0]) - 0.4), ylim=(len(rows) - 0.4, -0.6), aspect="equal", title=name)
        ax.set(xticks=range(len(rows[0])), yticks=range(len(rows)), xlabel="step t")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    np.ravel(axes)[0].set_ylabel("sequence n")


def letters_alt(tables):
    """The words that go with `draw_letters`: each row as text, with dots for padding."""
    said = [
        f"{name}: " + ", ".join("".join(letter or "." for letter in row) for row in rows)
        for name, rows in tables.items()
    ]
    return f"Tables of letters, one row for each sequence, dots for padding. {'; '.join(said)}."


def draw_by_position(ax, runs, limits):
    """A number for each position of several runs: the median as a line, the range as a band; dashed, the limit.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The caller names the y axis.
    runs : dict of str to array_like (runs, T)
        At most four.
    limits : dict of str to array_like (T,)
        At most one.
    """
    for k, (name, values) in enumerate(runs.items(), start=1):
        values = np.atleast_2d(values)
        steps, colour = np.arange(values.shape[1]), CURVE_COLOURS[k]
        ax.fill_between(steps, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.2, lw=0)
        ax.plot(steps, np.median(values, axis=0), color=colour, marker=CURVE_MARKERS[k], markersize=5, label=name)
    for name, values in limits.items():
        ax.plot(np.arange(len(values)), values, color="black", ls=(0, (4, 3)), lw=1.2, zorder=3, label=name)
    ax.set_xlabel("position t")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def draw_seed_dots(ax, scores, limits):
    """Scores of several seeds as dots on a line for each name; a bar marks the most that is possible there.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    scores : dict of str to array_like (seeds,)
        From 0 to 1.
    limits : dict of str to float
        For some of the names.
    """
    for row, (name, values) in enumerate(scores.items()):
        ax.axhline(row, color="0.9", lw=1, zorder=0)
        spread = np.linspace(-0.16, 0.16, len(values))
        ax.plot(values, row + spread, "o", color=CURVE_COLOURS[1], markersize=6, alpha=0.8, clip_on=False)
        if name in limits:
            ax.plot([limits[name]] * 2, [row - 0.38, row + 0.38], color=CURVE_COLOURS[2], lw=2.5)
            ax.text(limits[name] + 0.01, row - 0.22, "at most", color=CURVE_COLOURS[2], fontsize="small", va="center")
    ax.set_yticks(range(len(scores)), list(scores))
    ax.set(xlim=(0, 1.02), ylim=(len(scores) - 0.5, -0.5), xlabel="share right, one dot for each seed")
