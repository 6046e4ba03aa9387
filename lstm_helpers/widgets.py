"""What readers touch: each function or class takes data and gives a widget.

`GateScrubber` is drawn in the browser: the run is sent once, and moving through it asks the kernel
nothing. What has to be computed anew at every move (a weight turned by hand) is drawn here, into
one fixed figure of which only the moving parts are painted again.
"""

import base64
import dataclasses
import json
import pathlib

import anywidget
import ipywidgets
import numpy as np
import traitlets

from lstm_helpers import figures
from lstm_helpers.backprop import state_jacobian
from lstm_helpers.bugs import BUGS, GRADIENT_BUGS, LOSSES, PARTS, awkward_case, error_report, first_wrong_length
from lstm_helpers.cell import LSTMParams, Trace, lstm_forward, sigmoid
from lstm_helpers.interventions import intervene
from lstm_helpers.rnn import RNNParams, rnn_forward, rnn_state_jacobian
from lstm_helpers.validate import check_shape, float_array, integer

STATIC = pathlib.Path(__file__).parent / "static"
PLACE = ("t", "unit", "batch", "layer", "direction")  # the traits that say what is looked at
LARGEST_MESSAGE = 16_000_000  # bytes: 500 steps of 256 units for 5 sequences, or for 2 with their ghost

# Four characters of Noto Sans CJK SC (SIL Open Font License 1.1; its notice is inside the file), for the sentence of
# notebook 06 on machines that have no Chinese font. Other tokens are up to the reader's fonts.
_FONT = base64.b64encode((STATIC / "woaizhongguo.woff").read_bytes()).decode()
_GLYPHS = f"""
@font-face {{
  font-family: "gate scrubber glyphs";
  src: url("data:font/woff;base64,{_FONT}") format("woff");
  unicode-range: U+6211, U+7231, U+4E2D, U+56FD;  /* 我爱中国 */
}}
"""


class GateScrubber(anywidget.AnyWidget):
    """One run of an LSTM to walk through: heatmaps, the cell's diagram and one unit's curves.

    Arrow keys left and right step through time, up and down pick the unit, Home and End go to the
    ends, space plays, r turns the direction. `t`, `unit`, `batch`, `layer` and `direction` are
    traits: set them, observe them, link them.

    `t` is always a position in the sequence, its first token 0, whoever reads it. The reverse
    direction is drawn turned round, as its Trace is in the order of reading: what it does at
    position t of a sequence of n tokens is its step n - 1 - t, and its c_prev and h_prev are those
    of position t + 1. Where there are two directions, two bars that meet at t show what each has
    read there.

    Parameters
    ----------
    trace : Trace or NetworkTrace
        All its sequences, layers and directions are sent to the browser once, as float32: at most
        `LARGEST_MESSAGE` bytes, 24 for each number of each h (twice that with a ghost).
    tokens : sequence of str, optional
        What came in at each step; see `figures.token_rows`.
    batch, t, unit, layer, direction : int
        What to begin with: which sequence, position and unit; of a NetworkTrace also which layer,
        from 0, and which direction, 0 forward or 1 reverse.
    ghost : Trace or NetworkTrace, optional
        Another run of the same kind and shape, drawn behind the first: what it was before an intervention.
    note : str
        A line above the picture.

    Raises
    ------
    ValueError
        If `trace` or `ghost` is no trace of finite numbers, is too large to send, or the two
        differ in shape; if tokens do not fit; if batch, t, unit, layer or direction is out of range.
    """

    _esm = (STATIC / "scrubber.js").read_text(encoding="utf-8")
    _css = (STATIC / "scrubber.css").read_text(encoding="utf-8") + _GLYPHS

    t = traitlets.Int(0).tag(sync=True)
    unit = traitlets.Int(0).tag(sync=True)
    batch = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    direction = traitlets.Int(0).tag(sync=True)
    _run = traitlets.Dict().tag(sync=True)  # one message for one run: what it is, and its numbers as bytes

    def __init__(self, trace, tokens=None, batch=0, t=0, unit=0, layer=0, direction=0, *, ghost=None, note=""):
        run = _run_message(trace, tokens, ghost, note)
        self._trace, self._tokens = trace, tokens
        places = {"t": t, "unit": unit, "batch": batch, "layer": layer, "direction": direction}
        super().__init__(_run=run, **{name: integer(name, k, 0, self._top(name)) for name, k in places.items()})

    @property
    def trace(self):
        """The run as it was given, a Trace or a NetworkTrace; of the latter, layer and direction say what is shown."""
        return self._trace

    def update(self, trace, *, tokens=None, ghost=None, note=""):
        """Show another run in the same place.

        Parameters
        ----------
        trace : Trace or NetworkTrace
        tokens : sequence of str, optional
            The present ones stay if there are none.
        ghost, note
            As for the class; the present ones do not stay.
        """
        tokens = self._tokens if tokens is None else tokens
        run = _run_message(trace, tokens, ghost, note)
        with self.hold_sync():  # one message, so that no picture mixes two runs
            self._trace, self._tokens = trace, tokens
            for name in PLACE:
                setattr(self, name, min(getattr(self, name), self._top(name)))
            self._run = run

    def to_html(self):
        """The scrubber as one page that loads nothing: it works from a file, and with the network off.

        Returns
        -------
        str
            HTML, with the same JavaScript module that draws in the notebook.
        """
        run = self._run | {
            key: base64.b64encode(self._run[key]).decode() for key in ("data", "ghost") if self._run[key] is not None
        }
        state = json.dumps({name: getattr(self, name) for name in PLACE} | {"_run": run}).replace("<", "\\u003c")
        shown = _layers(self._trace)[self.layer][self.direction]
        words = figures.overview_alt(shown, tokens=self._tokens, batch=self.batch)
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        return _PAGE.format(css=self._css, words=words, module=self._esm, state=state)

    def _top(self, name):
        layers = _layers(self._trace)
        T, N, H = layers[0][0].h.shape
        sizes = {"t": T, "unit": H, "batch": N, "layer": len(layers), "direction": len(layers[0])}
        return sizes[name] - 1

    @traitlets.validate(*PLACE)
    def _in_range(self, proposal):
        name = proposal["trait"].name
        return integer(name, proposal["value"], 0, self._top(name))

    def __repr__(self):
        layers = _layers(self._trace)
        T, N, H = layers[0][0].h.shape
        words = f"seq_len={T}, batch_size={N}, hidden_size={H}, t={self.t}, unit={self.unit}, batch={self.batch}"
        if layers[0][0] is not self._trace:
            words += f", layer={self.layer} of {len(layers)}, direction={self.direction} of {len(layers[0])}"
        return f"GateScrubber({words})"

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/plain": f"{self!r}: {_NEEDS_KERNEL}"}, metadata


