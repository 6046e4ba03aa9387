"""The conventions that every notebook keeps. nbval runs the same files; see pyproject.toml and conftest.py."""

import ast
import copy
import functools
import itertools
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from notebook_runs import pictures, tidy

FOLDER = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))

# Cells whose text output is not compared, in the whole series. Raise it only where no rounding helps.
UNCOMPARED = 6
UNCOMPARED_PER_NOTEBOOK = 2

VERBS = {"See", "Turn", "Update", "Solve", "Derive", "Build", "Prove", "Read", "Extract", "Write", "Weigh", "Find"}
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}

# The symbols of other texts; ours are in the glossary of notebook 00, in the cell that has both.
GLOSSARY = "in other texts"
STRAYS = re.compile(
    r"\\(?:tilde|hat|bar)\b|[cCgh]\u0303|[ĉĈĝ]|\bC_(?:t|\{t)|\\Gamma|Γ|\\circ\b|∘|\bW_\{?[xh][ifgoc]"
    r"|\b(?:hidden_dim|input_dim|n_hidden|num_units|c_tilde|c_bar|c_hat)\b"
)

MACHINE = re.compile(
    r"/(?:home|root|work|tmp|Users|opt|usr|mnt|private)/\w|\b[A-Z]:\\\w"  # paths
    r"|\b0x[0-9a-f]{6,}|ipykernel_\d+"  # addresses and process numbers
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b\d\d:\d\d:\d\d\b"  # times of day
)

every_notebook = pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
every_solution = pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)


@functools.cache
def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    return [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]


def tags(cell):
    return cell.metadata.get("tags", [])


def texts(cell):
    """What a cell shows as text: streams and text/plain, Markdown and HTML outputs."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


def links(text):
    return re.findall(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)", text)


def exercise_headings(path):
    return [line for text in prose(path) for line in text.splitlines() if re.match(r"#+ Exercise \d", line)]


def makes_a_widget(path, cell):
    """Whether the cell calls something of lstm_helpers.widgets."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(code_cells(path)[0].source))
        if isinstance(node, ast.ImportFrom) and node.module == "lstm_helpers.widgets"
        for alias in node.names
    }
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    return any(call.startswith("widgets.") or call in imported for call in calls)


def test_notebooks_are_numbered_without_a_gap_and_each_has_its_solutions():
    assert LESSONS
    assert [path.name[:3] for path in LESSONS] == [f"{number:02}_" for number in range(len(LESSONS))]
    assert [path.stem for path in SOLUTIONS] == [f"{path.stem}_solutions" for path in LESSONS]


@every_notebook
def test_format(path):
    notebook = read(path)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 32
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    nbformat.validate(notebook)


@every_notebook
def test_outputs_are_stored_as_make_notebooks_stores_them(path):
    assert tidy(copy.deepcopy(read(path))) == read(path), "run: make notebooks"
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run: make notebooks"
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


@every_notebook
def test_nothing_of_this_machine_or_of_one_run_is_inside(path):
    for cell in read(path).cells:
        shown = texts(cell) if cell.cell_type == "code" else []
        for text in (cell.source, *shown):
            assert not MACHINE.search(text), (cell.id, MACHINE.search(text)[0])


@every_notebook
def test_printed_numbers_are_rounded(path):
    for cell in code_cells(path):
        for text in texts(cell):
            long = re.search(r"\d\.\d{7,}", text)
            assert not long, f"cell {cell.id} prints {long[0]}: round it to about four digits"


@every_notebook
def test_every_cell_knows_its_place_on_the_slides(path):
    for cell in read(path).cells:
        assert cell.metadata.get("slideshow", {}).get("slide_type") in SLIDE_TYPES, cell.id


@every_notebook
def test_title_begins_with_a_verb(path):
    title = read(path).cells[0].source.splitlines()[0]
    match = re.fullmatch(r"# (\d\d) · (\w+) .+", title)
    assert match, f"{title!r}, wanted '# NN · Verb …'"
    assert match[1] == path.name[:2]
    assert match[2] in VERBS, "a title begins with a verb in the imperative; a new one goes into VERBS"
    assert sum(re.match("# ", line) is not None for text in prose(path) for line in text.splitlines()) == 1


