"""The one place for names, colours, line styles and maps; how a picture is shown, with its alt text."""

import base64
import io
import re

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from lstm_helpers.cell import GATES, Trace

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


def counted(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def check_trace(trace, name="trace"):
    if not isinstance(trace, Trace):
        raise ValueError(f"{name} is {type(trace).__name__}, wanted a Trace (what lstm_forward returns)")


INK = "0.25"


def say(ax, x, y, text, ha="center", va="baseline"):
    ax.text(x, y, text, ha=ha, va=va, fontsize=9, color=INK, zorder=6)


def arrow(ax, points, colour, lw=3, head=18, zorder=3):
    style = {"arrowstyle": "-|>", "joinstyle": "miter", "capstyle": "butt"}
    ax.add_patch(FancyArrowPatch(path=Path(points), color=colour, lw=lw, mutation_scale=head, zorder=zorder, **style))


def card(ax, x, y, wide, high, rounding, colour):
    style = f"round,pad=0,rounding_size={rounding}"
    corner = (x - wide / 2, y - high / 2)
    ax.add_patch(FancyBboxPatch(corner, wide, high, boxstyle=style, fc="white", ec=colour, lw=2, zorder=2))


# Black and four hues of Okabe and Ito; markers and dashes tell the curves apart without them.
CURVE_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
CURVE_DASHES = ((), (6, 2), (2, 2), (7, 2, 2, 2), (10, 3))
CURVE_MARKERS = ("x", "o", "s", "^", "D")
