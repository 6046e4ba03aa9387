"""The widgets of notebook 03: every control moves the picture, and the words say what is measured."""

import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from lstm_helpers import bugs, widgets
from lstm_helpers.backprop import forget_product, state_jacobian
from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.rnn import RNNParams, rnn_forward, rnn_state_jacobian


def picture(panel):
    return imread(io.BytesIO(panel.children[1].value), format="png")


def changes_the_picture(panel, control, value):
    before = picture(panel)
    panel.controls[control].value = value
    return not np.array_equal(before, picture(panel))


# --- the eight paths, scrubbed -----------------------------------------------------------------------


@pytest.fixture
def sizes():
    every = np.random.default_rng(0).uniform(0.1, 1, (8, 7))
    every[7] = 0
    return {"every step": every, "last step": every * 0.01 ** np.arange(7)[::-1]}


def test_paths_at_every_step(sizes):
    panel = widgets.gradient_paths(sizes)
    assert panel.controls["t"].value == 6  # going back begins at the last step
    for run, numbers in sizes.items():
        panel.controls["run"].value = run
        for t in range(7):
            panel.controls["t"].value = t
            into_h, into_c = 1 + numbers[:5, t].argmax(), 6 + numbers[5:, t].argmax()
            said = re.findall(r"path <b>(\d) \((.+?)\)</b>, ([^;]+?)[;.]?(?= |$)", panel.words.value)
            assert [int(k) for k, *_ in said] == [into_h, into_c]
            assert float(said[0][2]) == pytest.approx(numbers[into_h - 1, t], rel=0.05)


def test_paths_move_the_picture(sizes):
    panel = widgets.gradient_paths(sizes)
    assert changes_the_picture(panel, "t", 2)
    assert changes_the_picture(panel, "run", "last step")
    assert repr(panel).startswith("gradient_paths(run='last step', t=2): ")


def test_paths_bad_input(sizes):
    with pytest.raises(ValueError, match="sizes is empty"):
        widgets.gradient_paths({})
    with pytest.raises(ValueError, match=r"sizes\['short'\] has shape \(8, 6\), wanted \(8, 7\)"):
        widgets.gradient_paths(sizes | {"short": sizes["every step"][:, 1:]})
    with pytest.raises(ValueError, match=r"wanted \(8, T\)"):
        widgets.gradient_paths({"seven": sizes["every step"][1:]})


# --- how far a gradient reaches ----------------------------------------------------------------------

NUMBER = r"<b>([^<]+)</b>"


@pytest.mark.parametrize(("forget_bias", "T", "scale"), [(1.0, 20, 1.0), (-4.0, 20, 1.0), (5.0, 7, 4.0), (8.0, 2, 0.0)])
def test_reach_says_what_the_helpers_measure(forget_bias, T, scale):
    x = np.random.default_rng(1).normal(size=(20, 2, 3))
    panel = widgets.gradient_reach(x, hidden_size=5, seed=2)
    for name, value in (("forget_bias", forget_bias), ("T", T), ("scale", scale)):
        panel.controls[name].value = value
    params, plain = LSTMParams.init(3, 5, seed=2, forget_bias=forget_bias), RNNParams.init(3, 5, seed=2)
    params.weight_hh *= scale
    plain.weight_hh *= scale
    trace, plain_trace = lstm_forward(x[:T, :1], params), rnn_forward(x[:T, :1], plain)
    wanted = [
        np.linalg.norm(state_jacobian(trace, params, 0, T)[5:, 5:], 2),
        forget_product(trace, 0, T).max(),
        np.linalg.norm(rnn_state_jacobian(plain_trace, plain, 0, T), 2),
    ]
    assert [float(text) for text in re.findall(NUMBER, panel.words.value)] == pytest.approx(wanted, rel=0.06)
    assert f"after {T} steps" in panel.words.value