@every_lesson
def test_links_to_the_neighbours(path):
    number = LESSONS.index(path)
    neighbours = [LESSONS[k].name for k in (number - 1, number + 1) if 0 <= k < len(LESSONS)]
    navigation = read(path).cells[0].source.splitlines()[2]
    assert [link for link in links(navigation) if link.endswith(".ipynb")] == neighbours
    following = [link for link in links(read(path).cells[-1].source.splitlines()[-1]) if link.endswith(".ipynb")]
    assert following == [lesson.name for lesson in LESSONS[number + 1 : number + 2]]


@every_solution
def test_a_solution_links_to_its_lesson(path):
    lesson = f"../{path.name.replace('_solutions', '')}"
    assert lesson in links(read(path).cells[0].source.splitlines()[2])
    assert f"solutions/{path.name}" in links("\n".join(prose(FOLDER / lesson.removeprefix("../"))))


@every_notebook
def test_every_local_link_leads_to_a_file(path):
    for link in links("\n".join(prose(path))):
        if not re.match(r"[a-z]+:", link):
            assert (path.parent / link).exists(), link


@every_lesson
def test_says_what_the_reader_will_see_do_and_need(path):
    first = read(path).cells[0].source
    bullets = re.findall(r"^- \*\*(.+?)\*\* ", first, re.MULTILINE)
    assert bullets == ["You will see", "You will do", "You need", "Minutes"]
    assert re.search(r"^- \*\*Minutes\*\* \d+\b", first, re.MULTILINE)


@every_lesson
def test_ends_with_what_the_reader_can_do_and_the_sources(path):
    headings = [line for text in prose(path) for line in text.splitlines() if line.startswith("## ")]
    assert headings[-2:] == ["## What you can now do", "## Sources"]


@every_notebook
def test_all_imports_are_in_the_first_code_cell_and_so_is_the_seed(path):
    imports, *rest = (ast.parse(cell.source) for cell in code_cells(path))
    for tree in rest:
        found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not found
    assigned = {ast.unparse(target) for node in imports.body if isinstance(node, ast.Assign) for target in node.targets}
    uses = {node.id for tree in rest for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert uses.isdisjoint({"SEED", "rng"}) or "SEED" in assigned


@every_notebook
def test_code_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(path)]
    assert max(lengths) <= 25
    assert sum(length < 12 for length in lengths) > len(lengths) / 2


@every_notebook
def test_code_does_without_what_hides_errors_or_hangs_on_the_machine(path):
    for cell in code_cells(path):
        tree = ast.parse(cell.source)  # magics do not parse
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        last_names = {call.rpartition(".")[2] for call in calls}
        assert not last_names & {"interact", "interactive", "sleep"}, cell.source
        assert not calls & {"input", "exec", "eval"}, cell.source  # torch's module.eval() is another thing
        assert "plt.show" not in calls, "figures.show stores the alt text, plt.show does not"
        assert "sys.path" not in cell.source
        assert "import *" not in cell.source


@every_notebook
def test_every_picture_can_be_decoded_and_has_its_words(path):
    for cell in code_cells(path):
        for picture in pictures(cell.outputs):
            assert min(picture.shape[:2]) >= 100
            assert picture.std() > 0.01, "an empty picture"
        assert len(pictures(cell.outputs)) >= cell.source.count("figures.show("), f"{cell.id}: a picture is missing"
        for k, output in enumerate(cell.outputs):
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert len(alt.split()) >= 5, f"{cell.id}: no alt text; show the figure with figures.show"
                captions = [caption.data["text/plain"] for caption in cell.outputs[k + 1 : k + 2]]
                assert captions == [alt], f"{cell.id}: no caption"