_NEEDS_KERNEL = "it moves where a kernel runs; what stands before it shows the same without one"


def _layers(trace):
    """The Traces of a run, ``[layer][direction]``: a NetworkTrace has them, a plain Trace is one of each."""
    return getattr(trace, "layers", ((trace,),))


def _run_message(trace, tokens, ghost, note):
    """Everything that the browser needs to know of a run, its numbers as bytes."""
    parts = _checked_parts("trace", trace)
    layers, first = _layers(trace), parts[0]
    tokens = figures.token_rows(tokens, first)
    if not isinstance(note, str):
        raise ValueError(f"note is {type(note).__name__}, wanted str")
    behind = []
    if ghost is not None:
        behind = _checked_parts("ghost", ghost)
        if behind[0].h.shape != first.h.shape or (behind[0].lengths != first.lengths).any():
            wanted = f"that of trace, {first.h.shape} with lengths {first.lengths.tolist()}"
            came = f"{behind[0].h.shape} with lengths {behind[0].lengths.tolist()}"
            raise ValueError(f"ghost has shape {came}, wanted {wanted}")
        if list(map(len, _layers(ghost))) != list(map(len, layers)):
            raise ValueError(f"ghost has {_count_parts(_layers(ghost))}, wanted those of trace, {_count_parts(layers)}")
    T, N, H = first.h.shape
    size = (
        4 * (len(figures.SIGNALS) * T + 2) * N * H * len(parts + behind)
    )  # and 2 for the states before the first step
    if size > LARGEST_MESSAGE:
        came = f"{T} x {N} x {H} numbers for each of 6 signals"
        came += f", in {_count_parts(layers)}" * (len(parts) > 1) + ", twice" * bool(behind)
        wanted = f"at most {LARGEST_MESSAGE / 1e6:g} MB: run fewer sequences, or a shorter part"
        raise ValueError(f"trace is too large to send: {came} are {size / 1e6:.1f} MB, wanted {wanted}")
    inputs = [both[0].x for both in layers]  # direction 0 reads it as it stands
    header = {
        "T": T,
        "N": N,
        "H": H,
        "layers": len(layers),
        "directions": len(layers[0]),
        "lengths": first.lengths.tolist(),
        "tokens": tokens and list(map(figures.visible_row, tokens, first.lengths)),
        "D": [x.shape[2] for x in inputs],
        "x": [x.tolist() if x.shape[2] <= 3 else None for x in inputs],  # more than three do not fit on the wire
        "limit": figures.state_limit(*parts, *behind),
        "note": note,
        "style": _style(),
    }
    return {"header": header, "data": _as_bytes(parts), "ghost": _as_bytes(behind) if behind else None}


