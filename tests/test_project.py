"""The project as a whole: who may import whom, one list of dependencies, what the README promises, what make says."""

import ast
import functools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "lstm_helpers"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")

# What each module may import, besides the standard library: each arrow points one way.
ARROWS = {
    "__init__": set(),
    "validate": {"numpy"},
    "cell": {"numpy", "validate"},
    "backprop": {"numpy", "validate", "cell"},
    "rnn": {"numpy", "validate"},
    "tiles": {"numpy"},
    "fast": {"numpy", "validate", "cell", "backprop", "tiles"},
    "network": {"numpy", "validate", "cell", "backprop", "fast"},
    "seven_steps": {"numpy", "cell", "fast"},
    "gradcheck": {"numpy", "validate"},
    "bugs": {"numpy", "validate", "cell", "backprop"},
    "tasks": {"numpy", "validate"},
    "training": {"numpy", "validate", "network", "tasks", "tqdm"},
    "interventions": {"numpy", "validate", "cell"},
    "torch_bridge": {"numpy", "validate", "cell", "network", "torch"},
    "figures": {"numpy", "validate", "cell", "matplotlib", "IPython"},
    "widgets": {"numpy", "validate", "cell", "backprop", "rnn", "bugs", "interventions", "figures"}
    | {"ipywidgets", "anywidget", "traitlets"},
    "checks": {"numpy", "validate", "cell", "backprop", "gradcheck", "bugs", "tasks", "packaging"},
}
MODULES = sorted(path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists())
HEAVY = {"torch", "matplotlib", "ipywidgets", "anywidget", "IPython", "tqdm"}


