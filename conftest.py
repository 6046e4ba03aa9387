"""What nbval leaves out when it runs the notebooks: the pictures, and the time that a notebook takes."""

import time

import pytest
from nbval.plugin import IPyNbCell
from notebook_runs import SECONDS, compare_pictures


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    start = time.perf_counter()
    result = yield
    if isinstance(item, IPyNbCell):
        notebook = item.parent
        notebook.seconds = getattr(notebook, "seconds", 0) + time.perf_counter() - start
        problem = compare_pictures(item.cell.outputs, item.test_outputs) if item.options["check"] else None
        if notebook.seconds > SECONDS:
            problem = f"Up to this cell the notebook took {notebook.seconds:.0f} s, and may take {SECONDS} s"
        if problem:
            item.raise_cell_error(problem)
    return result