def _count_parts(layers):
    return f"{len(layers)} layers of {len(layers[0])} directions"


def _style():
    """The names, colours and shapes of `figures`, for the browser: the JavaScript has no list of its own."""
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


def _checked_parts(name, trace):
    """All Traces of a run in a list, layer by layer and direction by direction, or a ValueError."""
    parts = [part for both in _layers(trace) for part in both]
    if not all(isinstance(part, Trace) for part in parts):
        wanted = "wanted a Trace (what lstm_forward returns) or a NetworkTrace (what LSTM.forward returns)"
        raise ValueError(f"{name} is {type(trace).__name__}, {wanted}")
    names = [f"{name}.layers[{k}][{d}]" for k, both in enumerate(_layers(trace)) for d in range(len(both))]
    for part_name, part in zip([name] if parts == [trace] else names, parts, strict=True):
        _check_part(part_name, part, (parts[0].seq_len, parts[0].batch_size, parts[0].hidden_size))
    return parts


def _check_part(name, trace, shape):
    for key, array in vars(trace).items():
        if not np.isfinite(array).all():
            worst = "NaN" if np.isnan(array).any() else "infinity"
            raise ValueError(f"{name}.{key} holds {worst}, wanted finite numbers")
    for key in (*figures.SIGNALS, "c0", "h0"):
        check_shape(f"{name}.{key}", getattr(trace, key), shape[1:] if key in ("c0", "h0") else shape)
    largest = max(np.abs(trace.c).max(), np.abs(trace.c0).max())
    if largest > np.finfo(np.float32).max:
        raise ValueError(f"{name}.c reaches {largest:.3g}, wanted at most 3.4e38: the browser draws float32")


@np.errstate(under="ignore")  # what is too small for float32 is drawn as 0
def _as_bytes(parts):
    arrays = [getattr(trace, key) for trace in parts for key in (*figures.SIGNALS, "c0", "h0")]
    return np.concatenate([array.ravel() for array in arrays]).astype("<f4").tobytes()


# The policy in its head forbids the page to load anything, whatever its scripts might try.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:">
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


# --- pictures that the kernel draws ------------------------------------------------------------


class BlitFigure(figures.Blit):
    """A `figures.Blit` as an image widget.

    Attributes
    ----------
    image : ipywidgets.Image
    """

    def __init__(self, figure, moving):
        super().__init__(figure, moving)
        width = f"{100 * figure.get_figwidth():.0f}px"  # 8 inches are 800 pixels of the page, however fine they are
        self.image = ipywidgets.Image(
            format="png", layout={"width": width, "max_width": "100%", "align_self": "flex-start"}
        )
        self.redraw()

    def redraw(self):
        """Paint the moving parts where they are now, and show the picture."""
        self.image.value = self.paint()


class Panel(ipywidgets.VBox):
    """Controls above what they change.

    Attributes
    ----------
    controls : dict
        Each control by name: ``panel.controls["w"].value = 2.0``.
    words : ipywidgets.HTML
        What the picture shows, as text.
    """

    def __init__(self, name, controls, react, picture, words):
        self._name, self.controls, self.words = name, controls, words
        faults = ipywidgets.interactive_output(react, controls)  # unlike interact, it lets errors through to the reader
        rows = ipywidgets.Box(list(controls.values()), layout={"flex_flow": "row wrap"})
        super().__init__([rows, picture, words, faults])

    def __repr__(self):
        values = ", ".join(f"{name}={control.value!r}" for name, control in self.controls.items())
        return f"{self._name}({values}): {_NEEDS_KERNEL}"

    def _repr_mimebundle_(self, **kwargs):
        return super()._repr_mimebundle_(**kwargs) | {"text/plain": repr(self)}


def _slider(name, value, low, high, step=0.1):
    looks = {"description": name, "style": {"description_width": "4em"}}
    return ipywidgets.FloatSlider(value, min=low, max=high, step=step, **looks)


# --- one gate, turned by hand ------------------------------------------------------------------