@every_notebook
def test_a_picture_stands_before_every_widget(path):
    for before, cell in itertools.pairwise(code_cells(path)):
        if makes_a_widget(path, cell):
            assert pictures(before.outputs), f"{cell.id}: the code cell before it must show the same as a picture"


@every_lesson
def test_exercises_start_empty_and_are_answered_at_once(path):
    headings = exercise_headings(path)
    assert [heading.split(" · ")[0] for heading in headings] == [
        f"### Exercise {number}" for number in range(1, len(headings) + 1)
    ], "wanted '### Exercise 1 · …'"
    assert len(headings) >= 3
    for heading, cells in exercises(path):
        assert cells, f"{heading}: no cell is tagged exercise"
        for answer, check in cells:
            assert has_a_stub(answer.source), f"{heading}: {answer.id} holds no `...` to replace"
            assert feedback(check).startswith("Not yet: "), f"{heading}: {feedback(check)}"
    for cell in code_cells(path):
        assert "exercise" in tags(cell) or not has_a_stub(cell.source), f"{cell.id}: not tagged exercise"


@every_solution
def test_solutions_solve_the_same_exercises(path):
    lesson = FOLDER / path.name.replace("_solutions", "")
    assert exercise_headings(path) == exercise_headings(lesson)
    for (heading, solved), (_, posed) in zip(exercises(path), exercises(lesson), strict=True):
        assert [check.source for _, check in solved] == [check.source for _, check in posed], heading
        for answer, check in solved:
            assert not has_a_stub(answer.source), f"{heading}: {answer.id} is not solved"
            assert feedback(check).startswith("Right: "), f"{heading}: {feedback(check)}"


def exercises(path):
    """For each exercise its heading and its (answer cell, check cell) pairs."""
    found = []
    cells = read(path).cells
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if cell.cell_type == "markdown":
            found += [(line, []) for line in cell.source.splitlines() if re.match(r"#+ Exercise \d", line)]
        elif "exercise" in tags(cell):
            found[-1][1].append((cell, following))
    return found


def has_a_stub(source):
    """Whether `...` stands for a value or for the body of a function."""
    for node in ast.walk(ast.parse(source)):
        value = node.value if isinstance(node, ast.Assign | ast.Return) else None
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Expr):
            value = node.body[-1].value
        if isinstance(value, ast.Constant) and value.value is ...:
            return True
    return False


def feedback(check):
    assert check is not None
    assert check.cell_type == "code", "the check stands directly below the answer"
    assert "checks." in check.source
    return "".join(texts(check))


def test_few_outputs_are_not_compared():
    counts = {path.name: 0 for path in LESSONS + SOLUTIONS}
    for path in LESSONS + SOLUTIONS:
        for cell in code_cells(path):
            other = {tag for tag in tags(cell) if tag.startswith("nbval") or tag == "raises-exception"}
            assert other <= {"nbval-ignore-output"}, f"{path.name}, cell {cell.id}: {other}"
            assert not re.search(r"^\s*#\s*\w*(NBVAL|PYTEST_VALIDATE)_", cell.source, re.MULTILINE)
            counts[path.name] += len(other)
    assert max(counts.values()) <= UNCOMPARED_PER_NOTEBOOK, counts
    assert sum(counts.values()) == UNCOMPARED, counts


@every_notebook
def test_symbols_are_those_of_the_glossary(path):
    for cell in read(path).cells:
        if GLOSSARY not in cell.source and not cell.source.startswith("## Sources"):
            stray = STRAYS.search(cell.source)
            assert not stray, f"cell {cell.id}: {stray[0]!r} is not a symbol of this series"


@pytest.mark.parametrize("path", LESSONS[1:5], ids=lambda path: path.stem)
def test_notebooks_01_to_04_do_not_load_torch(path):
    """What they import does not load torch; that nothing loads it later, test_project.py sees to."""
    imports = [
        ast.unparse(node) for node in ast.parse(code_cells(path)[0].source).body if "import" in ast.unparse(node)
    ]
    code = "\n".join([*imports, "import sys", "sys.exit('torch' in sys.modules)"])
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
