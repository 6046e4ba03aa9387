"""Pictures: each function draws one idea on the axes it is given, and a twin says it in words.

Nothing here is global: give a function a ``matplotlib.figure.Figure`` or an ``Axes``, it draws
there. Only `show` displays. The colours stand here and nowhere else; the scrubber in the browser
gets them from here, with the data.
"""

import base64
import io
import pathlib
import re

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from matplotlib.image import imsave
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from matplotlib.path import Path

from lstm_helpers.cell import GATES, Trace, sigmoid
from lstm_helpers.validate import integer

# --- names and colours -------------------------------------------------------------------------

SIGNALS = (*GATES, "c", "h")  # the order of the six heatmaps, everywhere
SIGNAL_NAMES = {
    "i": "input gate",
    "f": "forget gate",
    "g": "candidate",
    "o": "output gate",
    "c": "cell state",
    "h": "hidden state",
}

# The hues are Okabe and Ito's (2008, "Color Universal Design"), moved until each has a contrast of at
# least 3:1 on white and on JupyterLab's dark grey, and each pair still differs for readers without
# red, green or blue cones. No picture relies on them alone: lines have dashes and markers too.
GATE_COLOURS = {"i": "#009373", "f": "#4C66B4", "g": "#B68C1A", "o": "#E468AD", "c": "#BF4917", "h": "#0E9CE7"}
GATE_DASHES = {"i": (6, 2), "f": (2, 2), "g": (7, 2, 2, 2), "o": (4, 1.5, 1, 1.5, 1, 1.5), "c": (), "h": (10, 3)}
GATE_MARKERS = {"i": "^", "f": "o", "g": "s", "o": "D", "c": "P", "h": "v"}

# Both maps as nine colours to run a straight line between, so that the browser can do the same.
# Cividis reads the same with and without colour vision; coolwarm's 0 is grey, not white, and so
# neither looks like an empty page in the light theme nor glares in the dark one.
GATE_MAP = tuple(to_hex(colormaps["cividis"](k / 8)) for k in range(9))  # 0 (shut) to 1 (open)
STATE_MAP = tuple(to_hex(colormaps["coolwarm"](k / 8)) for k in range(9))  # -limit to +limit


def is_gate(signal):
    """Whether `signal` is a valve, with values in [0, 1]; g, c and h have a sign."""
    return signal in ("i", "f", "o")


def colour_map(signal):
    """The matplotlib colour map in which `signal` is drawn."""
    return LinearSegmentedColormap.from_list(signal, GATE_MAP if is_gate(signal) else STATE_MAP)


def value_range(signal, trace):
    """The ends of the scale of one signal: 0 to 1, -1 to 1, or for c a round number that nothing exceeds."""
    if signal == "c":
        return -state_limit(trace), state_limit(trace)
    return (0.0 if is_gate(signal) else -1.0), 1.0


def state_limit(*traces):
    """A round number (1, 2 or 5 times a power of ten, at least 1) that no \\|c\\| of the traces exceeds."""
    largest = max(max(np.abs(trace.c).max(), np.abs(trace.c0).max()) for trace in traces)
    if largest <= 1:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    return float(next(power * step for step in (1, 2, 5, 10) if largest <= power * step * (1 + 1e-6)))


# --- showing -----------------------------------------------------------------------------------


