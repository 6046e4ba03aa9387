"""What readers touch: each function or class takes data and gives a widget.

`GateScrubber` is drawn in the browser: the run is sent once, and moving through it asks the kernel
nothing. What has to be computed anew at every move (a weight turned by hand) is drawn here, into
one fixed figure of which only the moving parts are painted again.
"""

import base64
import dataclasses
import io
import json
import pathlib

import anywidget
import ipywidgets
import numpy as np
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lstm_helpers import figures
from lstm_helpers.cell import Trace
from lstm_helpers.interventions import intervene
from lstm_helpers.validate import check_shape, integer

STATIC = pathlib.Path(__file__).parent / "static"
LARGEST_MESSAGE = 16_000_000  # bytes: 500 steps of 256 units for 5 sequences, or for 2 with their ghost

# --- the gate scrubber -------------------------------------------------------------------------


class GateScrubber(anywidget.AnyWidget):
    """One run of an LSTM to walk through: heatmaps, the cell's diagram and one unit's curves.

    Arrow keys left and right step through time, up and down pick the unit, Home and End go to the
    ends, space plays. `t`, `unit` and `batch` are traits: set them, observe them, link them.

    Parameters
    ----------
    trace : Trace
        All its sequences are sent to the browser once, as float32: at most `LARGEST_MESSAGE` bytes,
        24 for each number of h (twice that with a ghost).
    tokens : sequence of str, optional
        What came in at each step; see `figures.token_rows`.
    batch, t, unit : int
        Which sequence, step and unit to begin with.
    ghost : Trace, optional
        Another run of the same shape, drawn behind the first: what it was before an intervention.
    note : str
        A line above the picture.

    Raises
    ------
    ValueError
        If `trace` or `ghost` is not a Trace of finite numbers, is too large to send, or the two
        differ in shape; if tokens do not fit; if batch, t or unit is out of range.
    """

    _esm = (STATIC / "scrubber.js").read_text(encoding="utf-8")
    _css = (STATIC / "scrubber.css").read_text(encoding="utf-8")

    t = traitlets.Int(0).tag(sync=True)
    unit = traitlets.Int(0).tag(sync=True)
    batch = traitlets.Int(0).tag(sync=True)
    _run = traitlets.Dict().tag(sync=True)  # one message for one run: what it is, and its numbers as bytes

    def __init__(self, trace, tokens=None, batch=0, t=0, unit=0, *, ghost=None, note=""):
        run = _run_message(trace, tokens, ghost, note)
        self._trace, self._tokens = trace, tokens
        places = {name: integer(name, value, 0, self._top(name)) for name, value in [("t", t), ("unit", unit), ("batch", batch)]}
        super().__init__(_run=run, **places)

    @property
    def trace(self):
        """The run that is shown."""
        return self._trace

    def update(self, trace, *, tokens=None, ghost=None, note=""):
        """Show another run in the same place.

        Parameters
        ----------
        trace : Trace
        tokens : sequence of str, optional
            The present ones stay if there are none.
        ghost, note
            As for the class; the present ones do not stay.
        """
        tokens = self._tokens if tokens is None else tokens
        run = _run_message(trace, tokens, ghost, note)
        with self.hold_sync():  # one message, so that no picture mixes two runs
            self._trace, self._tokens = trace, tokens
            for name in ("t", "unit", "batch"):
                setattr(self, name, min(getattr(self, name), self._top(name)))
            self._run = run

    def to_html(self):
        """The scrubber as one page that loads nothing: it works from a file, and with the network off.

        Returns
        -------
        str
            HTML, with the same JavaScript module that draws in the notebook.
        """
        run = {key: base64.b64encode(value).decode() if isinstance(value, bytes) else value for key, value in self._run.items()}
        state = json.dumps({"t": self.t, "unit": self.unit, "batch": self.batch, "_run": run}).replace("<", "\\u003c")
        words = figures.overview_alt(self._trace, tokens=self._tokens, batch=self.batch)
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        return _PAGE.format(css=self._css, words=words, module=self._esm, state=state)

    def _top(self, name):
        sizes = {"t": self._trace.seq_len, "unit": self._trace.hidden_size, "batch": self._trace.batch_size}
        return sizes[name] - 1

    @traitlets.validate("t", "unit", "batch")
    def _in_range(self, proposal):
        name = proposal["trait"].name
        return integer(name, proposal["value"], 0, self._top(name))

    def __repr__(self):
        shape = f"seq_len={self._trace.seq_len}, batch_size={self._trace.batch_size}, hidden_size={self._trace.hidden_size}"
        return f"GateScrubber({shape}, t={self.t}, unit={self.unit}, batch={self.batch})"

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/plain": f"{self!r}: {_NEEDS_KERNEL}"}, metadata