def imports(path):
    """What a file imports, wherever in it: module names, our own without the package's name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "lstm_helpers":
            names |= {f"lstm_helpers.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    names = {name.removeprefix("lstm_helpers.").partition(".")[0] for name in names}
    return names - set(sys.stdlib_module_names)


def module_imports(module):
    """What a module imports; one that is a folder is taken as a whole."""
    files = [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").exists() else (PACKAGE / module).glob("*.py")
    return set().union(*map(imports, files)) - {module}


@functools.cache
def reach(module):
    """All that may be loaded when `module` is: what it may import, and what that may import."""
    arrows = ARROWS.get(module, set())
    return arrows.union(*map(reach, arrows))


@pytest.mark.parametrize("module", MODULES)
def test_modules_import_only_what_their_arrows_allow(module):
    assert module in ARROWS, "a new module gets a row in ARROWS"
    assert module_imports(module) <= ARROWS[module]


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_loads_nothing_heavy_that_it_does_not_need(module):
    name = "lstm_helpers" if module == "__init__" else f"lstm_helpers.{module}"
    code = f"import sys, {name}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    bring = {"ipywidgets": "IPython", "torch": "tqdm"}
    needed = reach(module) | {brought for name, brought in bring.items() if name in reach(module)}
    assert HEAVY.intersection(loaded) <= needed


def test_arrows_never_go_in_a_circle():
    for module in ARROWS:
        assert module not in reach(module)


def test_modules_do_without_stars_paths_and_mutable_state():
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "import *" not in source, path.name
        assert "sys.path" not in source, path.name
        assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Global)], path.name


# --- one list of dependencies


def requirement(name, extra=None):
    requirements = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return next(line for line in requirements if re.match(rf"{name}\b", line))


def test_environment_yml_adds_only_python_and_a_torch_for_the_cpu():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    python, pip, torch, last = environment["dependencies"]
    assert pip == "pip"
    assert torch == "pytorch-cpu=" + requirement("torch").removeprefix("torch==")
    assert last == {"pip": ["-e .[dev]"]}
    wanted, got = (re.search(r"3\.(\d+)$", text) for text in (PROJECT["requires-python"], python))
    assert python == f"python={got[0]}"
    assert int(got[1]) >= int(wanted[1])


@pytest.mark.parametrize("name", ["numpy", "torch", "matplotlib"])
def test_what_stored_outputs_hang_on_is_pinned_exactly(name):
    assert re.fullmatch(rf"{name}==\d+\.\d+\.\d+", requirement(name))


def test_what_the_tests_and_benchmarks_import_is_declared():
    declared = {
        re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    }
    modules = {
        "PIL": "matplotlib",
        "yaml": "pyyaml",
        "nbformat": "nbconvert",
        "traitlets": "ipywidgets",
        "IPython": "ipywidgets",
    }
    files = [ROOT / "conftest.py", *(ROOT / "tests").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    own = {path.stem for path in files} | set(MODULES)
    for path in files:
        for name in imports(path) - own:
            assert modules.get(name, name) in declared, f"{path.name} imports {name}"


def test_the_oldest_python_is_the_same_everywhere():
    minor = re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"])[1]
    assert f"sys.version_info < (3, {minor})" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"Python 3.{minor} or newer" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"Python 3.{minor} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'python-version: "3.{minor}"' in (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")


# --- what the pages for people say


PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "TEACHING.md")]


def test_readme_lists_the_notebooks_as_they_are():
    rows = re.findall(r"^\| (\d\d) \| \[(.+?)\]\((.+?)\) \|.+\| (\d+) \|$", PAGES[0].read_text("utf-8"), re.MULTILINE)
    wanted = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        first = nbformat.read(path, as_version=4).cells[0].source
        number, title = re.match(r"# (\d\d) · (.+)", first).groups()
        minutes = re.search(r"^- \*\*Minutes\*\* (\d+)", first, re.MULTILINE)[1]
        wanted.append((number, title, f"notebooks/{path.name}", minutes))
    assert rows == wanted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_the_pages_are_there(page):
    text = page.read_text(encoding="utf-8")
    for alt, target in re.findall(r"\[((?:[^\[\]]|\n)*)\]\(([^)#\s]+)[^)]*\)", text):
        assert alt.strip(), f"{target} has no words"
        assert re.match(r"https://", target) or (ROOT / target).exists(), target
    for name in re.findall(r"\[[^\]]+\]\[(\w+)\]", text):
        assert f"\n[{name}]: https://" in text


def test_every_make_target_is_documented_and_every_documented_one_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"(?:^|`|/cpu )make (\w+)", text, re.MULTILINE)) == targets


def test_every_link_to_the_repository_is_to_the_one_in_pyproject():
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += re.findall(r"mybinder\.org/v2/gh/([\w.-]+/[\w.-]+)/", text)
        found += re.findall(r"git clone https://github\.com/([\w.-]+/[\w.-]+)", text)
        found += re.findall(r"url *= \{https://github\.com/([\w.-]+/[\w.-]+)\}", text)
        for notebook in re.findall(r"urlpath=lab/tree/(\S+?\.ipynb)", text):
            assert (ROOT / notebook).exists()
    assert len(found) >= 3
    assert set(found) == {REPOSITORY}


def test_no_file_speaks_of_a_machine_or_a_private_host():
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "README.md" in names
    for name in names:
        path = ROOT / name
        if path.suffix in (".png", ".woff") or not path.exists():
            continue
        text = path.read_text(encoding="utf-8").replace("\\", "")
        assert not re.search(r"(?<![\w.])/(?:root|work|home|Users|tmp|opt)/\w", text), name
        for host in re.findall(r"\bhttps?://(?:[^/\s@]+@)?([\w.-]+)", text):
            assert host in {"localhost", "127.0.0.1"} or re.search(
                r"\w\.(?!internal|local|lan|corp)[a-z]{2,}$", host
            ), name


def test_ci_is_the_one_command():
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == "make test"
    assert os.access(ROOT / ".ci/run", os.X_OK)
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert set(jobs) == {"test", "newest"}
    for job in jobs.values():
        assert job["steps"][-1] == {"run": ".ci/run"}


# --- make, with a Python that only notes what it is asked for


FAKE_PYTHON = """#!/bin/sh
echo "$*" >> calls
case "$1 $2 $3" in
    "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-m pip install")
        [ ! -e offline ] || { echo "12:00 ERROR: No matching distribution for torch" >> .venv/pip.log; exit 1; } ;;
    "-m "*) ;;
    *) exec "REAL" -c 'import sys; sys.version_info = VERSION; exec(sys.argv[1])' "$2" ;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """Runs make in a folder of its own; gives (exit status, error lines, what Python was asked for)."""
    if os.name == "nt":
        pytest.skip("Windows has no make; README.md says what to type there")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    calls = tmp_path / "calls"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def run(target, version=(3, 12, 0), python=None):
        fake = tmp_path / "python"
        fake.write_text(FAKE_PYTHON.replace("REAL", sys.executable).replace("VERSION", str(version)))
        fake.chmod(0o755)
        calls.write_text("")
        command = ["make", target, f"PYTHON={python or fake}", "ARGS=--no-browser"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
        return done.returncode, errors, calls.read_text().splitlines()

    return run


LAB = "-m jupyterlab --LabApp.default_url=/lab/tree/notebooks/00_why_lstm.ipynb --no-browser"


def test_make_lab_installs_once_and_opens_notebook_00(make, tmp_path):
    status, errors, calls = make("lab")
    assert (status, errors) == (0, [])
    assert "-m pip install --log .venv/pip.log -e ." in calls
    assert calls[-1] == LAB
    assert make("lab") == (0, [], [LAB])  # no pip, so no network
    os.utime(tmp_path / "pyproject.toml")  # as git pull does when the dependencies change
    assert "-m pip install --log .venv/pip.log -e ." in make("lab")[2]


def test_make_test_adds_what_only_the_tests_need(make):
    status, errors, calls = make("test")
    assert (status, errors) == (0, [])
    assert "-m pip install --log .venv/pip.log -e .[dev]" in calls
    assert calls[-3:] == ["-m ruff check .", "-m ruff format --check .", "-m pytest"]
    assert make("lab") == (0, [], [LAB])


def test_make_says_in_one_line_that_python_is_too_old(make):
    status, errors, calls = make("lab", version=(3, 10, 13))
    assert status != 0
    assert len(errors) == 1
    assert re.search(r"needs Python 3\.11 or newer; \S+ gives: 3\.10\.", errors[0])
    assert not any("pip install" in call for call in calls)


def test_make_says_in_one_line_that_the_install_failed_and_tries_again(make, tmp_path):
    (tmp_path / "offline").touch()
    for target in ("lab", "test"):
        status, errors, calls = make(target)
        assert status != 0
        assert errors == ["The install failed (no network?): ERROR: No matching distribution for torch"]
        assert LAB not in calls
    (tmp_path / "offline").unlink()
    assert make("lab")[0] == 0


def test_make_says_in_one_line_that_there_is_no_python(make):
    status, errors, calls = make("lab", python="no-such-python")
    assert status != 0
    assert len(errors) == 1
    assert errors[0].startswith("This needs Python 3.11 or newer; no-such-python gives: ")
    assert calls == []