def show(fig, alt):
    """Display a figure for every reader: the picture, its alt text, and the same words as a caption.

    JupyterLab drops the alt text of a picture, exported pages and screen readers use it: so it is
    stored with the picture and shown below it as well.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        It is closed afterwards, so that it is not shown twice.
    alt : str
        A sentence or two that say what there is to see.

    Raises
    ------
    ValueError
        If `alt` is not a text, or empty.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt is {alt!r}, wanted a sentence that says what there is to see")
    alt = " ".join(alt.split())
    png = io.BytesIO()
    fig.savefig(png, format="png", metadata={"Software": None})
    plt.close(fig)
    picture = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt}
    display(picture, raw=True, metadata={"image/png": {"alt": alt}})
    display({"text/markdown": f"*{_plain_markdown(alt)}*", "text/plain": alt}, raw=True)


def _plain_markdown(text):
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text)


def number(value, digits=2):
    """A number as all pictures write it: fixed decimals, a real minus sign, 1.5e6 for what is large."""
    value = float(value)
    if abs(value) < 1000:
        text = f"{value:.{digits}f}"
        text = text if float(text) else text.lstrip("-")
    else:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return text.replace("-", "−")


# --- a picture that moves ----------------------------------------------------------------------

SHARP = 150  # pixels an inch: fine on a projector and on dense screens, and still quick to paint


def new_figure(width, height):
    """An empty figure, `width` by `height` inches, that belongs to no window and is shown by nobody else."""
    return Figure(figsize=(width, height), layout="constrained")


class Blit:
    """A figure of which only the moving parts are painted again, over a kept background.

    Painting all of a figure takes long enough to feel, painting a few lines over a kept background
    does not: the difference between dragging a slider and waiting for it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It keeps its size and its axes for good, and is drawn with `SHARP` pixels an inch.
    moving : sequence of Artist
        What changes. They are painted over everything but the frames of the axes: keep legends
        outside.
    """

    def __init__(self, figure, moving):
        figure.set_dpi(SHARP)
        self._canvas = FigureCanvasAgg(figure)
        # The frames belong above a line that touches them.
        frames = [spine for ax in figure.axes for spine in ax.spines.values()]
        self._moving = sorted([*moving, *frames], key=lambda artist: artist.get_zorder())
        for artist in self._moving:
            artist.set_animated(True)
        self._canvas.draw()  # everything but the moving parts
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def paint(self):
        """Paint the moving parts where they are now; return the picture as the bytes of a PNG."""
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            artist.figure.draw_artist(artist)
        png = io.BytesIO()
        imsave(png, self.pixels(), format="png", pil_kwargs={"compress_level": 1})  # quick rather than small
        return png.getvalue()

    def pixels(self):
        """The picture as it stands, an array (height, width, 4) of bytes."""
        return np.asarray(self._canvas.buffer_rgba())


# --- tokens ------------------------------------------------------------------------------------

_VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "": "∅"}


def token_rows(tokens, trace):
    """Check `tokens` against a trace; return a list of T strings for each sequence, or None.

    Parameters
    ----------
    tokens : sequence of str, or sequence of N such sequences, or None
        One for each step: T for all, or for each sequence its own T (or as many as it has steps).
        A single str counts as its characters.
    trace : Trace

    Raises
    ------
    ValueError
        If there are more or fewer tokens than steps, or a token is not a str.
    """
    if tokens is None:
        return None
    T, N = trace.seq_len, trace.batch_size
    tokens = list(tokens)
    nested = bool(tokens) and isinstance(tokens[0], (list, tuple))
    rows = [list(row) for row in tokens] if nested else [tokens] * N
    if len(rows) != N:
        raise ValueError(f"tokens has {len(rows)} sequences, wanted {N} (the batch of the trace)")
    for row, length in zip(rows, trace.lengths, strict=True):
        if len(row) not in (T, length):
            raise ValueError(f"tokens has {len(row)} tokens, wanted {T}: one for each step of the trace")
        for token in row:
            if not isinstance(token, str):
                came = f"{token!r} ({type(token).__name__})"
                raise ValueError(f"tokens holds {came}, wanted str only, such as {str(token)!r}")
    return [row + [""] * (T - len(row)) for row in rows]


def visible(token):
    """The token with blanks and line ends made visible: "␣" for a space, "↵" for a line end, "∅" for nothing."""
    return "".join(_VISIBLE.get(letter, letter) for letter in token) or _VISIBLE[""]


def visible_row(tokens, length):
    """One sequence's tokens as they are shown: made visible, and "–" where the padding has none."""
    return [visible(token) if token or t < length else "–" for t, token in enumerate(tokens)]


def _token_labels(tokens, trace, batch):
    """Labels for the time axis that the font can draw, and whether step numbers had to stand in for any."""
    if tokens is None:
        return [str(t) for t in range(trace.seq_len)], False
    glyphs = FT2Font(findfont(FontProperties())).get_charmap()
    labels = visible_row(token_rows(tokens, trace)[batch], trace.lengths[batch])
    drawable = [all(ord(letter) in glyphs for letter in label) for label in labels]
    labels = [label if ok else f"#{t}" for t, (label, ok) in enumerate(zip(labels, drawable, strict=True))]
    return labels, not all(drawable)


def label_time(ax, tokens, trace, batch, room=40):
    """Ticks under the steps: tokens or step numbers, every k-th where there is no room for more."""
    labels, _ = _token_labels(tokens, trace, batch)
    letters = len(labels) * max(2, max(map(len, labels)))
    stride = next(k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if letters / k <= 2 * room)
    steps = range(0, len(labels), stride)
    ax.set_xticks(list(steps), [labels[t] for t in steps], parse_math=False)
    ax.set_xlabel("step t" if tokens is None else "token at each step, time to the right")


# --- the overview ------------------------------------------------------------------------------


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
    _check_trace(trace)
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
        _mark_padding(ax, trace, batch)
    label_time(axes[-1], tokens, trace, batch)


def _write_values(ax, image, values):
    for (unit, t), value in np.ndenumerate(values):
        red, green, blue, _ = image.to_rgba(value)
        ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
        ax.text(t, unit, number(value), ha="center", va="center", color=ink, fontsize="x-small")


def _mark_padding(ax, trace, batch):
    end, T = int(trace.lengths[batch]), trace.seq_len
    if end < T:
        low, high = ax.get_ylim()
        patch = Rectangle((end - 0.5, min(low, high)), T - end, abs(high - low), fc="0.92", ec="0.6", hatch="///", lw=0)
        ax.add_patch(patch)
        x, y = (end + T) / 2 - 0.5, (low + high) / 2
        ax.text(x, y, "padding", ha="center", va="center", fontsize="small", color="0.2")


