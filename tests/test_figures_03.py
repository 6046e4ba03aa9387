"""The pictures of notebook 03 show what they are given, and their words say the same."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lstm_helpers import bugs, figures


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def texts(ax):
    return [text.get_text() for text in ax.texts]


# --- the eight paths -------------------------------------------------------------------------------


@pytest.mark.parametrize("upto", range(9))
def test_the_diagram_grows_by_one_path(ax, upto):
    figures.draw_eight_paths(ax, upto)
    words = texts(ax)
    for k in range(1, 9):  # once in the sums below; and once on its way when it is drawn
        assert words.count(str(k)) == (2 if k <= upto else 1)
    factors = ["$u_o$", "$u_f$", "$u_i$", "$u_g$", r"$o_t\,(1-\tanh^2 c_t)$"]
    assert [factor in words for factor in factors] == [k <= upto for k in range(2, 7)]
    assert words.count("$f_{t+1}$") == (2 if upto >= 7 else 1)  # the gate's box, and the factor on path 7


def test_every_path_ends_at_the_state_whose_gradient_it_is(ax):
    figures.draw_eight_paths(ax, 8)
    colours = {figures.path_colour(k) for k in range(1, 9)}
    arrows = [patch for patch in ax.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(arrows) == 4 + 2 * 4 + 1  # four paths of one arrow, four through a gate, and c to h of the next step
    assert len(colours) == 7  # the two from the loss share one


def test_words_of_the_eight_paths():
    assert "Grey arrows lead from h of step t to the loss and to the four gates" in figures.eight_paths_alt(0)
    assert "path 3 as a thick arrow back to h, from the forget gate of step t+1." in figures.eight_paths_alt(3)
    assert figures.eight_paths_alt(3).endswith("so far, dh: 1, 2, 3; dc: none.")
    assert "path 7 as a thick arrow back to c, from c of step t+1" in figures.eight_paths_alt(7)
    assert figures.eight_paths_alt(7).endswith("so far, dh: 1, 2, 3, 4, 5; dc: 6, 7.")


def test_bad_paths(ax):
    with pytest.raises(ValueError, match="upto is 9, wanted 0 to 8"):
        figures.draw_eight_paths(ax, 9)
    with pytest.raises(ValueError, match="number is 0, wanted 1 to 8"):
        figures.path_colour(0)


# --- one value, two uses ---------------------------------------------------------------------------


def test_two_uses_adds_what_comes_back():
    fig, axes = plt.subplots(1, 2)
    figures.draw_two_uses(axes, a=3.0)
    plt.close(fig)
    assert {"a = 3", "p = 3a = 9", "q = a² = 9", "L = pq = 81"} <= set(texts(axes[0]))
    assert {"dp = q = 9", "dq = p = 9", "27", "54", "da = 27 + 54 = 81"} <= set(
        texts(axes[1])
    )  # L = 3a^3: dL/da = 9a^2
    assert "their sum is 81" in figures.two_uses_alt(3.0)


# --- relative errors -------------------------------------------------------------------------------


def test_errors_show_every_number(ax):
    report = bugs.error_report("missing_transpose", bugs.awkward_case(4))
    image, cells = figures.draw_errors(ax, report, "a title")
    shown = texts(ax)
    assert shown == ["–" if np.isnan(e) else figures.error_text(e) for errors in report.values() for e in errors]
    assert shown.count("ok") == 13  # the last step: three times four gates, and x
    assert shown.count("–") == 8  # steps add nothing to h0 and c0
    assert [cell.get_position() for cell in cells[:6]] == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 1)]
    np.testing.assert_array_equal(image.get_array(), figures.error_cells(report)[0])
    assert [label.get_text() for label in ax.get_yticklabels()] == list(bugs.PARTS)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["t = 0", "t = 1", "t = 2", "t = 3", "whole"]
    assert ax.get_title() == "a title"


def test_a_larger_error_is_drawn_darker_and_its_number_can_be_read():
    colours, words, inks = figures.error_cells({"x": np.array([np.nan, 0.0, 0.002, 0.1, 5.0])})
    light = (colours[0, :, :3] @ [0.3, 0.59, 0.11]).round(2)
    assert words == ["–", "ok", "0.002", "0.1", "5"]
    assert light[1] == 1  # right is white
    assert light[2] > light[3] > light[4]
    for brightness, ink in zip(light, inks, strict=True):
        assert abs(brightness - (ink == "white")) > 0.35


@pytest.mark.parametrize(
    ("error", "text"), [(1e-12, "ok"), (0.0, "ok"), (0.0321, "0.032"), (1.44, "1.4"), (12.3, "12"), (np.inf, "∞")]
)
def test_error_text(error, text):
    assert figures.error_text(error) == text


def test_words_of_the_errors():
    report = bugs.error_report("missing_transpose", bugs.awkward_case(4))
    words = figures.errors_alt(report)
    whole = [report[f"weight_hh[{gate}]"][-1] for gate in "ifgo"]
    assert f"weight_hh by {figures.error_text(min(whole))} to {figures.error_text(max(whole))}, bias by" in words
    assert f"h0 by {figures.error_text(report['h0'][-1])}," in words
    assert words.endswith("All that step 3 adds is right.")
    right = figures.errors_alt(bugs.error_report("wrong_bias", bugs.awkward_case(3, zero_bias=True)))
    assert right.endswith("No gradient is wrong.")
    some = figures.errors_alt(bugs.error_report("missing_transpose", bugs.awkward_case(2, zero_start=True)))
    assert "Wrong: weight_ih[i, g, o] by " in some
    assert "without a gradient: weight_ih[f], weight_hh[i], weight_hh[f], weight_hh[g], weight_hh[o], bias[f]." in some
    assert "No step is all right" in figures.errors_alt(bugs.error_report("wrong_bias", bugs.awkward_case(3)))


# --- sizes of the eight paths ----------------------------------------------------------------------


def sizes():
    sizes = np.full((8, 5), 0.5)
    sizes[7] = 0
    sizes[0, :2] = 2.0
    sizes[6, 4] = 3.0
    return sizes


def test_path_sizes_show_every_number(ax):
    image = figures.draw_path_sizes(ax, sizes())
    shown = texts(ax)
    assert shown.count("0.5") == 40 - 5 - 3
    assert shown.count("0") == 5
    assert (shown.count("2"), shown.count("3")) == (2, 1)
    np.testing.assert_allclose(10.0 ** image.get_array()[:7], sizes()[:7])
    assert image.get_array().mask[7].all()


def test_words_of_the_path_sizes():
    words = figures.path_sizes_alt(sizes())
    assert "t = 0: path 1, t = 2: path 1, t = 4: path 7" in words
    assert words.endswith("Nothing ever comes on path 8.")
