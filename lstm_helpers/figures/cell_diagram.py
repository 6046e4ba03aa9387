"""The cell as pipes and valves, with one step's values on its wires; the browser draws from the same geometry."""

import numpy as np
from matplotlib.patches import FancyBboxPatch, Rectangle

from lstm_helpers.figures.style import GATE_COLOURS, SIGNALS, check_trace, number
from lstm_helpers.validate import integer

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
    check_trace(trace)
    unit = integer("unit", unit, 0, trace.hidden_size - 1)
    batch = integer("batch", batch, 0, trace.batch_size - 1)
    values, diagram = wire_values(trace, t, unit, batch), CELL_DIAGRAM
    width, height = diagram["size"]
    ax.set(xlim=(0, width), ylim=(height + 20, 0), aspect="equal")
    ax.axis("off")
    for wire in diagram["bus"].values():
        draw_pipe(ax, wire, 1.5, "0.55")
    for gate, wire in diagram["controls"].items():
        draw_pipe(ax, wire, 2.5, GATE_COLOURS[gate])
    for name, wire in diagram["pipes"].items():
        thick = max(1.5, PIPE_WIDTH * min(1, abs(values[name])))
        draw_pipe(ax, wire, thick, wire_colour(name))
        if values[name] < 0:
            draw_pipe(ax, wire, max(0.5, thick - 3), "white")
    for gate, (x, y, direction) in diagram["valves"].items():
        draw_valve(ax, x, y, direction, values[gate], GATE_COLOURS[gate])
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


def draw_pipe(ax, points, thick, colour):
    """Straight stretches and corners as rectangles in the diagram's units, so that the thickness scales with it."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        across, down = (thick, abs(y1 - y0)) if x0 == x1 else (abs(x1 - x0), thick)
        ax.add_patch(Rectangle(((x0 + x1 - across) / 2, (y0 + y1 - down) / 2), across, down, fc=colour, ec="none"))
    for x, y in points[1:-1]:
        ax.add_patch(Rectangle((x - thick / 2, y - thick / 2), thick, thick, fc=colour, ec="none"))


def draw_valve(ax, x, y, direction, opening, colour):
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
    check_trace(trace)
    v = {name: number(value, 3) for name, value in wire_values(trace, t, unit, batch).items()}
    return (
        f"The cell at step t = {t}, unit {unit}. The forget valve is open to f = {v['f']} and lets {v['f_c']} of "
        f"c_prev = {v['c_prev']} through; the input valve i = {v['i']} adds {v['i_g']} of the candidate g = {v['g']}; "
        f"together the new cell state is c = {v['c']}. The output valve o = {v['o']} shows h = {v['h']} of "
        f"tanh(c) = {v['tanh_c']}."
    )