def overview_alt(trace, *, tokens=None, batch=0):
    """The words that go with `draw_overview`: what is drawn, and this trace's own numbers."""
    _check_trace(trace)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    end, T, H = int(trace.lengths[batch]), trace.seq_len, trace.hidden_size
    labels, replaced = _token_labels(tokens, trace, batch)
    parts = []
    for signal in SIGNALS:
        values = getattr(trace, signal)[:end, batch]
        parts.append(f"{SIGNAL_NAMES[signal]} {signal} {number(values.min())} to {number(values.max())}")
    text = f"Six heatmaps, time to the right, of {_count(T, 'step')} and {_count(H, 'unit')}"
    text += "." if tokens is None else f", from token {labels[0]} to token {labels[end - 1]}."
    if end < T:
        text += f" The last {_count(T - end, 'step')} are padding."
    text += " Lowest and highest value: " + ", ".join(parts) + "."
    if replaced:
        text += " Tokens that the font of this picture cannot draw stand as their step number, such as #0."
    return text


def _count(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _check_trace(trace, name="trace"):
    if not isinstance(trace, Trace):
        raise ValueError(f"{name} is {type(trace).__name__}, wanted a Trace (what lstm_forward returns)")


# --- the curves of one unit --------------------------------------------------------------------


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
    _check_trace(trace)
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
    _mark_padding(ax, trace, batch)
    ax.set_ylabel(f"values of unit {unit}")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=4)


def gate_curves_alt(trace, unit=0, *, tokens=None, batch=0, signals=SIGNALS):
    """The words that go with `draw_gate_curves`: each curve's first, last, lowest and highest value."""
    _check_trace(trace)
    end = int(trace.lengths[batch])
    parts = []
    for signal in signals:
        v = getattr(trace, signal)[:end, batch, unit]
        ends = f"goes from {number(v[0])} to {number(v[-1])}, lowest {number(v.min())}, highest {number(v.max())}"
        parts.append(f"{SIGNAL_NAMES[signal]} {signal} {ends}")
    return f"Curves of unit {unit} over {_count(end, 'step')}: " + "; ".join(parts) + "."


# --- the cell's diagram ------------------------------------------------------------------------

# One drawing of the cell, for matplotlib and for the scrubber alike; y runs downwards.
# A pipe carries a number with a sign (as thick as it is far from 0, hollow below 0); a valve lets the share
# i, f or o of it through; a control is the thin wire from a gate's box to its valve.
CELL_DIAGRAM = {
    "size": (520, 525),
    "pipes": {
        "c_prev": ((10, 90), (58, 90)),
        "f_c": ((82, 90), (249, 90)),
        "g": ((260, 410), (260, 247)),
        "i_g": ((260, 223), (260, 101)),
        "c": ((271, 90), (504, 90)),
        "c_tanh": ((440, 90), (440, 150)),
        "tanh_c": ((440, 182), (440, 278)),
        "h": ((440, 302), (440, 374), (504, 374)),
    },
    "carries": {"c_prev": "c", "f_c": "c", "i_g": "g", "c_tanh": "c", "tanh_c": "c", "h_prev": "h"},
    "arrows": {"c": (504, 90), "h": (504, 374)},
    "controls": {
        "f": ((70, 410), (70, 107)),
        "i": ((165, 410), (165, 235), (243, 235)),
        "o": ((355, 410), (355, 290), (423, 290)),
    },
    "bus": {
        "h_prev": ((10, 468), (355, 468)),
        "x": ((212, 500), (212, 468)),
        "to_f": ((70, 468), (70, 450)),
        "to_i": ((165, 468), (165, 450)),
        "to_g": ((260, 468), (260, 450)),
        "to_o": ((355, 468), (355, 450)),
    },
    "valves": {"f": (70, 90, "across"), "i": (260, 235, "up"), "o": (440, 290, "up")},
    "plus": (260, 90),
    "boxes": {  # centre, and what stands in it
        "f": (70, 430, "forget", "σ"),
        "i": (165, 430, "input", "σ"),
        "g": (260, 430, "candidate", "tanh"),
        "o": (355, 430, "output", "σ"),
        "tanh_c": (440, 166, "", "tanh"),
    },
    "labels": {  # x, y and alignment of a wire's name; its value stands below
        "c_prev": (10, 27, "start", "c_prev"),
        "f_c": (165, 27, "middle", "f · c_prev"),
        "c": (514, 27, "end", "c"),
        "f": (80, 240, "start", "f"),
        "i": (175, 310, "start", "i"),
        "g": (274, 310, "start", "g"),
        "i_g": (274, 145, "start", "i · g"),
        "o": (364, 316, "start", "o"),
        "tanh_c": (428, 205, "end", "tanh(c)"),
        "h": (514, 402, "end", "h"),
        "h_prev": (10, 484, "start", "h_prev"),
        "x": (224, 484, "start", "x"),
    },
    "note": "pipe: thick is far from 0, full at 1 and beyond, hollow below 0 · gap in a valve: how far it is open",
}
PIPE_WIDTH = 14  # of a full pipe, in the units of the diagram


