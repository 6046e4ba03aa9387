"""What nbval leaves out when it runs the notebooks: the pictures, and the time that a notebook may take."""

import time

import pytest
from nbval.plugin import IPyNbCell
from notebook_runs import SECONDS, picture_difference, pictures

SAME_PICTURE = 0.05  # fonts that round differently stay below 0.02; a curve in another place is above 0.1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    start = time.perf_counter()
    result = yield
    if isinstance(item, IPyNbCell):
        _compare_pictures(item)
        notebook = item.parent
        notebook.seconds = getattr(notebook, "seconds", 0) + time.perf_counter() - start
        if notebook.seconds > SECONDS:
            item.raise_cell_error(f"Up to this cell the notebook took {notebook.seconds:.0f} s of {SECONDS} s")
    return result


def _compare_pictures(item):
    if not item.options["check"]:  # tagged nbval-ignore-output
        return
    stored, shown = pictures(item.cell.outputs), pictures(item.test_outputs)
    if len(stored) != len(shown):
        item.raise_cell_error(f"The cell shows {len(shown)} pictures, {len(stored)} are stored")
    for number, (old, new) in enumerate(zip(stored, shown, strict=True)):
        difference = picture_difference(old, new)
        if difference > SAME_PICTURE:
            item.raise_cell_error(f"Picture {number} is not the stored one: they differ by {difference:.3f}")
