"""The tools around notebooks: running and storing, comparing pictures, the text that `git diff` shows."""

import base64
import io

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_runs import SAME_PICTURE, WIDGET_VIEW, compare_pictures, picture_difference, pictures, run_and_store, tidy
from notebook_text import as_text


def png(draw, **options):
    """A PNG as a notebook stores it, of a figure that `draw` has drawn into."""
    fig, ax = plt.subplots(**options)
    draw(ax)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png")
    plt.close(fig)
    return base64.b64encode(buffer.getvalue()).decode()


def shown(*pngs):
    return [new_output("display_data", data={"image/png": picture, "text/plain": "a figure"}) for picture in pngs]


def waves(shift=0.0, colour="C0"):
    def draw(ax):
        x = np.linspace(0, 6, 200)
        ax.plot(x, np.cos(x))
        ax.plot(x, np.sin(x + shift), colour)

    return draw


def test_a_notebook_is_stored_the_same_twice_and_without_what_belongs_to_one_run(tmp_path):
    path = tmp_path / "try.ipynb"
    cells = [
        new_markdown_cell("# Try", id="title"),
        new_code_cell("import sys, ipywidgets, matplotlib.pyplot as plt", id="imports"),
        new_code_cell(
            "for k in range(3):\n    print(k, flush=True)\nprint('to stderr', file=sys.stderr)", id="streams"
        ),
        new_code_cell("fig, ax = plt.subplots()\nplt.show()", id="picture"),
        new_code_cell(
            "import time\nprint(f'{time.perf_counter()} s')", id="time", metadata={"tags": ["nbval-ignore-output"]}
        ),
        new_code_cell("ipywidgets.IntSlider(3)", id="widget", metadata={"tags": ["kept"], "trusted": True}),
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"widgets": {"state": {}}}), path)
    run_and_store(path)
    first = path.read_bytes()
    run_and_store(path)
    assert path.read_bytes() == first

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]
    assert [output.text for output in code[1].outputs] == ["0\n1\n2\n", "to stderr\n"]
    assert len(pictures(code[2].outputs)) == 1
    assert code[4].outputs[0].data == {"text/plain": "IntSlider(value=3)"}
    assert code[4].metadata == {"tags": ["kept"]}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert WIDGET_VIEW.encode() not in first
    assert str(tmp_path).encode() not in first


def test_a_notebook_that_raises_stays_as_it_was(tmp_path):
    path = tmp_path / "try.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)"), new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        run_and_store(path)
    assert path.read_bytes() == before


def test_tidy_drops_versions_and_timings_and_keeps_alt_texts():
    output = new_output("display_data", data={"image/png": "aGk="}, metadata={"image/png": {"alt": "a wave"}})
    cell = new_code_cell("x", outputs=[output], metadata={"execution": {"started": "now"}, "tags": ["exercise"]})
    notebook = new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3.11.7"}})
    tidied = tidy(notebook)
    assert tidied.metadata.language_info == {"name": "python"}
    assert tidied.cells[0].metadata == {"tags": ["exercise"]}
    assert tidied.cells[0].outputs[0].metadata["image/png"]["alt"] == "a wave"


def test_pictures_that_look_the_same_are_the_same():
    original = png(waves())
    assert compare_pictures(shown(original), shown(original)) is None
    a_hair_off = png(waves(shift=0.004))  # a third of a pixel: more than another machine's rounding
    assert original != a_hair_off
    assert 0 < picture_difference(*pictures(shown(original, a_hair_off))) < SAME_PICTURE
    assert compare_pictures(shown(original), shown(a_hair_off)) is None


@pytest.mark.parametrize(
    "changed",
    [
        png(waves(shift=0.1)),
        png(waves(colour="C3")),
        png(waves(), figsize=(6.4, 4.7)),
        png(lambda ax: (waves()(ax), ax.set_title("t"))),
        png(lambda ax: None),
    ],
    ids=["moved", "colour", "size", "title", "empty"],
)
def test_pictures_that_changed_are_told_apart(changed):
    assert "differ by" in compare_pictures(shown(png(waves())), shown(changed))


def test_a_missing_or_broken_picture_is_found():
    one = png(waves())
    assert "shows 1 pictures, stored are 2" in compare_pictures(shown(one, one), shown(one))
    assert "shows 1 pictures, stored are 0" in compare_pictures([], shown(one))
    with pytest.raises(Exception, match="(?i)truncated|identify|png"):
        pictures(shown(one[: len(one) // 8 * 4]))


def test_a_diff_shows_sources_and_outputs_and_one_line_for_a_picture():
    picture = png(waves())
    cell = new_code_cell("print(1)\nplot()", id="two", metadata={"tags": ["exercise"]})
    cell.outputs = [new_output("stream", text="1\n"), *shown(picture)]
    text = as_text(new_notebook(cells=[new_markdown_cell("# Title", id="one"), cell]))
    lines = text.splitlines()
    assert lines[1:3] == ["--- markdown one", "# Title"]
    assert lines[4:8] == ["--- code two exercise", "print(1)", "plot()", "  | 1"]
    assert lines[8].startswith("  | [image/png, ")
    assert lines[8].endswith("]")
    other = as_text(new_notebook(cells=[new_code_cell(outputs=shown(png(waves(shift=1))))]))
    assert lines[8] not in other
    assert len(text) < 300