def wire_values(trace, t, unit, batch=0):
    """The number on each wire of `CELL_DIAGRAM` at one step of one unit, as a dict of floats."""
    step = trace.step(t)
    wires = {name: float(getattr(step, name)[batch, unit]) for name in (*SIGNALS, "c_prev", "h_prev")}
    wires |= {"f_c": wires["f"] * wires["c_prev"], "i_g": wires["i"] * wires["g"]}
    return wires | {"c_tanh": wires["c"], "tanh_c": float(np.tanh(wires["c"]))}


def wire_colour(wire):
    """The colour of one wire of `CELL_DIAGRAM`: that of the signal that it carries."""
    return GATE_COLOURS[CELL_DIAGRAM["carries"].get(wire, wire)]


def draw_cell(ax, trace, t, unit=0, batch=0):
    """The LSTM cell as pipes and valves, with the values of one step of one unit on its wires.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    trace : Trace
    t, unit, batch : int
        Step 0 to T - 1, unit 0 to H - 1, sequence 0 to N - 1.
    """
    _check_trace(trace)
    unit = integer("unit", unit, 0, trace.hidden_size - 1)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    values, diagram = wire_values(trace, t, unit, batch), CELL_DIAGRAM
    width, height = diagram["size"]
    ax.set(xlim=(0, width), ylim=(height + 20, 0), aspect="equal")
    ax.axis("off")
    for wire in diagram["bus"].values():
        _draw_pipe(ax, wire, 1.5, "0.55")
    for gate, wire in diagram["controls"].items():
        _draw_pipe(ax, wire, 2.5, GATE_COLOURS[gate])
    for name, wire in diagram["pipes"].items():
        thick = max(1.5, PIPE_WIDTH * min(1, abs(values[name])))
        _draw_pipe(ax, wire, thick, wire_colour(name))
        if values[name] < 0:
            _draw_pipe(ax, wire, max(0.5, thick - 3), "white")
    for gate, (x, y, direction) in diagram["valves"].items():
        _draw_valve(ax, x, y, direction, values[gate], GATE_COLOURS[gate])
    x, y = diagram["plus"]
    ax.plot(x, y, "o", ms=16, mfc="white", mec="0.3")
    ax.text(x, y, "+", ha="center", va="center", fontsize=13)
    for name, (x, y, title, function) in diagram["boxes"].items():
        colour = wire_colour(name)
        wide, high = (84, 40) if title else (52, 32)
        corner, style = (x - wide / 2, y - high / 2), "round,pad=0,rounding_size=5"
        ax.add_patch(FancyBboxPatch(corner, wide, high, boxstyle=style, fc="white", ec=colour, lw=1.5))
        ax.text(x, y, f"{title}\n{function}" if title else function, ha="center", va="center", fontsize=8)
    for name, (x, y) in diagram["arrows"].items():
        ax.plot(x, y, ">", ms=9, color=wire_colour(name))
    ends = {"start": "left", "middle": "center", "end": "right"}
    for name, (x, y, align, title) in diagram["labels"].items():
        ax.text(x, y, title, ha=ends[align], va="center", fontsize=9, color="0.3")
        text = number(values[name], 3) if name in values else _inputs_text(trace.x[t, batch])
        ax.text(x, y + 18, text, ha=ends[align], va="center", fontsize=11, weight="bold")
    ax.text(width / 2, height + 10, diagram["note"], ha="center", va="center", fontsize=7, color="0.3")


def _inputs_text(x):
    return ", ".join(number(value) for value in x) if len(x) <= 3 else f"{len(x)} numbers"