def gate_valve(*, w=1.0, u=0.0, b=0.0, x=1.0, h_prev=0.0):
    """One gate of one unit with one input: turn its weights and what comes in, see how far it opens.

    Parameters
    ----------
    w, u, b : float
        The weights from x and from the previous h, and the bias: -10 to 10 at the sliders.
    x, h_prev : float
        What comes in, -3 to 3, and the previous hidden state, -1 to 1.

    Returns
    -------
    Panel
        With the controls ``w u b x h_prev``.
    """
    colour = figures.GATE_COLOURS["f"]
    figure = figures.new_figure(8, 3)
    axes = figure.subplots(1, 2, width_ratios=(3, 1))
    z = np.linspace(-12, 12, 401)
    axes[0].plot(z, sigmoid(z), color="0.6", lw=2)
    axes[0].set(
        xlabel="pre-activation z = w x + u h_prev + b", ylabel="gate = σ(z)", xlim=(-12, 12), ylim=(-0.05, 1.05)
    )
    (tangent,) = axes[0].plot([], [], color=colour, ls="--", lw=2)
    (point,) = axes[0].plot([], [], "o", color=colour, ms=11, mec="white")
    axes[1].set(xlim=(-1, 1), ylim=(-0.3, 1), xticks=[], yticks=[], title="the valve")
    plates = [axes[1].bar([side * 0.5], [1], width=1, color=colour, lw=0).patches[0] for side in (-1, 1)]
    share = axes[1].text(0, -0.15, "", ha="center", va="center")
    picture, words = BlitFigure(figure, [tangent, point, *plates, share]), ipywidgets.HTML()

    def tenths(value):
        return f"({figures.number(value, 1)})" if value < 0 else figures.number(value, 1)

    def react(w, u, b, x, h_prev):
        z = w * x + u * h_prev + b
        gate = float(sigmoid(z))
        slope = gate * (1 - gate)
        seen = float(np.clip(z, -12, 12))  # the point waits at the edge of the picture; the words have the number
        reach = np.array([-2.0, 2.0])
        tangent.set_data(seen + reach, float(sigmoid(seen)) + slope * reach)
        point.set_data([seen], [float(sigmoid(seen))])
        for plate, side in zip(plates, (-1, 1), strict=True):  # two plates that meet in the middle
            plate.set_x(-1 if side == -1 else gate)
            plate.set_width(1 - gate)
        share.set_text(f"open to {gate:.1%}")
        picture.redraw()
        words.value = (
            f"z = {tenths(w)}·{tenths(x)} + {tenths(u)}·{tenths(h_prev)} + {tenths(b)} = <b>{figures.number(z)}</b>, "
            f"gate = σ(z) = <b>{gate:.4f}</b>, slope = gate·(1 − gate) = <b>{slope:.4f}</b>"
        )

    controls = {
        "w": _slider("w", w, -10, 10),
        "u": _slider("u", u, -10, 10),
        "b": _slider("b", b, -10, 10),
        "x": _slider("x", x, -3, 3),
        "h_prev": _slider("h_prev", h_prev, -1, 1),
    }
    return Panel("gate_valve", controls, react, picture.image, words)


def gate_over_time(params, x, gate="f", *, unit=0, tokens=None):
    """Turn the weights of one gate of one unit by hand, and see a whole sequence go through it.

    Every move of a slider runs `lstm_forward` anew; the dotted lines are the run as it was given.

    Parameters
    ----------
    params : LSTMParams
        With at most three input features, a slider each. It is not modified.
    x : ndarray (T, N, D)
        The first sequence of the batch is drawn.
    gate : str
        One of i, f, g, o.
    unit : int
        0 to H - 1. The slider u is the weight from this unit's own h.
    tokens : sequence of str, optional
        See `figures.token_rows`.

    Returns
    -------
    Panel
        With the controls ``w`` (or ``w0 w1 …``), ``u`` and ``b``.
    """
    D = params.input_size
    if D > 3:
        raise ValueError(f"params has {D} input features, wanted at most 3: one slider for each")
    unit = integer("unit", unit, 0, params.hidden_size - 1)
    row = params.gate(gate).start + unit
    given = lstm_forward(x, params)
    steps = np.arange(given.seq_len)

    figure = figures.new_figure(8, 3.6)
    axes = figure.subplots(2, 1, sharex=True)
    low = 0 if figures.is_gate(gate) else -1
    axes[0].set(ylabel=f"{gate}\n{figures.SIGNAL_NAMES[gate]}", ylim=(low - 0.08, 1.08), yticks=[low, (low + 1) / 2, 1])
    axes[1].set(ylabel="held and shown", ylim=(-1.08, 1.08), yticks=[-1, 0, 1])
    axes[1].axhline(0, color="0.8", lw=1)
    figures.label_time(axes[1], tokens, given, 0)
    shown = [(axes[0], gate, lambda trace: getattr(trace, gate)), (axes[1], "c", lambda trace: np.tanh(trace.c))]
    shown.append((axes[1], "h", lambda trace: trace.h))
    lines = []
    for ax, signal, values in shown:
        colour, label = figures.GATE_COLOURS[signal], "tanh(c)" if signal == "c" else signal
        style = {"dashes": figures.GATE_DASHES[signal], "marker": figures.GATE_MARKERS[signal], "ms": 6, "label": label}
        ax.plot(steps, values(given)[:, 0, unit], ":", color=colour, lw=1.5, label=f"{label}, as given")
        lines += ax.plot(steps, values(given)[:, 0, unit], color=colour, **style)
    for ax in axes:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=4)
    picture, words = BlitFigure(figure, lines), ipywidgets.HTML()

    def react(u, b, **w):
        turned = LSTMParams(params.weight_ih, params.weight_hh, params.bias)  # its own copies
        turned.weight_ih[row], turned.weight_hh[row, unit], turned.bias[row] = list(w.values()), u, b
        trace = lstm_forward(x, turned)
        for line, (_, _, values) in zip(lines, shown, strict=True):
            line.set_ydata(values(trace)[:, 0, unit])
        picture.redraw()
        path = ", ".join(figures.number(value) for value in getattr(trace, gate)[:12, 0, unit])
        words.value = f"{gate} = {path}{' …' if len(steps) > 12 else ''}; last h = <b>{trace.h[-1, 0, unit]:.3f}</b>"

    names = ["w"] if D == 1 else [f"w{k}" for k in range(D)]
    start = [*params.weight_ih[row], params.weight_hh[row, unit], params.bias[row]]
    far = max(10.0, float(np.ceil(np.abs(start).max())))  # a weight set by hand may be larger than any slider's end
    names += ["u", "b"]
    # Fine steps: a browser rounds a value to the slider's steps, and weights are rarely round numbers.
    controls = {name: _slider(name, float(value), -far, far, 0.01) for name, value in zip(names, start, strict=True)}
    return Panel("gate_over_time", controls, react, picture.image, words)


