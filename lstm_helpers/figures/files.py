"""The pictures that lie in the folder figures/ as SVG files."""

import pathlib

from matplotlib.figure import Figure

from lstm_helpers.figures.doors import draw_notebook_and_doors, notebook_and_doors_alt


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