def _draw_pipe(ax, points, thick, colour):
    """Straight stretches and corners as rectangles in the diagram's units, so that the thickness scales with it."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        across, down = (thick, abs(y1 - y0)) if x0 == x1 else (abs(x1 - x0), thick)
        ax.add_patch(Rectangle(((x0 + x1 - across) / 2, (y0 + y1 - down) / 2), across, down, fc=colour, ec="none"))
    for x, y in points[1:-1]:
        ax.add_patch(Rectangle((x - thick / 2, y - thick / 2), thick, thick, fc=colour, ec="none"))


def _draw_valve(ax, x, y, direction, opening, colour):
    """A gap between two plates, as wide as the gate is open."""
    size, plate = 32, 12
    shut = (1 - opening) * PIPE_WIDTH / 2 + (size - PIPE_WIDTH) / 2
    wide, high = (plate * 2, size) if direction == "across" else (size, plate * 2)
    ax.add_patch(Rectangle((x - wide / 2, y - high / 2), wide, high, fc="white", ec=colour, lw=1.5))
    for side in (0, 1):
        if direction == "across":
            corner, box = (x - wide / 2, y - high / 2 + side * (high - shut)), (wide, shut)
        else:
            corner, box = (x - wide / 2 + side * (wide - shut), y - high / 2), (shut, high)
        ax.add_patch(Rectangle(corner, *box, fc=colour, ec="none"))


def cell_alt(trace, t, unit=0, batch=0):
    """The words that go with `draw_cell`: the step as two sums with this step's numbers."""
    _check_trace(trace)
    v = {name: number(value, 3) for name, value in wire_values(trace, t, unit, batch).items()}
    return (
        f"The cell at step t = {t}, unit {unit}. The forget valve is open to f = {v['f']} and lets {v['f_c']} of "
        f"c_prev = {v['c_prev']} through; the input valve i = {v['i']} adds {v['i_g']} of the candidate g = {v['g']}; "
        f"together the new cell state is c = {v['c']}. The output valve o = {v['o']} shows h = {v['h']} of "
        f"tanh(c) = {v['tanh_c']}."
    )


# --- gates, for notebook 01 --------------------------------------------------------------------


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
        _draw_pipe(ax, ((start, y), (start + gap, y)), max(1.0, PIPE_WIDTH * left / value), GATE_COLOURS["c"])
        ax.text(start + gap / 2, y - 24, f"{left:.4g}", ha="center", va="center", fontsize=12)
        if gate is None:
            continue
        left *= gate
        _draw_valve(ax, start + gap, y, "across", gate, GATE_COLOURS["f"])
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


# --- the person with a notebook and three doors (notebook 00) ----------------------------------

_INK = "0.25"


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
    _arrow(ax, [(69, 49), (87, 49)], GATE_COLOURS["c"])
    _arrow(ax, [(104, 49), (132, 49)], GATE_COLOURS["c"])
    _say(ax, 120, 50.5, "to the\nnext step", va="bottom")
    _notebook(ax, 12, 49, c_prev, "notebook before the step", r"$c_{t-1}$")
    _notebook(ax, 95, 49, c, "notebook after the step", r"$c_t \,=\, f\,c_{t-1} + i\,g$")
    _door(ax, 40, 49, "f", f)
    _name(ax, 40, 60, "forget door  $f$", GATE_COLOURS["f"])
    _say(ax, 40, 37.5, f"open to {number(f)}: this share\nof the old page is kept", va="top")

    # What is written comes up from below.
    _arrow_through(ax, (65.5, 13), (65.5, 29), (65.5, 45.5), i, GATE_COLOURS["g"])
    ax.add_patch(Circle((65.5, 49), 3, fc="white", ec=_INK, lw=1.5, zorder=2))
    ax.text(65.5, 48.8, "+", ha="center", va="center", fontsize=15, zorder=3)
    _door(ax, 65.5, 29, "i", i)
    _name(ax, 73, 33, "input door  $i$", GATE_COLOURS["i"], ha="left")
    _say(ax, 73, 31.5, f"open to {number(i)}:\nthis share of the\ncandidate is written", ha="left", va="top")
    _card(ax, 65.5, 8.5, 22, 9, 1, GATE_COLOURS["g"])
    _name(ax, 65.5, 9.3, "candidate  $g$", GATE_COLOURS["g"])
    _say(ax, 65.5, 5.4, f"could be written: {number(g)}")

    # What is read aloud goes down to the right.
    _arrow_through(ax, (97, 39), (97, 27), (97, 14), o, GATE_COLOURS["h"])
    _door(ax, 97, 27, "o", o)
    _name(ax, 104.5, 31, "output door  $o$", GATE_COLOURS["o"], ha="left")
    share = f"open to {number(o)}:\nthis share of the page,\nsqueezed by tanh,\nis read aloud"
    _say(ax, 104.5, 29.5, share, ha="left", va="top")
    _card(ax, 97, 8.5, 26, 9, 3.5, GATE_COLOURS["h"])
    tail = [(89, 4.2), (85, 0), (93, 4.2)]  # of the speech bubble
    ax.add_patch(Polygon(tail, closed=False, fc="white", ec=GATE_COLOURS["h"], lw=2, zorder=2.5))
    _name(ax, 97, 9.3, "said aloud  $h$", GATE_COLOURS["h"])
    _say(ax, 97, 5.4, rf"$h_t \,=\, o\,\tanh(c_t)$ = {number(h)}")
    _arrow(ax, [(111, 8.5), (132, 8.5)], GATE_COLOURS["h"])
    _say(ax, 121, 10, "heard again at\nthe next step", va="bottom")

    # The person looks at two things, and sets the three doors and the candidate.
    for wire in (
        [(31, 17), (40, 17), (40, 31)],
        [(40, 17), (61, 17), (61, 20)],
        [(59, 17), (59, 13.6)],
        [(61, 17), (93, 17), (93, 18.5)],
    ):
        _arrow(ax, wire, "0.45", lw=1, head=9, zorder=0.5)
    _person(ax, 27, 10)
    _say(ax, 32, 15.8, "looks at both,\nsets the three doors and\ndrafts the candidate", ha="left", va="top")
    for y, text in ((15, "$x_t$  what comes in now"), (6, "$h_{t-1}$  what was said last")):
        _say(ax, -1, y + 1, text, ha="left", va="bottom")
        _arrow(ax, [(-1, y), (22, y)], "0.45", lw=2)


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


