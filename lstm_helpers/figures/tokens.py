"""Tokens under a time axis."""

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

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


def token_labels(tokens, trace, batch):
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
    labels, _ = token_labels(tokens, trace, batch)
    letters = len(labels) * max(2, max(map(len, labels)))
    stride = next(k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if letters / k <= 2 * room)
    steps = range(0, len(labels), stride)
    ax.set_xticks(list(steps), [labels[t] for t in steps], parse_math=False)
    ax.set_xlabel("step t" if tokens is None else "token at each step, time to the right")