# --- what if -----------------------------------------------------------------------------------


def what_if(params, x, *, tokens=None, loss=None):
    """A scrubber with a hand in the run: hold a gate, change an input number, empty the cell.

    The kernel runs `lstm_forward` on what `interventions.intervene` makes of the input, and the
    untouched run stays behind the new one as its ghost.

    Parameters
    ----------
    params : LSTMParams
    x : ndarray (T, N, D)
        An edit changes the sequence that the scrubber shows; a hold and an emptied cell, all of them.
    tokens : sequence of str, optional
        See `figures.token_rows`.
    loss : callable, optional
        From a Trace to a float; the change is written above the picture.

    Returns
    -------
    Panel
        With the controls ``hold steps empty_step edit_step edit_feature edit_value`` and, as
        ``panel.scrubber``, the GateScrubber.
    """
    untouched = lstm_forward(x, params)
    T, N, D = untouched.x.shape
    words = ipywidgets.HTML()

    def react(hold, steps, empty_step, edit_step, edit_feature, edit_value):
        hold, empty_step, edit_step = (None if choice == "" else choice for choice in (hold, empty_step, edit_step))
        edit = None if edit_step is None else (edit_step, scrubber.batch, edit_feature, edit_value)
        changes = intervene(params, x, hold=hold, steps=steps, empty_step=empty_step, edit=edit)
        trace = lstm_forward(changes[1], changes[0])
        trace = dataclasses.replace(trace, x=trace.x[:, :, :D])  # without the features that hold the gates
        done = []
        if hold is not None:
            done.append(f"{hold[0]} held at {hold[1]} from t = {steps[0]} to {steps[1]}")
        if empty_step is not None:
            done.append(f"cell emptied at t = {empty_step}")
        if edit_step is not None:
            done.append(f"x[{edit_step}, {scrubber.batch}, {edit_feature}] = {edit_value:g}")
        before, after = (None, None) if loss is None else (loss(untouched), loss(trace))
        if loss is not None:
            done.append(f"loss {after:.3f}" + (f", was {before:.3f}" if done else ""))
        touched = any(choice is not None for choice in (hold, empty_step, edit_step))
        scrubber.update(trace, ghost=untouched if touched else None, note=" · ".join(done))
        words.value = "" if touched else "Nothing is changed yet: hold a gate, empty the cell or edit an input above."

    rows = figures.token_rows(tokens, untouched) if N == 1 else None  # the lists stay when another sequence is picked
    places = [(f"t = {t}" + (f" ‘{figures.visible(rows[0][t])}’" if rows else ""), t) for t in range(T)]
    holds = [(f"{gate} at {value}", (gate, value)) for gate in "ifgo" for value in (-1 if gate == "g" else 0, 1)]
    controls = {  # an option whose value is None would be drawn as an empty box
        "hold": ipywidgets.Dropdown(options=[("no gate", ""), *holds], description="hold"),
        "steps": ipywidgets.IntRangeSlider(value=(0, T - 1), min=0, max=T - 1, description="from, to"),
        "empty_step": ipywidgets.Dropdown(options=[("never", ""), *places], description="empty c at"),
        "edit_step": ipywidgets.Dropdown(options=[("never", ""), *places], description="edit x at"),
        "edit_feature": ipywidgets.BoundedIntText(0, min=0, max=D - 1, description="feature"),
        "edit_value": ipywidgets.FloatText(0.0, step=0.1, description="becomes"),
    }
    scrubber = GateScrubber(untouched, tokens)
    panel = Panel("what_if", controls, react, scrubber, words)
    panel.scrubber = scrubber
    return panel