def _say(ax, x, y, text, ha="center", va="baseline"):
    ax.text(x, y, text, ha=ha, va=va, fontsize=9, color=_INK, zorder=6)


def _name(ax, x, y, text, colour, ha="center"):
    ax.text(x, y, text, ha=ha, fontsize=11, weight="bold", color=colour, zorder=6)


def _arrow(ax, points, colour, lw=3, head=18, zorder=3):
    style = {"arrowstyle": "-|>", "joinstyle": "miter", "capstyle": "butt"}
    ax.add_patch(FancyArrowPatch(path=Path(points), color=colour, lw=lw, mutation_scale=head, zorder=zorder, **style))


def _arrow_through(ax, start, door, end, opening, colour):
    """An arrow that is as thin behind the door as the door is shut."""
    ax.plot(*zip(start, door, strict=True), color=colour, lw=3, zorder=3, solid_capstyle="butt")
    _arrow(ax, [door, end], colour, lw=0.6 + 2.4 * opening, head=8 + 10 * opening)


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
    ax.text(x, y + high / 2 + 2.2, symbol, ha="center", fontsize=11, color=_INK)


def _card(ax, x, y, wide, high, rounding, colour):
    style = f"round,pad=0,rounding_size={rounding}"
    corner = (x - wide / 2, y - high / 2)
    ax.add_patch(FancyBboxPatch(corner, wide, high, boxstyle=style, fc="white", ec=colour, lw=2, zorder=2))


def _person(ax, x, y):
    """A head, a body, and an arm that points to the doors."""
    grey = "0.35"
    body = "round,pad=0.6,rounding_size=2.6"
    ax.add_patch(FancyBboxPatch((x - 2.4, y - 6), 4.8, 8, boxstyle=body, fc=grey, ec="none"))
    ax.add_patch(Circle((x, y + 6.6), 2.8, fc=grey, ec="none"))
    ax.plot([x + 1.5, x + 4.2], [y + 0.5, y + 5.5], color=grey, lw=5, solid_capstyle="round")


# --- how fast something fades (notebook 00) ----------------------------------------------------

# Black and four hues of Okabe and Ito; markers and dashes tell the curves apart without them.
CURVE_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
CURVE_DASHES = ((), (6, 2), (2, 2), (7, 2, 2, 2), (10, 3))
CURVE_MARKERS = ("x", "o", "s", "^", "D")


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


# --- what is kept and what is written (notebook 02) ----------------------------------------------


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
    return f"Cell state and hidden state from c = {number(c0)}, after {_count(len(g), 'step')}: {'; '.join(ends)}."


# --- going back (notebook 03) ------------------------------------------------------------------

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
        _card(ax, x, y, 13, 6.4, 1.2, GATE_COLOURS[gate])
        ax.text(x, y, f"${gate}_{{t+1}}$", ha="center", va="center", fontsize=12, zorder=6)
        if k <= upto:
            ax.text(
                x, y + 3.6, f"slope ${slopes[gate]}$", ha="center", va="bottom", fontsize=8.5, zorder=6, bbox=_PLATE
            )
    for (x, y), text, signal in ((_CT, "c_t", "c"), (_HT, "h_t", "h"), (_CN, "c_{t+1}", "c"), (_HN, "h_{t+1}", "h")):
        ax.add_patch(Circle((x, y), 4, fc="white", ec=GATE_COLOURS[signal], lw=2.5, zorder=5))
        ax.text(x, y, f"${text}$", ha="center", va="center", fontsize=13, zorder=6)
    for (x, y), text in ((_LOSS_H, "loss at step t"), (_LOSS_C, "loss that looks at c")):
        _card(ax, x, y, 25, 5, 1, "0.4")
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
            _card(ax, x, y, wide, 10, 2, "0.4")
            ax.text(x, y, names[node], ha="center", va="center", fontsize=10.5, zorder=6)
    for start, end in (("a", "p"), ("a", "q"), ("p", "L"), ("q", "L")):
        _arrow(axes[0], [at[start], _between(at[start], at[end], 0.62)], "0.4", lw=1.5, head=12, zorder=1)
    for node, colour, through, y in (("p", CURVE_COLOURS[1], 3 * q, 40), ("q", CURVE_COLOURS[2], 2 * a * p, 10)):
        _arrow(axes[1], [at["L"], _between(at["L"], at[node], 0.62)], colour, lw=2.5, head=14, zorder=1)
        _arrow(axes[1], [at[node], _between(at[node], at["a"], 0.78)], colour, lw=2.5, head=14, zorder=1)
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
        f"A heatmap of eight paths by {_count(T, 'step')}: how large a gradient each brings. The largest at {largest}."
    )
    return text + (f" Nothing ever comes on path {', '.join(silent)}." if silent else "")