_NEEDS_KERNEL = "it moves where a kernel runs; what stands before it shows the same without one"


def _run_message(trace, tokens, ghost, note):
    """Everything that the browser needs to know of a run, its numbers as bytes."""
    _check_run("trace", trace)
    tokens = figures.token_rows(tokens, trace)
    if not isinstance(note, str):
        raise ValueError(f"note is {type(note).__name__}, wanted str")
    runs = [trace]
    if ghost is not None:
        _check_run("ghost", ghost)
        if ghost.h.shape != trace.h.shape or (ghost.lengths != trace.lengths).any():
            wanted = f"that of trace, {trace.h.shape} with lengths {trace.lengths.tolist()}"
            raise ValueError(f"ghost has shape {ghost.h.shape} with lengths {ghost.lengths.tolist()}, wanted {wanted}")
        runs.append(ghost)
    size = len(runs) * trace.h.size * 4 * len(figures.SIGNALS)
    if size > LARGEST_MESSAGE:
        numbers = " x ".join(map(str, trace.h.shape)) + (" numbers and its ghost" if ghost else " numbers")
        wanted = f"at most {LARGEST_MESSAGE / 1e6:g} MB: run fewer sequences, or a shorter part"
        raise ValueError(f"trace is too large to send, {numbers} for each of 6 signals are {size / 1e6:.1f} MB, wanted {wanted}")
    T, N, D = trace.x.shape
    header = {
        "T": T,
        "N": N,
        "D": D,
        "H": trace.hidden_size,
        "lengths": trace.lengths.tolist(),
        "tokens": tokens and [_labels(row, length) for row, length in zip(tokens, trace.lengths, strict=True)],
        "x": trace.x.tolist() if D <= 3 else None,  # more than three do not fit on the wire
        "limit": figures.state_limit(*runs),
        "note": note,
        "style": _style(),
    }
    return {"header": header, "data": _as_bytes(trace), "ghost": _as_bytes(ghost) if ghost else None}


def _labels(tokens, length):
    """Tokens as they are shown: blanks made visible, and a dash where the padding has none."""
    return [figures.visible(token) if token or t < length else "–" for t, token in enumerate(tokens)]


def _style():
    """The names, colours and shapes of `figures`, for the browser: there is no second list of them in the JavaScript."""
    return {
        "signals": figures.SIGNALS,
        "gates": [signal for signal in figures.SIGNALS if figures.is_gate(signal)],
        "names": figures.SIGNAL_NAMES,
        "colours": figures.GATE_COLOURS,
        "dashes": figures.GATE_DASHES,
        "gateMap": figures.GATE_MAP,
        "stateMap": figures.STATE_MAP,
        "diagram": figures.CELL_DIAGRAM,
        "pipeWidth": figures.PIPE_WIDTH,
    }


def _check_run(name, trace):
    if not isinstance(trace, Trace):
        raise ValueError(f"{name} is {type(trace).__name__}, wanted a Trace (what lstm_forward returns)")
    for key, array in vars(trace).items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name}.{key} holds {'NaN' if np.isnan(array).any() else 'infinity'}, wanted finite numbers")
    T, N, H = trace.seq_len, trace.batch_size, trace.hidden_size
    for key in (*figures.SIGNALS, "c0", "h0"):
        check_shape(f"{name}.{key}", getattr(trace, key), (N, H) if key in ("c0", "h0") else (T, N, H))
    largest = max(np.abs(trace.c).max(), np.abs(trace.c0).max())
    if largest > np.finfo(np.float32).max:
        raise ValueError(f"{name}.c reaches {largest:.3g}, wanted what float32 can hold (3.4e38): the browser draws that")


@np.errstate(under="ignore")  # what is too small for float32 is drawn as 0
def _as_bytes(trace):
    arrays = [getattr(trace, key) for key in (*figures.SIGNALS, "c0", "h0")]
    return np.concatenate([array.ravel() for array in arrays]).astype("<f4").tobytes()


# The policy in its head forbids the page to load anything, whatever its scripts might try.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>Gate scrubber</title>
<style>
:root {{ color-scheme: light dark; background: light-dark(#ffffff, #111418); }}
{css}
</style>
</head>
<body>
<noscript><p>{words}</p></noscript>
<div id="scrubber"></div>
<script type="module">
{module}
const state = {state};
const bytes = (text) => text && new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
state._run.data = bytes(state._run.data);
state._run.ghost = bytes(state._run.ghost);
const model = {{
  get: (name) => state[name],
  set: (name, value) => {{ state[name] = value; }},
  save_changes() {{}},
  on() {{}},
  off() {{}},
}};
render({{ model, el: document.getElementById("scrubber") }});
</script>
</body>
</html>
"""
