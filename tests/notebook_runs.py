"""Run notebooks and store what they show (`make notebooks`), and tell whether a cell still shows the same pictures.

python tests/notebook_runs.py notebooks/01_gates.ipynb …
"""

import base64
import copy
import io
import re
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
from matplotlib.image import imread
from nbconvert.preprocessors import ExecutePreprocessor

SECONDS = 60  # the most that a notebook may take
SAME_PICTURE = 0.05  # the most that two pictures may differ; test_notebook_runs.py has both sides of it
UNCOMPARED = "nbval-ignore-output"  # the tag of cells whose output may differ from machine to machine
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run_and_store(path):
    """Run the notebook in a fresh kernel, in its own folder, and write it back with its outputs.

    Running twice gives the same file twice: nothing is stored that a second run would change.
    A cell that raises leaves the file as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    before = copy.deepcopy(notebook)
    runner = ExecutePreprocessor(
        timeout=SECONDS,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # not a warning for each kernel about TCP on this machine
    )
    runner.preprocess(notebook, {"metadata": {"path": str(Path(path).parent)}})
    keep_uncompared(before, notebook)
    nbformat.write(tidy(notebook), path)


def keep_uncompared(before, after):
    """Where a cell's output is not compared (a measured time, say), keep the stored one if the new one is alike.

    Alike is: the same text apart from its numbers, and as many pictures. Without this, every run would give other
    files.
    """
    for old, new in zip(before.cells, after.cells, strict=True):
        if UNCOMPARED in new.metadata.get("tags", []) and _without_numbers(old) == _without_numbers(new):
            new.outputs = old.outputs


def _without_numbers(cell):
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return [re.sub(r"[\d.\s]+", " ", text) for text in texts]


def tidy(notebook):
    """Bring a notebook into the form in which it is stored, in place, and return it.

    Widget views go: they name a model that lives in a kernel long gone, and a reader without one
    sees "model not found" where the plain text would have stood. The Python version goes, with all
    else that depends on who ran the notebook last.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: cell.metadata[k] for k in ("slideshow", "tags") if k in cell.metadata})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def pictures(outputs):
    """The PNG pictures among a cell's outputs, decoded: a list of arrays (height, width, channels) from 0 to 1.

    Raises whatever the decoder raises if one is not a readable PNG.
    """
    encoded = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [imread(io.BytesIO(base64.b64decode(png)), format="png") for png in encoded]


def compare_pictures(stored, shown):
    """What is wrong with the pictures that a cell shows, next to those stored for it: a sentence, or None."""
    stored, shown = pictures(stored), pictures(shown)
    if len(stored) != len(shown):
        return f"The cell shows {len(shown)} pictures, stored are {len(stored)}"
    for number, (old, new) in enumerate(zip(stored, shown, strict=True)):
        difference = picture_difference(old, new)
        if difference > SAME_PICTURE:
            return f"Picture {number} is not the stored one: they differ by {difference:.3f}, at most {SAME_PICTURE}"
    return None


def picture_difference(a, b):
    """How far apart two pictures look: 0 is equal, 1 is black against white.

    The root mean square over the worst of 8 by 8 tiles, so that one curve that moved counts in a
    large figure, while edges that another machine smooths otherwise do not.
    """
    if a.shape != b.shape:
        return 1.0
    squares = ((a - b) ** 2).mean(axis=2)
    tiles = [tile for band in np.array_split(squares, 8) for tile in np.array_split(band, 8, axis=1)]
    return float(np.sqrt(max(tile.mean() for tile in tiles)))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        start = time.perf_counter()
        run_and_store(name)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