# --- nn.LSTM from outside (notebook 05) ----------------------------------------------------------


def draw_unrolled(ax, seq_len, num_layers=1, bidirectional=False):
    """What `output` and `h_n` hold: one box for each h, time to the right, layers upwards.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    seq_len, num_layers : int
    bidirectional : bool
        The boxes that read backwards stand above those that read forwards.
    """
    directions = 2 if bidirectional else 1
    last, top = seq_len - 1, num_layers * directions - 1
    for t in range(seq_len):
        ax.text(t, -0.75, f"x[{t}]", ha="center", va="center", color=_INK)
        ax.add_patch(FancyArrowPatch((t, -0.62), (t, -0.3), arrowstyle="-|>", mutation_scale=9, color="0.6"))
    for row in range(top + 1):
        layer, backwards = divmod(row, directions)
        y = row + 0.35 * layer  # a gap between layers
        for t in range(seq_len):
            read = seq_len - t if backwards else t + 1
            is_last = read == seq_len
            style = {"ec": GATE_COLOURS["h"], "lw": 3.5 if is_last else 1, "fc": "white"}
            ax.add_patch(FancyBboxPatch((t - 0.22, y - 0.22), 0.44, 0.44, boxstyle="round,pad=0.06", **style))
            ax.text(t, y, f"{read}", ha="center", va="center", fontweight="bold" if is_last else "normal")
            if not is_last:
                ends = ((t - 0.3, y), (t - 0.7, y)) if backwards else ((t + 0.3, y), (t + 0.7, y))
                ax.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=9, color="0.4"))
            if layer and not backwards:
                ends = ((t, y - 1.05), (t, y - 0.3))
                ax.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=9, color="0.6"))
        side = ("left", -0.48, "right") if backwards else ("right", last + 0.48, "left")
        ax.text(side[1], y, f"h_n[{row}]", ha=side[2], va="center", color=GATE_COLOURS["h"], fontweight="bold")
        name = f"layer {layer}" + (", backwards" if backwards else ", forwards" if bidirectional else "")
        ax.text(-1.25, y, name, ha="right", va="center", fontsize="small", color=_INK)
    high = top + 0.35 * (num_layers - 1)
    box = (-0.42, high - directions + 0.58, seq_len - 0.16, directions - 0.16)
    ax.add_patch(Rectangle(box[:2], *box[2:], fc="none", ec="black", lw=1.5, ls=(0, (5, 3))))
    ax.text(-0.42, high + 0.5, "output", ha="left", va="bottom")
    ax.text(last, high + 0.5, "output[-1]", ha="center", va="bottom")
    ax.set(xlim=(-3.1, last + 1.5), ylim=(-1.0, high + 0.9), aspect="equal")
    ax.axis("off")


def unrolled_alt(seq_len, num_layers=1, bidirectional=False):
    """The words that go with `draw_unrolled`."""
    layers = _count(num_layers, "layer")
    if not bidirectional:
        return (
            f"{layers} of {seq_len} boxes: output is the top row, h_n is the right column, and output[-1], in the "
            "corner, is in both"
        )
    return (
        f"{layers} in two directions: output[-1] holds a box that has read all {seq_len} inputs and one, of the "
        "backward direction, that has read 1; the last state of the backward direction stands at the left end"
    )


def draw_parameters(ax, input_size, hidden_size, num_layers, bidirectional):
    """Every parameter of an nn.LSTM as an area to scale: 4H rows high, as many columns wide as it reads numbers.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    input_size, hidden_size, num_layers : int
    bidirectional : bool
    """
    D, H, directions = input_size, hidden_size, 2 if bidirectional else 1
    gap, high, wide = 1.5, 4 * H + 6, 0
    for layer in range(num_layers):
        left, bottom = 0.0, layer * high
        reads = D if layer == 0 else directions * H
        for direction in range(directions):
            suffix = f"_l{layer}" + "_reverse" * direction
            parts = (("weight_ih", reads, "g", None), ("weight_hh", H, "h", "///"), ("2 biases", 2, "c", "..."))
            for name, columns, signal, hatch in parts:
                area, colour = ((left, bottom), columns, 4 * H), GATE_COLOURS[signal]
                ax.add_patch(Rectangle(*area, fc=colour, alpha=0.3, lw=0))
                ax.add_patch(Rectangle(*area, fc="none", ec=colour, alpha=0.5, hatch=hatch, lw=0))
                ax.add_patch(Rectangle(*area, fc="none", ec="0.2"))
                label = f"{name}\n{4 * H} × {columns}"
                box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
                turn = 90 if columns < 5 else 0
                at = (left + columns / 2, bottom + 2 * H)
                ax.text(*at, label, ha="center", va="center", fontsize=8, bbox=box, rotation=turn)
                left += columns
            count = 4 * H * (reads + H + 2)
            middle = left - (reads + H + 2) / 2
            ax.text(middle, bottom + 4 * H + 0.8, f"{suffix}: {count}", ha="center", va="bottom", fontsize=9)
            wide = max(wide, left)
            left += gap
    ax.set(xlim=(-0.5, wide + 0.5), ylim=(-0.5, num_layers * high), aspect=0.35)
    ax.axis("off")