# --- gates at their extremes -------------------------------------------------------------------


def gate_presets(presets, *, g, c0):
    """One unit with constant gates: pick a setting or turn f, i and o, see what is kept, written and shown.

    Parameters
    ----------
    presets : dict of str to dict
        Name to the gates ``{"f": …, "i": …, "o": …}``, each 0 to 1. It starts with the first.
    g : array_like (T,)
        The candidate of each step.
    c0 : float
        The cell state before the first step.

    Returns
    -------
    Panel
        With the controls ``setting f i o``.
    """
    figure = figures.new_figure(8, 3.6)
    ax = figure.subplots()
    first = next(iter(presets))
    artists = figures.draw_ledger(ax, g=g, c0=c0, **presets[first])
    highest = abs(c0) + np.abs(np.cumsum(g)).max()
    ax.set(ylim=(-1.3, 1.1 * highest), ylabel="c and h")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=4)
    picture, words = BlitFigure(figure, artists), ipywidgets.HTML()

    def react(setting, f, i, o):
        figures.move_ledger(artists, f=f, i=i, o=o, g=g, c0=c0)
        picture.redraw()
        words.value = figures.presets_alt({setting: {"f": f, "i": i, "o": o}}, g=g, c0=c0)

    def pick(change):
        for name, value in presets.get(change.new, {}).items():
            controls[name].value = value

    def name_it(_):
        now = {name: controls[name].value for name in ("f", "i", "o")}
        controls["setting"].value = next((name for name, gates in presets.items() if gates == now), "by hand")

    controls = {"setting": ipywidgets.Dropdown(options=[*presets, "by hand"], description="setting")}
    controls |= {name: _slider(name, presets[first][name], 0, 1, 0.05) for name in ("f", "i", "o")}
    controls["setting"].observe(pick, "value")
    for name in ("f", "i", "o"):
        controls[name].readout_format = ".2f"
        controls[name].observe(name_it, "value")
    return Panel("gate_presets", controls, react, picture.image, words)


# --- going back (notebook 03) ------------------------------------------------------------------


