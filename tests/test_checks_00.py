"""The feedback of notebook 00: a stub is "not yet", each plausible slip has its own message, the answer is right."""

import platform
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from lstm_helpers import checks


def assert_wrong(feedback, *words):
    assert feedback.status == "wrong", feedback
    for word in words:
        assert word in feedback.message
    assert repr(feedback).startswith("Look here: ")


# --- installation --------------------------------------------------------------------------------

ASKED = [
    "numpy==2.4.6",
    "anywidget>=0.11,<0.12",
    'colorama>=1; sys_platform == "no such system"',
    'pytest>=9; extra == "dev"',
]


@pytest.fixture
def installed(monkeypatch):
    """A pretended installation: change the dict to change what is found."""
    found = {"numpy": "2.4.6", "anywidget": "0.11.3"}

    def version(name):
        if name not in found:
            raise metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(checks.why_lstm.metadata, "version", version)
    monkeypatch.setattr(checks.why_lstm.metadata, "requires", lambda name: ASKED)
    monkeypatch.setattr(checks.why_lstm.metadata, "metadata", lambda name: {"Requires-Python": ">=3.11"})
    return found


def test_installation_right_in_the_same_words_everywhere(installed):
    assert repr(checks.installation()) == "Right: everything this series needs is installed."


def test_installation_takes_a_local_version_and_a_prerelease(installed):
    installed |= {"numpy": "2.4.6+mkl", "anywidget": "0.11.4rc1"}
    assert checks.installation().status == "right"


def test_installation_names_each_problem_and_its_command(installed):
    installed["numpy"] = "1.26.0"
    del installed["anywidget"]
    feedback = checks.installation()
    pip = f'"{sys.executable}" -m pip install'
    assert_wrong(feedback, f'numpy is 1.26.0, wanted ==2.4.6. Run: {pip} "numpy==2.4.6"')
    assert_wrong(feedback, "anywidget is not installed, wanted", f'Run: {pip} "anywidget')
    lines = feedback.message.splitlines()
    assert len(lines) == 3
    assert "restart the kernel" in lines[-1]


def test_installation_of_an_old_python(installed, monkeypatch):
    monkeypatch.setattr(platform, "python_version", lambda: "3.10.2")
    assert_wrong(checks.installation(), "Python is 3.10.2, wanted >=3.11")


def test_installation_without_the_project(monkeypatch):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(checks.why_lstm.metadata, "metadata", nothing)
    assert_wrong(checks.installation(), "lstm-helpers is not installed", "-m pip install -e .")