_LAYOUTS = {  # name: what is drawn, its shape, and where the next gate's block lies
    "torch, ours": ("weight_ih\n({H4}, {D})", "down"),
    "ONNX": ("W\n(1, {H4}, {D})", "down"),
    "Keras": ("kernel\n({D}, {H4})", "across"),
    "CS231n": ("Wx\n({D}, {H4})", "across"),
    "textbooks": ("four matrices on [h, x]\n({H}, {HD}) each", "apart"),
}


def draw_layouts(axes, orders, input_size, hidden_size):
    """The input weights of the four gates, as each library lays them out, all to one scale.

    Parameters
    ----------
    axes : sequence of Axes
        One for each library.
    orders : dict of str to sequence of str
        The order of the gates in each library: "torch, ours", "ONNX", "Keras", "CS231n", "textbooks".
    input_size, hidden_size : int
    """
    D, H = input_size, hidden_size
    half = max(4 * H, H + D) / 2 + 0.3
    for ax, (library, order) in zip(axes, orders.items(), strict=True):
        shape, way = _LAYOUTS[library]
        across, down, wide, high = {"down": (0, H, D, H), "across": (H, 0, H, D), "apart": (0, H + 1, H + D, H)}[way]
        for k, gate in enumerate(order):
            x, y = k * across, k * down
            ax.add_patch(Rectangle((x, y), wide, high, fc=GATE_COLOURS[gate], alpha=0.3, lw=0))
            ax.add_patch(Rectangle((x, y), wide, high, fc="none", ec=GATE_COLOURS[gate], lw=2))
            ax.text(x + wide / 2, y + high / 2, gate, ha="center", va="center", fontsize=11)
        ax.set_title(f"{library}\n{shape.format(D=D, H=H, H4=4 * H, HD=H + D)}", fontsize=9)
        middle = (3 * across + wide) / 2
        ax.set(xlim=(middle - half, middle + half), ylim=(4 * H + 3.3, -0.3), aspect="equal", anchor="N")
        ax.axis("off")


# --- two directions (notebook 06) ----------------------------------------------------------------

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
        ax.text(t, -0.62, word, ha="center", va="top", color=_INK)
        ax.annotate("", (t, 0.72), (t, 0.2), arrowprops={"arrowstyle": "-|>", "color": "0.5"})
        ax.annotate("", (t + 0.15, 3.05), (t + 0.15, 2.25), arrowprops={"arrowstyle": "-|>", "color": "0.5"})
        for corners in (  # from the character past the lower row, and from the lower row past the upper one
            ((t, 0.4), (t + 0.37, 0.4), (t + 0.37, 1.45), (t, 1.45), (t, 1.72)),
            ((t, 1.26), (t - 0.37, 1.26), (t - 0.37, 2.6), (t - 0.15, 2.6), (t - 0.15, 3.05)),
        ):
            ax.plot(*np.transpose(corners[:-1]), color="0.5", lw=1, zorder=1)
            ax.annotate("", corners[-1], corners[-2], arrowprops={"arrowstyle": "-|>", "color": "0.5"})
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
    ax.text(-0.55, 3.31, "joined", ha="right", va="center", fontweight="bold", color=_INK)


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


# --- the ladder, descent, and what was learned (notebook 04) -------------------------------------

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


# --- pictures as files -------------------------------------------------------------------------


def write_svgs(folder):
    """Draw every picture of ``figures/``, as SVG, into `folder`; return the paths. The same bytes every time."""
    import matplotlib as mpl

    values = {"f": 0.9, "i": 0.3, "g": 0.6, "o": 0.7, "c_prev": 0.8}
    fig = Figure(figsize=(11, 5.55))
    draw_notebook_and_doors(fig.add_axes((0, 0, 1, 1)), **values)
    path = pathlib.Path(folder) / "notebook_and_doors.svg"
    words = {"Title": "A person with a notebook and three doors", "Description": notebook_and_doors_alt(**values)}
    with mpl.rc_context({"svg.hashsalt": "lstm_helpers", "svg.fonttype": "path"}):
        fig.savefig(path, format="svg", metadata={"Date": None, "Creator": None, **words})
    return [path]
