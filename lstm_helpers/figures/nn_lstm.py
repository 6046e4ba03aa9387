"""torch.nn.LSTM from outside: unrolled, its parameters, other libraries' layouts (notebook 05)."""

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from lstm_helpers.figures.style import GATE_COLOURS, INK, counted


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
        ax.text(t, -0.75, f"x[{t}]", ha="center", va="center", color=INK)
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
        ax.text(-1.25, y, name, ha="right", va="center", fontsize="small", color=INK)
    high = top + 0.35 * (num_layers - 1)
    box = (-0.42, high - directions + 0.58, seq_len - 0.16, directions - 0.16)
    ax.add_patch(Rectangle(box[:2], *box[2:], fc="none", ec="black", lw=1.5, ls=(0, (5, 3))))
    column = (last - 0.34, high - directions + 0.66, 0.68, directions - 0.32)
    ax.add_patch(Rectangle(column[:2], *column[2:], fc="none", ec="0.3", lw=1))
    ax.text(-0.42, high + 0.5, "output", ha="left", va="bottom")
    ax.text(last, high + 0.5, "output[-1]", ha="center", va="bottom")
    ax.set(xlim=(-3.1, last + 1.5), ylim=(-1.0, high + 0.9), aspect="equal")
    ax.axis("off")


def unrolled_alt(seq_len, num_layers=1, bidirectional=False):
    """The words that go with `draw_unrolled`."""
    layers = counted(num_layers, "layer")
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