def test_installation_reads_the_projects_own_list_and_imports_nothing_of_it():
    script = """
import sys
from lstm_helpers import checks
print(checks.installation().status)
print([name for name in ("torch", "matplotlib", "ipywidgets", "anywidget", "jupyterlab") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["right", "[]"]


# --- exercise 1 ----------------------------------------------------------------------------------


def test_slow_fading():
    assert checks.slow_fading(...).status == "not yet"
    assert_wrong(checks.slow_fading("a"), "then comes tanh")
    assert_wrong(checks.slow_fading("c"), "near 0 it takes very little")
    assert_wrong(checks.slow_fading("d"), "never makes a number larger")
    assert_wrong(checks.slow_fading("e"), "choose one of a, b, c, d")
    assert checks.slow_fading("B").status == "right"


def test_slow_fading_tells_the_truth():
    h = 0.5
    for _ in range(100):
        h = np.tanh(h)
    assert f"{h:.4f}" in checks.slow_fading("b").message


def loop(update, first=0.0):
    def run(w, inputs):
        h, states = first, []
        for x in inputs:
            h = update(w, h, x)
            states.append(h)
        return states

    return run


right_unit = loop(lambda w, h, x: np.tanh(w * h + x))


def stub(*arguments): ...


def test_plain_unit_not_yet():
    assert checks.plain_unit(stub).status == "not yet"
    assert checks.plain_unit(...).status == "not yet"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (loop(lambda w, h, x: w * h + x), "the tanh is missing"),
        (loop(lambda w, h, x: np.tanh(w * (h + x))), "multiplies the old state only"),
        (loop(lambda w, h, x: w * np.tanh(h) + x), "the input belongs inside"),
        (loop(lambda w, h, x: np.tanh(w * h) + x), "squeezes the whole sum"),
        (lambda w, inputs: np.tanh(inputs), "starts from 0 again"),
        (lambda w, inputs: right_unit(w, [inputs[0], 0, 0, 0, 0]), "only the first input"),
        (lambda w, inputs: right_unit(w, inputs)[-1], "the last state"),
        (lambda w, inputs: [0, *right_unit(w, inputs)], "before the first step"),
        (lambda w, inputs: right_unit(0.5, inputs), "wanted"),
        (lambda w, inputs: "h", "wanted numbers"),
        (lambda w, inputs: inputs / w, "TypeError"),
    ],
)
def test_plain_unit_wrong(function, words):
    assert_wrong(checks.plain_unit(function), words)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_plain_unit_right(kind):
    assert checks.plain_unit(lambda w, inputs: kind(right_unit(w, inputs))).status == "right"


# --- exercise 2 ----------------------------------------------------------------------------------


def test_larger_weight():
    assert checks.larger_weight(...).status == "not yet"
    assert_wrong(checks.larger_weight("a"), "depends on w")
    assert_wrong(checks.larger_weight("b"), "Find that h for w = 2")
    assert checks.larger_weight("c").status == "right"


def test_larger_weight_tells_the_truth():
    h = 0.5
    for _ in range(100):
        h = np.tanh(2 * h)
    assert f"h is {h:.4f}" in checks.larger_weight("c").message
    assert f"= {2 * (1 - h * h):.2f}." in checks.larger_weight("c").message


def test_plain_gradient_not_yet():
    assert checks.plain_gradient(stub).status == "not yet"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda w, h: np.prod(w * (1 - h**2)), "a factor too many"),
        (lambda w, h: np.prod(1 - h[1:] ** 2), "the weight is missing"),
        (lambda w, h: w * np.prod(1 - h[1:] ** 2), "only once"),
        (lambda w, h: np.prod(w * (1 - h[:-1] ** 2)), "at the state after it"),
        (lambda w, h: np.prod(w * (1 - h[1:])), "with a square"),
        (lambda w, h: np.sum(w * (1 - h[1:] ** 2)), "The chain rule multiplies"),
        (lambda w, h: abs(np.prod(w * (1 - h[1:] ** 2))), "the sign is not"),
        (lambda w, h: w * (1 - h[1:] ** 2), "Their product"),
        (lambda w, h: np.cumprod(w * (1 - h[1:] ** 2)), "the last one alone"),
        (lambda w, h: 0.0, "wanted -"),
    ],
)
def test_plain_gradient_wrong(function, words):
    assert_wrong(checks.plain_gradient(function), words)


def test_plain_gradient_right():
    assert checks.plain_gradient(lambda w, h: np.prod(w * (1 - h[1:] ** 2))).status == "right"


# --- exercise 3 ----------------------------------------------------------------------------------


def test_steps_to_half():
    assert checks.steps_to_half(...).status == "not yet"
    assert_wrong(checks.steps_to_half(5), "a tenth of what is left")
    assert_wrong(checks.steps_to_half(6), "still more than half")
    assert_wrong(checks.steps_to_half(8), "one step earlier")
    assert_wrong(checks.steps_to_half(6.58), "the first whole n")
    assert_wrong(checks.steps_to_half("seven"), "write one number")
    assert checks.steps_to_half(7).status == "right"


def test_gate_for_half_life_not_yet():
    assert checks.gate_for_half_life(stub).status == "not yet"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda n: 1 - 0.5 / n, "A gate multiplies"),
        (lambda n: 0.5**n, "Asked is the gate"),
        (lambda n: np.exp(-1 / n), "e stands where 2"),
        (lambda n: -np.log(2 ** (1 / n) - 1), "that is the bias"),
        (lambda n: 0.5 / n, "not what stays"),
        (lambda n: 0.5, "your gate for 10 steps is 0.5, wanted 0.933"),
        (lambda n: "half", "wanted numbers"),
    ],
)
def test_gate_for_half_life_wrong(function, words):
    assert_wrong(checks.gate_for_half_life(function), words)


def test_gate_for_half_life_right():
    assert checks.gate_for_half_life(lambda n: 0.5 ** (1 / n)).status == "right"


# --- exercise 4 ----------------------------------------------------------------------------------

F, I, O = [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]  # noqa: E741


@pytest.mark.parametrize("answers", [(..., ..., ...), (F, I, ...), (F, [1, 0, 0, ...], O), (None, I, O)])
def test_set_the_doors_not_yet(answers):
    assert checks.set_the_doors(*answers).status == "not yet"


@pytest.mark.parametrize(
    ("f", "i", "o", "words"),
    [
        ([0, 0, 0, 1], I, O, "the wrong way round"),
        ([1, 0, 0, 0], [1, 1, 1, 0], O, "have changed places"),
        (F, [1, 1, 0, 0], O, "after step 2 the page says -0.200"),
        (F, [0, 0, 0, 0], O, "The whole draft is to be written"),
        (F, [0.8, 0, 0, 0], O, "after step 1 the page says 0.640"),
        ([1, 0.9, 1, 0], I, O, "kept as it is: look at f"),
        ([1, 1, 1, 1], I, O, "erased: look at f"),
        (F, [1, 0, 0, 1], O, "look at i"),
        (F, I, [1, 1, 1, 1], "At step 1, o = 1 says 0.664. Only at step 3"),
        (F, I, [0, 0, 0.5, 0], "In full means o = 1"),
        (F, I, [0, 0, 1], "answer_o wants four numbers"),
        ("open", I, O, "answer_f wants four numbers"),
        (F, [2, 0, 0, 0], O, "outside 0 to 1"),
        ([1, 1, np.nan, 0], I, O, "outside 0 to 1"),
    ],
)
def test_set_the_doors_wrong(f, i, o, words):
    assert_wrong(checks.set_the_doors(f, i, o), words)


@pytest.mark.parametrize(("f", "o"), [(F, O), ([0, 1, 1, 0], [0, 0, 1, 1]), (np.array(F), tuple(O))])
def test_set_the_doors_right(f, o):
    assert checks.set_the_doors(f, I, o).status == "right"