def gradient_paths(sizes):
    """Scrub through a backward pass: how much comes to h and c of each step, on which of the eight paths.

    Parameters
    ----------
    sizes : dict of str to array_like (8, T)
        For each run its name and the norm that each path brings at each step, at least 0; all of one shape.

    Returns
    -------
    Panel
        With the controls ``run`` and ``t``.

    Raises
    ------
    ValueError
        If there is no run, or the shapes differ or have other than eight rows.
    """
    runs = {name: float_array(f"sizes[{name!r}]", array, (8, "T")) for name, array in sizes.items()}
    if not runs:
        raise ValueError("sizes is empty, wanted at least one run")
    first = next(iter(runs.values()))
    T = first.shape[1]
    for name, array in runs.items():
        check_shape(f"sizes[{name!r}]", array, first.shape)

    figure = figures.new_figure(10, 3.4)
    axes = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    image = axes[0].imshow(
        figures.path_shades(first), cmap="cividis", vmin=-6, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes[0].set(xlabel="step t", xticks=range(0, T, 1 + T // 20), title="size of the gradient, yellow is large")
    axes[0].set_facecolor("0.93")
    figures.label_paths(axes[0])
    (frame,) = axes[0].plot([], [], color="#D55E00", lw=2.5, clip_on=False)
    low = 1e-6
    axes[1].set(xscale="log", xlim=(low, 100), xlabel="at this step")
    axes[1].tick_params(axis="y", length=0, labelleft=False)
    bars = [axes[1].barh(k, 1, color=figures.path_colour(k + 1)).patches[0] for k in range(8)]
    numbers = [axes[1].text(1, k, "", va="center", fontsize="small") for k in range(8)]
    picture, words = BlitFigure(figure, [image, *axes[0].lines, *bars, *numbers]), ipywidgets.HTML()

    def react(run, t):
        now = runs[run][:, t]
        image.set_data(figures.path_shades(runs[run]))
        left, right = t - 0.5, t + 0.5
        frame.set_data([left, right, right, left, left], [-0.5, -0.5, 7.5, 7.5, -0.5])
        for k, (bar, number, size) in enumerate(zip(bars, numbers, now, strict=True)):
            bar.set_width(max(size - bar.get_x(), 0))
            number.set_position((max(size, low) * 1.3, k))
            number.set_text(f"{size:.2g}")
        picture.redraw()
        into_h, into_c = int(now[:5].argmax()), 5 + int(now[5:].argmax())
        names = {k: f"{k + 1} ({figures.PATHS[k][1]})" for k in (into_h, into_c)}
        words.value = (
            f"t = {t}: most of the gradient comes to h on path <b>{names[into_h]}</b>, {now[into_h]:.2g}; "
            f"to c on path <b>{names[into_c]}</b>, {now[into_c]:.2g}."
        )

    controls = {
        "run": ipywidgets.Dropdown(options=list(runs), description="with"),
        "t": ipywidgets.IntSlider(T - 1, min=0, max=T - 1, description="step t"),
    }
    return Panel("gradient_paths", controls, react, picture.image, words)


def gradient_reach(x, *, hidden_size, seed=0, forget_bias=1.0):
    """How far a gradient reaches back through an untrained LSTM, on all paths and along c alone, next to a plain RNN.

    Every move draws the same weights again, with another forget bias or scale, and runs the networks anew.

    Parameters
    ----------
    x : ndarray (T, N, D)
        The first sequence of the batch is used, T at least 2.
    hidden_size : int
    seed : int
    forget_bias : float
        -4 to 8 at the slider.

    Returns
    -------
    Panel
        With the controls ``forget_bias``, ``T`` and ``scale``, which multiplies weight_hh of both networks.
    """
    x = float_array("x", x, ("T", "N", "D"))[:, :1]
    longest, _, D = x.shape
    integer("T of x", longest, 2)
    figure = figures.new_figure(9, 3.8)
    ax = figure.subplots()
    ax.set(yscale="log", xlim=(0, longest), ylim=(1e-14, 1e6), xlabel="steps gone back")
    ax.set_ylabel("what is left of the gradient")
    ax.axhline(1, color="0.7", lw=0.8)
    names = ("LSTM, all paths", "LSTM, along c", "plain RNN")
    lines = []
    for k, name in enumerate(names):
        style = {"dashes": figures.CURVE_DASHES[k], "marker": figures.CURVE_MARKERS[k], "markevery": (k, 7), "ms": 5}
        lines += ax.plot([], [], color=figures.CURVE_COLOURS[k], label=name, **style)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=4)
    picture, words = BlitFigure(figure, lines), ipywidgets.HTML()

    def react(forget_bias, T, scale):
        params = LSTMParams.init(D, hidden_size, seed=seed, forget_bias=forget_bias, dtype=x.dtype)
        params.weight_hh *= scale
        plain = RNNParams.init(D, hidden_size, seed=seed, dtype=x.dtype)
        plain.weight_hh *= scale
        trace, plain_trace = lstm_forward(x[:T], params), rnn_forward(x[:T], plain)
        left = _gradient_left(trace, params, plain_trace, plain)
        for line, sizes in zip(lines, left, strict=True):
            line.set_data(np.arange(1, T + 1), np.maximum(sizes, 1e-300))
        picture.redraw()
        ends = "; ".join(f"{name} <b>{sizes[-1]:.1e}</b>" for name, sizes in zip(names, left, strict=True))
        words.value = f"With the bias alone, f = {sigmoid(forget_bias):.3f}. Left after {T} steps: {ends}"

    wide = {"description_width": "initial"}
    controls = {
        "forget_bias": ipywidgets.FloatSlider(
            forget_bias, min=-4, max=8, step=0.1, description="forget bias", style=wide
        ),
        "T": ipywidgets.IntSlider(longest, min=2, max=longest, description="steps T", style=wide),
        "scale": ipywidgets.FloatSlider(1, min=0, max=8, step=0.25, description="weight_hh ×", style=wide),
    }
    return Panel("gradient_reach", controls, react, picture.image, words)


def _gradient_left(trace, params, plain_trace, plain):
    """What is left after going back 1, 2, … T steps: on all paths, along c alone, and in the plain RNN."""
    H, T = trace.hidden_size, trace.seq_len
    full, product, plain_product = np.eye(2 * H), np.ones(H), np.eye(H)
    left = []
    for t in reversed(range(T)):
        full = full @ state_jacobian(trace, params, t, t + 1)
        product = product * trace.f[t, 0]
        plain_product = plain_product @ rnn_state_jacobian(plain_trace, plain, t, t + 1)
        left.append((np.linalg.norm(full[H:, H:], 2), product.max(), np.linalg.norm(plain_product, 2)))
    return np.array(left).T


LONGEST_IN_MUSEUM = 6


def bug_museum(bug="missing_transpose"):
    """The bug museum: pick a bug, say what you expect, then see which gradients are wrong, by gate and step.

    Parameters
    ----------
    bug : str
        One of `bugs.GRADIENT_BUGS` to begin with.

    Returns
    -------
    Panel
        With the controls ``bug seq_len zero_start zero_bias loss expected since shown``. Picking
        another bug hides the errors again: predict first.
    """
    if bug not in GRADIENT_BUGS:
        raise ValueError(f"bug is {bug!r}, wanted one of {', '.join(GRADIENT_BUGS)}")
    figure = figures.new_figure(9, 4.8)
    nothing = dict.fromkeys(PARTS, np.full(LONGEST_IN_MUSEUM + 1, np.nan))
    ax = figure.subplots()
    image, texts = figures.draw_errors(ax, nothing)
    picture, words = BlitFigure(figure, [image, *ax.lines, *texts]), ipywidgets.HTML()

    def react(bug, seq_len, zero_start, zero_bias, loss, expected, since, shown):
        exhibit, options = BUGS[bug], {"zero_start": zero_start, "zero_bias": zero_bias, "loss": loss}
        report = nothing
        said = f"<b>{exhibit.title}.</b> {exhibit.mistake} <i>Source: {exhibit.source}</i>"
        if shown:
            errors = error_report(bug, awkward_case(seq_len, **options))
            gap = [np.nan] * (LONGEST_IN_MUSEUM - seq_len)  # the steps that this sequence does not have
            report = {part: np.array([*row[:-1], *gap, row[-1]]) for part, row in errors.items()}
            said += "<br>" + _verdict(report, expected, since, first_wrong_length(bug, **options))
            said += f"<br><b>Hides:</b> {exhibit.hides}"
        else:
            said += "<br><b>Predict:</b> choose what you expect to be wrong, and from which T on; then show the errors."
        colours, numbers, inks = figures.error_cells(report)
        image.set_data(colours)
        for text, number, ink in zip(texts, numbers, inks, strict=True):
            text.set(text=number, color=ink)
        picture.redraw()
        words.value = said

    names = ("weight_ih", "weight_hh", "bias", "x", "h0", "c0")
    wide = {"description_width": "initial"}
    controls = {
        "bug": ipywidgets.Dropdown(
            options=[(BUGS[name].title, name) for name in GRADIENT_BUGS], value=bug, description="bug", style=wide
        ),
        "seq_len": ipywidgets.IntSlider(4, min=1, max=LONGEST_IN_MUSEUM, description="T", style=wide),
        "zero_start": ipywidgets.Checkbox(False, description="h0 and c0 are 0"),
        "zero_bias": ipywidgets.Checkbox(False, description="all biases are 0"),
        "loss": ipywidgets.Dropdown(options=LOSSES, description="loss on", style=wide),
        "expected": ipywidgets.SelectMultiple(options=names, rows=6, description="I expect wrong", style=wide),
        "since": ipywidgets.Dropdown(
            options=[("?", None), *((f"T = {T}", T) for T in range(1, 5)), ("never", 0)],
            description="weight_hh from",
            style=wide,
        ),
        "shown": ipywidgets.ToggleButton(False, description="show the errors"),
    }
    controls["bug"].observe(lambda change: setattr(controls["shown"], "value", False), names="value")
    return Panel("bug_museum", controls, react, picture.image, words)


def _verdict(report, expected, since, first):
    """The reader's prediction against what is measured, in words."""
    broken = {part.partition("[")[0] for part, errors in report.items() if errors[-1] > figures.RIGHT_BELOW}
    names = [name for name in first if name in broken]
    said = f"<b>Wrong here:</b> {', '.join(names) or 'nothing'}."
    if expected:
        missed, extra = [n for n in names if n not in expected], [n for n in expected if n not in broken]
        said += " As you predicted." if not missed and not extra else ""
        said += f" You did not expect: {', '.join(missed)}." if missed else ""
        said += f" You expected, and it is right: {', '.join(extra)}." if extra else ""
    wanted = first["weight_hh"]
    said += f" <b>weight_hh is wrong</b> {'at no T up to 6' if wanted is None else f'from T = {wanted} on'}"
    if since is None:
        return said + "."
    yours = f"T = {since}" if since else "never"
    return said + (", as you said." if since == (wanted or 0) else f"; you said {yours}.")