def test_reach_moves_the_picture():
    panel = widgets.gradient_reach(np.random.default_rng(1).normal(size=(12, 1, 3)), hidden_size=4)
    assert changes_the_picture(panel, "forget_bias", 4.0)
    assert changes_the_picture(panel, "T", 5)
    assert changes_the_picture(panel, "scale", 3.0)


def test_reach_survives_its_ends():
    panel = widgets.gradient_reach(np.random.default_rng(1).normal(size=(100, 1, 3)), hidden_size=4)
    for forget_bias in (-4, 8):
        for scale in (0, 8):
            panel.controls["scale"].value = scale
            panel.controls["forget_bias"].value = forget_bias
            assert "nan" not in panel.words.value


def test_reach_bad_input():
    with pytest.raises(ValueError, match="T of x is 1, wanted at least 2"):
        widgets.gradient_reach(np.zeros((1, 1, 3)), hidden_size=4)
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\)"):
        widgets.gradient_reach(np.zeros((4, 3)), hidden_size=4)


# --- the museum --------------------------------------------------------------------------------------


def wrong_here(panel):
    return re.search(r"Wrong here:</b> ([^.]*)\.", panel.words.value)[1]


def test_museum_asks_for_a_prediction_first():
    panel = widgets.bug_museum()
    assert "Predict:" in panel.words.value
    assert "Wrong here" not in panel.words.value
    assert changes_the_picture(panel, "shown", True)
    assert "Wrong here" in panel.words.value
    panel.controls["bug"].value = "wrong_bias"  # another bug, another prediction
    assert not panel.controls["shown"].value
    assert "Predict:" in panel.words.value


@pytest.fixture(scope="module")
def museum():
    return widgets.bug_museum()


@pytest.mark.parametrize("bug", bugs.GRADIENT_BUGS)
def test_museum_shows_what_the_report_says(museum, bug):
    museum.controls["bug"].value = bug
    museum.controls["shown"].value = True
    for seq_len, convenient in ((3, False), (1, True)):
        options = {"zero_start": convenient, "zero_bias": convenient, "loss": bugs.LOSSES[2 * convenient]}
        for name, value in ({"seq_len": seq_len} | options).items():
            museum.controls[name].value = value
        report = bugs.error_report(bug, bugs.awkward_case(seq_len, **options))
        broken = {part.partition("[")[0] for part, errors in report.items() if errors[-1] > 1e-6}
        assert set(wrong_here(museum).split(", ")) - {"nothing"} == broken
        first = bugs.first_wrong_length(bug, **options)["weight_hh"]
        assert ("at no T up to 6" if first is None else f"from T = {first} on") in museum.words.value


def test_museum_answers_a_prediction():
    panel = widgets.bug_museum("missing_transpose")
    set_to = {"seq_len": 2, "zero_start": True, "expected": ("weight_hh", "x"), "since": 2, "shown": True}
    for name, value in set_to.items():
        panel.controls[name].value = value
    assert wrong_here(panel) == "weight_ih, bias, x, h0, c0"
    assert "You did not expect: weight_ih, bias, h0, c0." in panel.words.value
    assert "You expected, and it is right: weight_hh." in panel.words.value
    assert "from T = 3 on; you said T = 2." in panel.words.value
    panel.controls["expected"].value = ("weight_ih", "bias", "x", "h0", "c0")
    panel.controls["since"].value = 3
    assert "As you predicted." in panel.words.value
    assert "from T = 3 on, as you said." in panel.words.value


def test_museum_knows_never():
    panel = widgets.bug_museum("wrong_bias")
    for name, value in {"zero_bias": True, "since": 0, "shown": True}.items():
        panel.controls[name].value = value
    assert wrong_here(panel) == "nothing"
    assert "at no T up to 6, as you said." in panel.words.value
    panel.controls["since"].value = 1
    assert "you said T = 1." in panel.words.value


def test_museum_bad_input():
    with pytest.raises(ValueError, match="bug is 'readout_never_updated', wanted one of missing_transpose"):
        widgets.bug_museum("readout_never_updated")
